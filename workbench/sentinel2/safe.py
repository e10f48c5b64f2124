"""Level-2A products in their original folders (SAFE).

Bands come from ``GRANULE/*/IMG_DATA/R10m`` and ``R20m`` (JPEG 2000), weights from the scene
classification or the cloud probability of the product, time, baseline and offsets from
``MTD_MSIL2A.xml``. Source: Sentinel-2 Products Specification Document (S2-PDGS-TAS-DI-PSD).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr

from workbench.errors import BadFile, BadInput
from workbench.rasters.planes import Plane
from workbench.rasters.rasterfiles import JPEG2000
from workbench.rasters.times import time_bounds, to_time
from workbench.safexml import read_xml
from workbench.sentinel2.acquisitions import Acquisition, collect
from workbench.sentinel2.bands import BANDS, L1C_BANDS, RESOLUTION, check_bands
from workbench.sentinel2.cloudweights import CLEAR, ClearRule
from workbench.sentinel2.filestacks import stack_acquisitions
from workbench.sentinel2.grids import open_image
from workbench.sentinel2.identity import parse_name
from workbench.sentinel2.offsets import boa_offset
from workbench.sentinel2.stacks import ReadOptions

__all__ = ["ProductMetadata", "find_products", "open_product", "read_metadata", "read_safe"]

METADATA = "MTD_MSIL2A.xml"


@dataclass(frozen=True)
class ProductMetadata:
    """What the metadata of a product says.

    Attributes
    ----------
    time
        Start of the acquisition, UTC.
    baseline
        Processing baseline, such as ``"04.00"``.
    offsets
        DN to subtract by band (the negative of ``BOA_ADD_OFFSET``), empty where the metadata has no
        offset.
    quantification
        DN of reflectance 1 (``BOA_QUANTIFICATION_VALUE``).
    generated
        When the product was made, as the file writes it.
    """

    time: np.datetime64
    baseline: str
    offsets: dict[str, int] = field(default_factory=dict)
    quantification: float = 10_000.0
    generated: str = ""


def read_metadata(path: str | Path) -> ProductMetadata:
    """Read ``MTD_MSIL2A.xml``.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    ProductMetadata
        Time, baseline, offsets and scale of the product.

    Raises
    ------
    BadFile
        If it is missing, not XML, declares entities, or lacks time or baseline.
    """
    path = Path(path)
    root = read_xml(path)
    texts: dict[str, str] = {}
    offsets: dict[str, int] = {}
    for element in root.iter():
        tag, text = str(element.tag).rsplit("}", 1)[-1], (element.text or "").strip()
        if tag == "BOA_ADD_OFFSET":
            band, amount = _offset(path, element.get("band_id"), text)
            offsets[band] = amount
        elif text:
            texts.setdefault(tag, text)
    start = texts.get("DATATAKE_SENSING_START") or texts.get("PRODUCT_START_TIME")
    baseline = texts.get("PROCESSING_BASELINE")
    if start is None or baseline is None:
        raise BadFile(f"{path}: no DATATAKE_SENSING_START or no PROCESSING_BASELINE in it")
    try:
        time = to_time(start)
        quantification = float(texts.get("BOA_QUANTIFICATION_VALUE", 10_000))
    except ValueError as error:
        raise BadFile(f"{path}: {error}") from error
    return ProductMetadata(
        time, baseline, offsets, quantification, texts.get("GENERATION_TIME", "")
    )


def _offset(path: Path, band_id: str | None, text: str) -> tuple[str, int]:
    try:
        return L1C_BANDS[int(band_id or "")], -int(float(text))
    except (ValueError, IndexError) as error:
        raise BadFile(f"{path}: BOA_ADD_OFFSET of band_id {band_id!r} is {text!r}") from error


def find_products(source: str | Path | Iterable[str | Path]) -> list[Path]:
    """Return SAFE folders: `source` itself, those inside it, or those listed.

    Parameters
    ----------
    source
        A SAFE folder or its ``MTD_MSIL2A.xml``, a folder of them, or several of these.

    Returns
    -------
    list of Path
        Those of a folder by name.

    Raises
    ------
    BadFile
        If a path is not a SAFE folder and holds none.
    """
    if not isinstance(source, str | Path):
        return [folder for path in source for folder in find_products(path)]
    folder = Path(source)
    if folder.is_file() and folder.name == METADATA:
        folder = folder.parent
    if (folder / METADATA).is_file() or folder.suffix == ".SAFE":
        return [folder]
    found = sorted(path for path in folder.glob("*.SAFE") if path.is_dir())
    if not found:
        raise BadFile(f"{folder}: not a SAFE folder (no {METADATA}) and none inside it")
    return found


def read_safe(
    folders: str | Path | Iterable[str | Path],
    aoi: Any | None = None,
    *,
    bands: Sequence[str] = BANDS,
    weights: Literal["scl", "probability"] = "scl",
    clear: Collection[int] = CLEAR,
    dilate: float | None = None,
    threshold: float | None = None,
    offset: int | None = None,
    **options: Any,
) -> xr.Dataset:
    """Read Level-2A SAFE folders as a stack.

    Parameters
    ----------
    folders
        One SAFE folder, a folder of them, or several. Tiles and zones are put on one grid; of an
        acquisition processed twice the higher baseline is used.
    aoi
        Region, see `workbench.rasters.grids.Aoi`.
    bands
        Bands wanted; 20 m bands are interpolated bilinearly to the target.
    weights
        From the scene classification or from ``MSK_CLDPRB_20m`` (0..100).
    clear, dilate, threshold
        See `workbench.sentinel2.cloudweights.ClearRule`.
    offset
        DN to subtract from every image; default: what the metadata of each says.
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
        If an argument is wrong or no image is left.
    BadFile
        If a product is incomplete or broken, naming the file.
    """
    opts = ReadOptions(aoi=aoi, **options)
    wanted = check_bands(bands)
    if weights not in ("scl", "probability"):
        raise BadInput(f"weights={weights!r}: 'scl' or 'probability'")
    rule = ClearRule(weights, clear, dilate, threshold)
    images = collect(
        _near(find_products(folders), opts),
        lambda path: open_product(path, wanted, weights, offset),
        opts.on_error,
    )
    return stack_acquisitions(images, wanted, rule, opts)


def _near(folders: list[Path], options: ReadOptions) -> list[Path]:
    """Leave out what is of another time by its name, so that it need not be whole.

    All are kept where none would be left, to say what there is.
    """
    if options.time_range is None:
        return folders
    start, end = time_bounds(options.time_range)
    more = np.timedelta64(round((max(options.buffer_days, 0) + 1) * 86_400), "s")
    times = [parse_name(folder.name).time for folder in folders]
    near = [
        folder for folder, time in zip(folders, times, strict=True)
        if time is None or start - more <= time <= end + more
    ]  # fmt: skip
    return near or folders


def open_product(
    folder: Path, bands: Sequence[str], weights: str = "scl", offset: int | None = None
) -> Acquisition:
    """Return what a SAFE folder holds; only headers and metadata are read.

    Parameters
    ----------
    folder
        Of one product.
    bands, weights, offset
        See `read_safe`.

    Raises
    ------
    BadFile
        If it is incomplete or broken, naming the file.
    """
    metadata = read_metadata(folder / METADATA)
    if metadata.quantification != 10_000:
        raise BadFile(
            f"{folder}: BOA_QUANTIFICATION_VALUE is {metadata.quantification:g}, expected 10000"
        )
    granules = sorted(path for path in folder.glob("GRANULE/*") if path.is_dir())
    if len(granules) != 1:
        raise BadFile(f"{folder}: {len(granules)} folders in GRANULE, expected 1")
    planes = tuple(_plane(granules[0], band) for band in bands)
    tile = parse_name(folder.name).tile or _granule_tile(granules[0])
    _check_zone(tile, planes)
    if offset is None and metadata.offsets:
        offsets = tuple(metadata.offsets.get(band, 0) for band in bands)
    else:
        amount = boa_offset(baseline=metadata.baseline, offset=offset, name=str(folder))
        offsets = (amount,) * len(bands)
    mask = _mask(granules[0], weights)
    foreign = metadata.baseline.startswith("9")  # 99.99: not a baseline of the ground segment
    rank = ("" if foreign else metadata.baseline, metadata.generated)
    return Acquisition(str(folder), metadata.time, tile, planes, offsets, mask, rank)


def _check_zone(tile: str, planes: Sequence[Plane]) -> None:
    """Refuse images of a product that do not lie in the UTM zone of its tile."""
    if not tile[:2].isdecimal():
        return
    zone = f"EPSG:{326 if tile[2:3] >= 'N' else 327}{tile[:2]}"
    for plane in planes:
        if plane.placed.crs != zone:
            raise BadFile(
                f"{plane.path}: in {plane.placed.crs}, but tile {tile} lies in UTM zone "
                f"{tile[:2]}, {zone}: remove the product, or get it anew"
            )


def _granule_tile(granule: Path) -> str:
    parts = granule.name.split("_")  # L2A_T31UDS_A020000_20210103T105331
    return parts[1].removeprefix("T") if len(parts) > 2 else ""


def _plane(granule: Path, band: str) -> Plane:
    size = RESOLUTION[band]
    pattern = f"IMG_DATA/R{size}m/*_{band}_{size}m.jp2"
    found = sorted(granule.glob(pattern))
    if len(found) != 1:
        raise BadFile(f"{granule}: band {band}: {len(found)} files {pattern}, expected 1")
    return _one_band(found[0], "uint16")


def _mask(granule: Path, weights: str) -> Plane | None:
    pattern = "IMG_DATA/R20m/*_SCL_20m.jp2" if weights == "scl" else "QI_DATA/MSK_CLDPRB_20m.jp2"
    found = sorted(granule.glob(pattern))
    return _one_band(found[0], "uint8") if found else None


def _one_band(path: Path, dtype: str) -> Plane:
    raster = open_image(path, JPEG2000)
    if raster.count != 1 or raster.dtype != dtype:
        raise BadFile(f"{path}: {raster.count} bands of {raster.dtype}, expected 1 of {dtype}")
    return raster.plane()
