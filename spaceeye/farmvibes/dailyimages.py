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
from workbench.disks import make_folder
from workbench.manifests import Manifest, check_outputs
from workbench.rasters.geotiff import described, geotiff
from workbench.rasters.grids import footprint
from workbench.rasters.wholerasters import whole_raster
from workbench.rasters.windows import Window
from workbench.sentinel2.bands import BANDS
from workbench.sentinel2.grids import open_image

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["Days", "Part", "is_done", "write_days"]

logger = logging.getLogger(__name__)

Part = tuple[tuple[int, int], npt.NDArray[np.uint16]]
"""First row and column of a part of the region, and (day, band, row, column) in it."""


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
        write = images.period.write
        text = f"{images.tile} {images.period.key} {images.request.key}"
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
        """Return the days that are to be written."""
        wanted = [overwrite or not path.exists() for path in self.paths]
        return np.asarray(self.days[np.array(wanted, bool)], "datetime64[D]")

    def rasters(self) -> tuple[Raster, ...]:
        """Return the images, all of which exist."""
        bounds = footprint(open_image(self.paths[0]).plane().placed, "EPSG:4326")
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
    return not check_outputs(
        days.paths, days.record, days.manifest, overwrite=overwrite, check=whole_raster
    )


def write_days(
    sequences: Sequence[Days], grid: GeoBox, blocks: Iterable[Part], *, overwrite: bool
) -> None:
    """Write the images that are missing of some sequences, block by block.

    Every image appears under its name when it is complete. Tiles of 256 pixels, deflate, predictor
    2; bands are named and the tag ``DATE`` holds the day.

    Parameters
    ----------
    grid
        Of the region.
    blocks
        Parts that cover the region, each with the days that are missing, in order.

    Raises
    ------
    workbench.errors.NotWritten
        If the folder cannot be made, or there is no room.
    """
    missing = [
        (days, day, path)
        for days in sequences
        for day, path in zip(days.days, days.paths, strict=True)
        if day in days.missing(overwrite)
    ]
    with ExitStack() as stack:
        for days in sequences:
            make_folder(days.record.parent)
            days.manifest.save(days.record, days.paths)
        files = []
        for days, day, path in missing:
            file = stack.enter_context(
                geotiff(
                    path, grid, count=len(BANDS), dtype=np.uint16, nodata=0, predictor=2,
                    overwrite=overwrite,
                )
            )  # fmt: skip
            files.append(described(file, BANDS, {"DATE": day, "MGRS_TILE": days.tile}))
        for (row, col), values in blocks:
            where = Window((row, row + values.shape[2]), (col, col + values.shape[3]))
            for file, image in zip(files, values, strict=True):
                file.write(image, window=where)
    logger.info("wrote %d images to %s", len(files), sequences[0].record.parent)
