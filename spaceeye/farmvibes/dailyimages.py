"""The daily images of one sequence as GeoTIFF files: names, what they were made from, writing."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spaceeye.farmvibes.records import ImageSequence, MaskSequence, Raster
from workbench.sentinel2.bands import BANDS

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

    from workbench.files import Manifest

__all__ = ["Block", "Days", "is_done", "write_days"]

logger = logging.getLogger("spaceeye")

Block = tuple[tuple[int, int], npt.NDArray[np.uint16]]
"""First row and column of a part of the region, and (day, band, row, column) in it."""

TILE = 256


@dataclass(frozen=True)
class Days:
    """The images that one sequence writes.

    Attributes
    ----------
    tile
        MGRS tile.
    days
        (T,) datetime64[D].
    paths
        One for each day.
    record
        File that says what the images were made from.
    manifest
        What it says.
    """

    tile: str
    days: npt.NDArray[np.datetime64]
    paths: tuple[Path, ...]
    record: Path
    manifest: Manifest

    @classmethod
    def of(cls, images: ImageSequence, masks: MaskSequence, folder: Path, options: Any) -> Days:
        """Name the images of a sequence; `options` is a dataclass of all that changes them."""
        from workbench.files import Manifest

        write = images.window.write
        text = f"{images.tile} {images.window} {images.request.key}"
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        days = write.days
        paths = tuple(
            folder / f"spaceeye_{images.tile}_{str(day).replace('-', '')}_{digest}.tif"
            for day in days
        )
        files = sorted({file.path for file in (*images.series, *masks.series)})
        manifest = Manifest(
            tuple(_file(path) for path in files),
            {
                "sequence": text,
                "times": [f"{file.path}: {file.time}" for file in (*images.series, *masks.series)],
                **asdict(options),
            },
            _version(),
        )
        name = f"spaceeye_{images.tile}_{write.first}_{write.stop - 1}_{digest}.json"
        return cls(images.tile, days, paths, folder / name, manifest)

    def missing(self, overwrite: bool) -> npt.NDArray[np.datetime64]:
        """Give the days that are to be written."""
        wanted = [overwrite or not path.exists() for path in self.paths]
        return np.asarray(self.days[np.array(wanted, bool)], "datetime64[D]")

    def rasters(self) -> tuple[Raster, ...]:
        """Give the images, all of which exist."""
        from workbench.rasters.grids import footprint
        from workbench.rasters.reading import open_raster

        bounds = footprint(open_raster(self.paths[0]).grid, "EPSG:4326")
        return tuple(
            Raster(str(path), day.astype("datetime64[ns]"), self.tile, bounds)
            for path, day in zip(self.paths, self.days, strict=True)
        )


def _file(path: str) -> dict[str, Any]:
    status = Path(path).stat() if Path(path).exists() else None
    size, changed = (status.st_size, status.st_mtime_ns) if status else (0, 0)
    return {"path": path, "bytes": size, "modified": changed}


def _version() -> str:
    try:
        return version("eo-workbench")
    except PackageNotFoundError:
        return "not installed"


def is_done(days: Days, *, overwrite: bool) -> bool:
    """Tell whether all images are there, and of the same inputs and parameters.

    Raises
    ------
    workbench.errors.OutputExists
        If some are there that were made of others.
    """
    from workbench.files import check_outputs

    return not check_outputs(days.paths, days.record, days.manifest, overwrite=overwrite)


def write_days(
    sequences: Sequence[Days], grid: GeoBox, blocks: Iterable[Block], *, overwrite: bool
) -> None:
    """Write the images that are missing of some sequences, block by block.

    Parameters
    ----------
    grid
        Of the region.
    blocks
        Parts that cover the region, each with the days that are missing, in order.

    Notes
    -----
    Every image appears under its name when it is complete. Tiles of 256 pixels, deflate, predictor
    2; bands are named and the tag ``DATE`` holds the day.
    """
    from rasterio.windows import Window

    from workbench.files import atomic_path

    missing = [
        (days, day, path)
        for days in sequences
        for day, path in zip(days.days, days.paths, strict=True)
        if day in days.missing(overwrite)
    ]
    for days in sequences:
        days.record.parent.mkdir(parents=True, exist_ok=True)
        days.manifest.save(days.record, days.paths)
    with ExitStack() as stack:
        files = []
        for days, day, path in missing:
            temporary = stack.enter_context(atomic_path(path, overwrite=overwrite))
            file = stack.enter_context(_created(temporary, grid))
            file.descriptions = BANDS
            file.update_tags(DATE=str(day), MGRS_TILE=days.tile)
            files.append(file)
        for (row, col), values in blocks:
            where = Window(col, row, values.shape[3], values.shape[2])
            for file, image in zip(files, values, strict=True):
                file.write(image, window=where)
    logger.info("wrote %d images to %s", len(files), sequences[0].record.parent)


def _created(path: Path, grid: GeoBox) -> Any:
    import rasterio

    height, width = grid.shape
    return rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=len(BANDS), dtype="uint16",
        crs=str(grid.crs), transform=grid.affine, nodata=0, tiled=True, blockxsize=TILE,
        blockysize=TILE, compress="deflate", predictor=2, interleave="band", bigtiff="if_safer",
    )  # fmt: skip
