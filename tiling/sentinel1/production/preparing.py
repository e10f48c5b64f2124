"""Calibrated images in their own geometry, for those who want them before they are put on tiles."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tiling.sentinel1.production.jobs import ImageJob
from tiling.sentinel1.products.safefolders import Image
from workbench.files import atomic_path
from workbench.rasters.windows import windows

__all__ = ["make_image"]

_SIDE = 512  # of the tiles of the file, pixels
_ROWS = 2048  # of the blocks that are calibrated


@contextmanager
def _quiet() -> Iterator[None]:
    """Let rasterio say nothing of a raster without a transform: an image has none."""
    from rasterio.errors import NotGeoreferencedWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


def make_image(job: ImageJob) -> dict[str, Any]:
    """Calibrate an image, noise and margins removed, and write it as float32.

    Returns
    -------
    dict
        ``margins``: lines and samples that were cut.
    """
    import rasterio

    from tiling.sentinel1.geocoding.blocks import calibrated
    from tiling.sentinel1.radiometry.calibration import calibration
    from tiling.sentinel1.radiometry.margins import margins
    from workbench.rasters.wholerasters import written_raster

    settings = job.settings
    image = Image(job.folder, job.polarisation)
    cut = margins(image, settings.cut)
    scale = calibration(
        image,
        settings.quantity,  # type: ignore[arg-type,unused-ignore]
        remove_noise=settings.remove_noise,
        lower=settings.lower,
    )
    height, width = image.annotation.shape
    form = {
        "driver": "GTiff", "height": height, "width": width, "count": 1, "dtype": "float32",
        "nodata": 0, "tiled": True, "blockxsize": _SIDE, "blockysize": _SIDE,
        "compress": "zstd", "zstd_level": 1, "predictor": 3, "BIGTIFF": "IF_SAFER",
    }  # fmt: skip
    with (
        _quiet(),
        atomic_path(job.target, overwrite=True, check=written_raster) as temporary,
        rasterio.open(temporary, "w", **form) as file,
    ):
        for window in windows((height, width), _ROWS):
            file.write(calibrated(image, scale, window, cut.cut), 1, window=window)
    return {"margins": [cut.top, cut.bottom, cut.left, cut.right]}
