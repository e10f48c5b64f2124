"""Sentinel-2 L2A items of a STAC catalogue: Earth Search and Planetary Computer.

Nothing here searches a catalogue: items come from `pystac_client`, or from a file. Names of assets
and what their pixels contain are in `workbench.sentinel2.bands.COLLECTIONS`. Items of Earth Search
``sentinel-2-l2a`` are known to state ``earthsearch:boa_offset_applied`` wrongly now and then
(issues 66 and 71 of Element84/earth-search); pass ``offset=`` where you know better.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import xarray as xr

from workbench.errors import BadFile, BadInput
from workbench.rasters.grids import make_grid
from workbench.rasters.planes import Plane
from workbench.rasters.rasterfiles import GEOTIFF, JPEG2000
from workbench.rasters.times import to_time
from workbench.sentinel2.acquisitions import Acquisition, collect
from workbench.sentinel2.bands import BANDS, COLLECTIONS, AssetTable, check_bands
from workbench.sentinel2.cloudweights import CLEAR, ClearRule
from workbench.sentinel2.filestacks import stack_acquisitions
from workbench.sentinel2.grids import check_grid, open_image
from workbench.sentinel2.offsets import boa_offset
from workbench.sentinel2.stacks import ReadOptions

__all__ = ["asset_table", "load_items", "read_stac"]

_DRIVERS = (*GEOTIFF, *JPEG2000)
_SCHEMES = ("http", "https", "s3")


def read_stac(
    items: str | Path | Iterable[Any],
    aoi: Any | None = None,
    *,
    bands: Sequence[str] = BANDS,
    clear: Collection[int] = CLEAR,
    dilate: float | None = None,
    offset: int | None = None,
    table: AssetTable | None = None,
    patch_url: Callable[[str], str] | None = None,
    **options: Any,
) -> xr.Dataset:
    """Read STAC items as a stack.

    A grid that an item states by the projection extension (``proj:code`` or ``proj:epsg``,
    ``proj:shape``, ``proj:transform``) is taken from there; headers of such files are not read.

    Parameters
    ----------
    items
        `pystac.Item` objects, their dictionaries, or the path of a JSON file that holds an item or
        an item collection (relative addresses count from its folder).
    aoi
        Region, see `workbench.rasters.grids.Aoi`.
    bands
        Bands wanted.
    clear, dilate
        See `workbench.sentinel2.cloudweights.ClearRule`; weights come from the scene
        classification.
    offset
        DN to subtract from every item; default: what each item and its collection say.
    table
        Names of the assets in a collection that `workbench.sentinel2.bands.COLLECTIONS` lacks.
    patch_url
        Applied to each address before it is opened, such as ``planetary_computer.sign``.
    **options
        See `workbench.sentinel2.stacks.ReadOptions`.

    Returns
    -------
    xarray.Dataset
        ``reflectance`` (time, band, y, x) uint16, 0 missing, and ``weight`` (time, y, x), 1 clear;
        see `workbench.sentinel2.stacks.stack_of`.

    Raises
    ------
    BadInput
        If an argument is wrong, a collection is unknown, or no item is left.
    BadFile
        If an item or an asset is broken.
    """
    opts = ReadOptions(aoi=aoi, **options)
    wanted = check_bands(bands)
    rule = ClearRule("scl", clear, dilate)

    def read(item: Any) -> Acquisition:
        return _acquisition(item, wanted, offset, table, patch_url)

    images = collect(load_items(items), read, opts.on_error)
    return stack_acquisitions(images, wanted, rule, opts)


def load_items(source: str | Path | Iterable[Any]) -> list[Any]:
    """Return `pystac.Item` objects.

    Parameters
    ----------
    source
        Items, their dictionaries, or the path of a JSON file (an Item or a FeatureCollection of
        STAC 1.0).

    Returns
    -------
    list of pystac.Item
        Those of a file have an address in its folder, from which relative ones count.

    Raises
    ------
    BadFile
        If the file is missing, not JSON, or holds no items.
    BadInput
        If one of the objects is not an item.
    """
    import pystac

    if not isinstance(source, str | Path):
        given = [source] if isinstance(source, pystac.Item | Mapping) else list(source)
        return [_item(entry, None) for entry in given]
    path = Path(source)
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise BadFile(f"{path}: no such file") from error
    except (OSError, ValueError) as error:
        raise BadFile(f"{path}: not readable as JSON: {error}") from error
    kind = content.get("type") if isinstance(content, dict) else None
    found = [content] if kind == "Feature" else None
    if kind == "FeatureCollection":
        found = content.get("features")
    if not isinstance(found, list) or not found:
        raise BadFile(f"{path}: holds no STAC items (type {kind!r})")
    return [_item(entry, path) for entry in found]


def _item(entry: Any, path: Path | None) -> Any:
    import pystac

    if isinstance(entry, pystac.Item):
        return entry
    try:
        item: Any = pystac.Item.from_dict(dict(entry), preserve_dict=True)
    except Exception as error:  # pystac raises whatever the wrong content happens to trigger
        if path is None:
            raise BadInput(f"not a STAC item: {str(entry)[:80]} ({error!r})") from error
        raise BadFile(f"{path}: an entry is not a STAC item ({error!r})") from error
    if path is not None and item.get_self_href() is None:
        item.set_self_href(str(path.resolve().parent / f"{Path(item.id).name}.json"))
    return item


def asset_table(item: Any) -> AssetTable:
    """Return the table of an item's collection that fits the item best.

    Parameters
    ----------
    item
        A `pystac.Item`.

    Returns
    -------
    AssetTable
        Of the tables of its collection, the one with most asset keys in the item.

    Raises
    ------
    BadInput
        If the collection is not in `workbench.sentinel2.bands.COLLECTIONS`.
    """
    tables = COLLECTIONS.get(item.collection_id or "")
    if tables is None:
        raise BadInput(
            f"item {item.id}: collection {item.collection_id!r} is not one of "
            f"{', '.join(COLLECTIONS)}: pass table=AssetTable(...)"
        )
    return max(tables, key=lambda one: sum(key in item.assets for key in one.assets.values()))


def _acquisition(
    item: Any,
    bands: Sequence[str],
    offset: int | None,
    table: AssetTable | None,
    patch_url: Callable[[str], str] | None,
) -> Acquisition:
    if item.datetime is None:
        raise BadFile(f"item {item.id}: no datetime")
    names = asset_table(item) if table is None else table
    missing = [band for band in bands if names.assets.get(band) not in item.assets]
    if missing:
        raise BadFile(f"item {item.id}: no asset for {', '.join(missing)}")
    planes = tuple(_plane(item, names.assets[band], "u", patch_url) for band in bands)
    mask = _plane(item, names.scl, "u", patch_url) if names.scl in item.assets else None
    properties = item.properties
    baseline = properties.get("s2:processing_baseline", properties.get("processing:version"))
    applied = properties.get(names.flag) if names.flag else None
    if applied is None:
        applied = names.offset_removed
    elif not isinstance(applied, bool):
        raise BadFile(f"item {item.id}: {names.flag} is {applied!r}, expected true or false")
    amount = boa_offset(baseline=baseline, applied=applied, offset=offset, name=f"item {item.id}")
    rank = (str(baseline), str(properties.get("s2:generation_time", "")), item.id)
    offsets = (amount,) * len(bands)
    return Acquisition(item.id, to_time(item.datetime), _tile(item), planes, offsets, mask, rank)


def _tile(item: Any) -> str:
    properties = item.properties
    code = properties.get("s2:mgrs_tile") or properties.get("grid:code", "")
    if not code and "mgrs:utm_zone" in properties:
        parts = ("mgrs:utm_zone", "mgrs:latitude_band", "mgrs:grid_square")
        code = "".join(str(properties.get(part, "")) for part in parts)
    match = re.search(r"(\d{1,2})([A-Z]{3})$", str(code))
    return f"{int(match[1]):02d}{match[2]}" if match else ""


def _plane(item: Any, key: str, dtypes: str, patch_url: Callable[[str], str] | None) -> Plane:
    asset = item.assets[key]
    href = asset.get_absolute_href() or asset.href
    address, local = _address(item.id, href)
    if patch_url is not None:
        address = patch_url(address)
    grid = None if local else _stated_grid(item, asset, address)
    if grid is not None:
        return Plane(address, 1, grid, _DRIVERS, "uint16")
    raster = open_image(address, _DRIVERS, dtypes=dtypes, local=local)
    if raster.count != 1:
        raise BadFile(f"{address}: {raster.count} bands, expected 1")
    return raster.plane()


def _address(name: str, href: str) -> tuple[str, bool]:
    """Return what to open, and whether it is a local file."""
    parts = urlsplit(href)
    if parts.scheme in _SCHEMES:
        return href, False
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return unquote(parts.path), True
    drive = len(parts.scheme) == 1  # C:\...
    if (parts.scheme and not drive) or href.startswith("/vsi"):
        raise BadFile(f"item {name}: address {href!r} is neither a file nor {', '.join(_SCHEMES)}")
    return href, True


def _stated_grid(item: Any, asset: Any, name: str) -> Any:
    """Return the grid that the projection extension of STAC states, None where it states none.

    With it the header of a remote file need not be read.
    """
    from affine import Affine

    def stated(field: str) -> Any:
        return asset.extra_fields.get(field, item.properties.get(field))

    code = stated("proj:code") or stated("proj:epsg")
    transform, shape = (
        asset.extra_fields.get("proj:transform"),
        asset.extra_fields.get("proj:shape"),
    )
    if code is None or not transform or not shape:
        return None
    crs = f"EPSG:{code}" if isinstance(code, int) else str(code)
    grid = make_grid((int(shape[0]), int(shape[1])), Affine(*transform[:6]), crs, name)
    return check_grid(grid, name)
