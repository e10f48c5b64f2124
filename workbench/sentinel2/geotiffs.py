"""A folder of GeoTIFFs, one for each date, with their cloud masks: the FarmVibes.AI layout.

An image has 10 bands (B02..B12), 12 (L2A) or 13 (L1C), all on one grid; a mask has one band, 0
clear and anything else cloud. Image and mask belong together by acquisition time and tile, never by
their place in a list. Time and tile come from the file name or from TIFF tags:

- ``S2_31UDS_20220130T105211.tif`` (also ``S2A_T31UDS_...``, and more after the time);
- a product name, which says the processing baseline too:
  ``S2A_MSIL2A_20220130T105211_N0400_R051_T31UDS_20220130T133042.tif``;
- any name, with the tags ``ACQUISITION_TIME`` (ISO 8601, UTC) and ``MGRS_TILE``.

``_mask`` or ``_cloud`` at the end of the name makes a file a mask, as does being in the folder of
masks. The tags ``PROCESSING_BASELINE`` and ``BOA_OFFSET_APPLIED`` (0 or 1) say what the pixels
hold.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import xarray as xr

from workbench.errors import BadFile, BadInput
from workbench.rasters.reading import Raster, open_raster
from workbench.sentinel2.acquisitions import Acquisition, collect, to_time
from workbench.sentinel2.bands import BANDS, check_bands, stack_positions
from workbench.sentinel2.cloudweights import CLEAR, ClearRule, Kind
from workbench.sentinel2.offsets import boa_offset
from workbench.sentinel2.stacks import ReadOptions, stack_images

__all__ = ["Named", "find_rasters", "parse_name", "read_folder"]

logger = logging.getLogger("spaceeye")

_TIME = r"(?P<time>\d{8}T\d{6})"
_TILE = r"T?(?P<tile>\d{2}[A-Z]{3})"
_PRODUCT = re.compile(
    rf"S2[A-D]_MSIL(?:1C|2A)_{_TIME}_N(?P<baseline>\d{{4}})_R\d{{3}}_{_TILE}(?:_|\.|$)"
)
_SHORT = re.compile(rf"S2[A-D]?_{_TILE}_{_TIME}(?:_|\.|$)")
_MASK = re.compile(r"_(?:mask|cloud|cloudmask|cloud_mask)$", re.IGNORECASE)
_SUFFIXES = (".tif", ".tiff")


@dataclass(frozen=True)
class Named:
    """What a file name says."""

    time: np.datetime64 | None = None
    tile: str = ""
    baseline: str | None = None


def parse_name(name: str) -> Named:
    """Read acquisition time, tile and processing baseline from a file or product name.

    Raises
    ------
    BadFile
        If it has the form of a name but the time in it does not exist.
    """
    match = _PRODUCT.match(name) or _SHORT.match(name)
    if match is None:
        return Named()
    found = match.groupdict()
    try:
        time = to_time(found["time"])
    except BadInput as error:
        raise BadFile(f"{name}: {error}") from error
    return Named(time, found["tile"], found.get("baseline"))


def read_folder(
    folder: str | Path | Iterable[str | Path],
    masks: str | Path | Iterable[str | Path] | None = None,
    *,
    bands: Sequence[str] = BANDS,
    mask_kind: Kind = "mask",
    clear: Collection[int] = CLEAR,
    dilate: float | None = None,
    threshold: float | None = None,
    scale: float | None = None,
    offset: int | None = None,
    **options: Any,
) -> xr.Dataset:
    """Read a folder of GeoTIFFs as a stack.

    Parameters
    ----------
    folder
        Folder of images, or their paths.
    masks
        Folder of masks, or their paths. Default: the folder ``masks`` inside, and the files of
        `folder` whose names end in ``_mask`` or ``_cloud``.
    bands
        Bands wanted.
    mask_kind, clear, dilate, threshold, scale
        How masks become weights, see `workbench.sentinel2.cloudweights.ClearRule`.
    offset
        DN to subtract from every image; default: by name or tags of each.
    **options
        See `workbench.sentinel2.stacks.ReadOptions`.

    Returns
    -------
    xarray.Dataset
        The stack.

    Raises
    ------
    BadInput
        If an argument is wrong or no image is left.
    BadFile
        If a file is broken, says nothing of its time, or two are the same acquisition.
    """
    opts = ReadOptions(**options)
    wanted = check_bands(bands)
    rule = ClearRule(mask_kind, clear, dilate, threshold, scale)
    image_paths, mask_paths = find_rasters(folder, masks)
    kinds = "uif" if mask_kind == "probability" else "ui"
    found = collect(mask_paths, lambda path: _mask(path, kinds), opts.on_error)
    images = collect(image_paths, lambda path: _image(path, wanted, offset), opts.on_error)
    return stack_images(_pair(_unique(images, opts.on_error), found), wanted, rule, opts)


def find_rasters(folder: Any, masks: Any) -> tuple[list[Path], list[Path]]:
    paths = _listed(folder)
    if masks is not None:
        chosen = _listed(masks)
        resolved = {path.resolve() for path in chosen}
        images = [path for path in paths if path.resolve() not in resolved]
    else:
        chosen = [path for path in paths if _MASK.search(path.stem)]
        images = [path for path in paths if not _MASK.search(path.stem)]
        if isinstance(folder, str | Path) and (Path(folder) / "masks").is_dir():
            chosen += _listed(Path(folder) / "masks")
    if not images:
        raise BadFile(f"{folder}: no GeoTIFF image ({' or '.join(_SUFFIXES)}) in it")
    return images, chosen


def _listed(source: Any) -> list[Path]:
    if not isinstance(source, str | Path):
        return [Path(path) for path in source]
    folder = Path(source)
    if not folder.is_dir():
        raise BadFile(f"{folder}: no such folder")
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".")
    )


def _identity(path: Path, raster: Raster) -> Named:
    """Give time, tile and baseline from the name and the tags, which must not contradict."""
    name = parse_name(path.name)
    stated = raster.tags.get("ACQUISITION_TIME")
    try:
        time = to_time(stated) if stated else name.time
    except BadInput as error:
        raise BadFile(f"{path}: tag ACQUISITION_TIME: {error}") from error
    tile = raster.tags.get("MGRS_TILE", "").removeprefix("T") or name.tile
    if time is None:
        raise BadFile(
            f"{path}: neither its name (such as S2_31UDS_20220130T105211.tif) nor the tag "
            "ACQUISITION_TIME says when it was acquired"
        )
    if name.time is not None and abs(time - name.time) >= np.timedelta64(1, "s"):
        raise BadFile(f"{path}: the name says {name.time}, the tag ACQUISITION_TIME {time}")
    if name.tile and tile != name.tile:
        raise BadFile(f"{path}: the name says tile {name.tile}, the tag MGRS_TILE {tile}")
    return Named(time, tile, raster.tags.get("PROCESSING_BASELINE") or name.baseline)


def _image(path: Path, bands: Sequence[str], offset: int | None) -> Acquisition:
    raster = open_raster(path)
    if raster.dtype != "uint16":
        raise BadFile(f"{path}: pixels are {raster.dtype}, expected uint16 (reflectance x 10000)")
    identity = _identity(path, raster)
    assert identity.time is not None
    try:
        places = stack_positions(raster.count, raster.descriptions)
    except BadInput as error:
        raise BadFile(f"{path}: {error}") from error
    applied = raster.tags.get("BOA_OFFSET_APPLIED", "").strip().lower()
    amount = boa_offset(
        baseline=identity.baseline,
        applied=applied in ("1", "true", "yes"),
        offset=offset,
        name=str(path),
    )
    planes = tuple(raster.plane(places[band]) for band in bands)
    offsets = (amount,) * len(planes)
    return Acquisition(str(path), identity.time, identity.tile, planes, offsets)


def _mask(path: Path, kinds: str) -> tuple[Path, Named, Raster]:
    raster = open_raster(path, dtypes=kinds)
    if raster.count != 1:
        raise BadFile(f"{path}: a mask has one band, this has {raster.count}")
    return path, _identity(path, raster), raster


Item = TypeVar("Item")


def _unique(images: list[Acquisition], on_error: Any) -> list[Acquisition]:
    """Refuse two images of one tile and time; with ``"skip"`` the first by name stays."""
    seen: dict[tuple[Any, str], Acquisition] = {}

    def check(image: Acquisition) -> Acquisition:
        other = seen.setdefault((image.time, image.tile), image)
        if other is not image:
            raise BadFile(
                f"{image.name}: the same acquisition ({image.tile or 'no tile'}, {image.time}) as "
                f"{other.name}: remove one"
            )
        return image

    return collect(images, check, on_error)


def _pair(images: list[Acquisition], masks: list[tuple[Path, Named, Raster]]) -> list[Acquisition]:
    """Give each image its mask, by time and tile."""
    from dataclasses import replace

    by_key: dict[tuple[Any, str], tuple[Path, Raster]] = {}
    for path, named, raster in masks:
        other = by_key.setdefault((named.time, named.tile), (path, raster))
        if other[0] != path:
            raise BadFile(f"{path}: a second mask for {named.tile} {named.time} beside {other[0]}")
    paired = []
    for image in images:
        found = by_key.pop((image.time, image.tile), None)
        mask = None if found is None else found[1].plane()
        paired.append(replace(image, mask=mask))
    if by_key:
        names = ", ".join(sorted(path.name for path, _ in by_key.values()))
        logger.warning("ignored %d masks that have no image: %s", len(by_key), names)
    return paired
