"""A folder of GeoTIFFs, one for each date, with their cloud masks: the FarmVibes.AI layout.

An image has 10 bands (B02..B12), 12 (L2A) or 13 (L1C), all on one grid; a mask has one band, 0
clear and anything else cloud. Image and mask belong together by acquisition time and tile, never by
their place in a list. Time and tile come from names or tags, see `workbench.sentinel2.identity`.

``_mask`` or ``_cloud`` at the end of the name makes a file a mask, as does being in the folder of
masks.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from workbench.errors import BadFile, BadInput
from workbench.rasters.planes import Plane
from workbench.rasters.rasterfiles import RasterFile
from workbench.sentinel2.acquisitions import Acquisition, collect
from workbench.sentinel2.bands import BANDS, check_bands, stack_positions
from workbench.sentinel2.cloudweights import CLEAR, ClearRule, Kind
from workbench.sentinel2.filestacks import stack_acquisitions
from workbench.sentinel2.grids import open_image
from workbench.sentinel2.identity import Identity, identity_of
from workbench.sentinel2.offsets import boa_offset
from workbench.sentinel2.stacks import ReadOptions

__all__ = ["find_rasters", "image_in", "mask_in", "read_folder"]

logger = logging.getLogger(__name__)

_MASK = re.compile(r"_(?:mask|cloud|cloudmask|cloud_mask)$", re.IGNORECASE)
_SUFFIXES = (".tif", ".tiff")


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
        ``reflectance`` (time, band, y, x) uint16, 0 missing, and ``weight`` (time, y, x), 1 clear;
        see `workbench.sentinel2.stacks.stack_of`.

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
    images = collect(image_paths, lambda path: image_in(path, wanted, offset=offset), opts.on_error)
    return stack_acquisitions(_pair(_unique(images, opts.on_error), found), wanted, rule, opts)


def find_rasters(folder: Any, masks: Any = None) -> tuple[list[Path], list[Path]]:
    """List images and masks.

    Parameters
    ----------
    folder, masks
        As for `read_folder`.

    Returns
    -------
    images, masks : list of Path
        The files of a folder by name, hidden ones left out.

    Raises
    ------
    BadFile
        If a folder is missing, or there is no image.
    """
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


def image_in(
    path: Path,
    bands: Sequence[str],
    *,
    offset: int | None = None,
    time: Any = None,
    tile: str | None = None,
) -> Acquisition:
    """Read the header of an image of several bands; its mask is not known yet.

    Parameters
    ----------
    path
        GeoTIFF of uint16: DN, 0 missing.
    bands
        Bands wanted.
    offset
        DN to subtract; default: by name or tags.
    time, tile
        Acquisition time (UTC) and MGRS tile where the caller knows them better than name and tags.

    Returns
    -------
    Acquisition
        With one plane for each of `bands`, without a mask.

    Raises
    ------
    BadFile
        If it is broken, says nothing of its time, or does not hold the bands.
    BadInput
        If nothing says whether the offset is in its pixels.
    """
    raster = open_image(path)
    if raster.dtype != "uint16":
        raise BadFile(f"{path}: pixels are {raster.dtype}, expected uint16 (reflectance x 10000)")
    identity = identity_of(raster, time=time, tile=tile)
    moment = _time(path, identity)
    try:
        places = stack_positions(raster.count, raster.descriptions)
    except BadInput as error:
        raise BadFile(f"{path}: {error}") from error
    amount = boa_offset(
        baseline=identity.baseline,
        applied=identity.offset_removed,
        offset=offset,
        name=str(path),
    )
    planes = tuple(raster.plane(places[band]) for band in bands)
    return Acquisition(str(path), moment, identity.tile, planes, (amount,) * len(planes))


def mask_in(path: str | Path, dtypes: str = "ui") -> RasterFile:
    """Read the header of a mask.

    Parameters
    ----------
    path
        GeoTIFF of one band.
    dtypes
        Kinds of numbers admitted, as in `numpy.dtype.kind`.

    Returns
    -------
    RasterFile
        Its grid is in metres, north-up and square.

    Raises
    ------
    BadFile
        If it is broken or has more than one band.
    """
    raster = open_image(path, dtypes=dtypes)
    if raster.count != 1:
        raise BadFile(f"{path}: a mask has one band, this has {raster.count}")
    return raster


def _time(path: Path, identity: Identity) -> np.datetime64:
    if identity.time is None:
        raise BadFile(
            f"{path}: neither its name (such as S2_31UDS_20220130T105211.tif) nor the tag "
            "ACQUISITION_TIME says when it was acquired"
        )
    return identity.time


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


def _mask(path: Path, dtypes: str) -> tuple[Path, Any, Plane]:
    """Read the header of a mask; return its path, its time and tile, and its plane."""
    raster = mask_in(path, dtypes)
    identity = identity_of(raster)
    return path, (_time(path, identity), identity.tile), raster.plane()


def _pair(images: list[Acquisition], masks: list[tuple[Path, Any, Plane]]) -> list[Acquisition]:
    """Return the images with their masks, matched by time and tile."""
    by_key: dict[Any, tuple[Path, Plane]] = {}
    for path, key, plane in masks:
        other = by_key.setdefault(key, (path, plane))
        if other[0] != path:
            raise BadFile(f"{path}: a second mask for {key[1]} {key[0]} beside {other[0]}")
    paired = []
    for image in images:
        found = by_key.pop((image.time, image.tile), None)
        paired.append(replace(image, mask=None if found is None else found[1]))
    if by_key:
        names = ", ".join(sorted(path.name for path, _ in by_key.values()))
        logger.warning("ignored %d masks that have no image: %s", len(by_key), names)
    return paired
