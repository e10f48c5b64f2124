"""A simulated product in its folder: manifest, annotation, tables and pixels of each image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tiling.sentinel1.products.manifests import MANIFEST
from tiling.sentinel1.sample.annotationfiles import GridPoint, annotation, grid_points
from tiling.sentinel1.sample.instrumentfields import Statistics
from tiling.sentinel1.sample.manifestfiles import PROCESSOR, Listed, listed, manifest
from tiling.sentinel1.sample.naming import Naming, product_name
from tiling.sentinel1.sample.pixels import Scene
from tiling.sentinel1.sample.tablefiles import calibration_tables, noise_tables
from workbench.files import atomic_folder
from workbench.rasters.wholerasters import written_raster

__all__ = ["write_product"]


def write_product(folder: Path, scene: Scene, naming: Naming, *, overwrite: bool = False) -> Path:
    """Write a product.

    Parameters
    ----------
    folder
        In which the folder of the product is made.
    scene
        What is seen.
    naming
        The image, its name and its polarisations.
    overwrite
        Replace an existing product.

    Returns
    -------
    Path
        The folder ``*.SAFE``, complete.
    """
    path = folder / product_name(naming)

    def whole(product: Path) -> None:
        for each in product.glob("measurement/*.tiff"):
            written_raster(each)

    with atomic_folder(path, overwrite=overwrite, check=whole) as product:
        for name in ("measurement", "annotation/calibration"):
            (product / name).mkdir(parents=True)
        points = grid_points(scene.strip, naming.frame)
        files = [
            each
            for polarisation in naming.polarisations
            for each in _write_image(product, scene, naming, polarisation, points)
        ]
        text = manifest(naming, _corners(points), files, scene.strip.images)
        (product / MANIFEST).write_text(text, "utf-8")
    return path


def _write_image(
    product: Path, scene: Scene, naming: Naming, polarisation: str, points: list[GridPoint]
) -> list[Listed]:
    """Write the files of one polarisation, and return how the manifest lists them."""
    strip, name = scene.strip, naming.file(polarisation)
    pixels = f"measurement/{name}.tiff"
    statistics = _write_pixels(product / pixels, scene, naming, polarisation, points)
    texts = {
        f"annotation/{name}.xml": (
            "s1Level1ProductSchema", annotation(strip, naming, polarisation, points, statistics)
        ),
        f"annotation/calibration/calibration-{name}.xml": (
            "s1Level1CalibrationSchema", calibration_tables(strip, naming, polarisation)
        ),
        f"annotation/calibration/noise-{name}.xml": (
            "s1Level1NoiseSchema", noise_tables(strip, naming, polarisation)
        ),
    }  # fmt: skip
    for path, (_, text) in texts.items():
        (product / path).write_text(text, "utf-8")
    return [
        *(listed(product, path, schema) for path, (schema, _) in texts.items()),
        listed(product, pixels, "s1Level1MeasurementSchema"),
    ]


def _write_pixels(
    path: Path, scene: Scene, naming: Naming, polarisation: str, points: list[GridPoint]
) -> Statistics:
    """Write a measurement: plain lines without compression, control points, tags."""
    import rasterio
    from rasterio.control import GroundControlPoint
    from rasterio.windows import Window

    frame = naming.frame
    controls = [
        GroundControlPoint(line + 0.5, pixel + 0.5, lon, lat, height, str(n + 1))
        for n, (line, pixel, lon, lat, height) in enumerate(points)
    ]
    tags: dict[str, Any] = {
        "TIFFTAG_IMAGEDESCRIPTION": f"Sentinel-1{naming.platform[-1]} IW GRD HR L1",
        "TIFFTAG_DATETIME": str(naming.start.astype("datetime64[s]"))
        .replace("-", ":")
        .replace("T", " "),
        "TIFFTAG_SOFTWARE": f"Sentinel-1 IPF {PROCESSOR}",
    }
    with rasterio.open(
        path, "w", driver="GTiff", width=frame.samples, height=frame.lines, count=1,
        dtype=np.uint16, tiled=False, blockysize=1, gcps=controls, crs="EPSG:4326",
    ) as file:  # fmt: skip
        file.update_tags(**tags)
        row, sums = 0, np.zeros(3)
        for lines in scene.numbers(frame, polarisation):
            file.write(lines, 1, window=Window(0, row, frame.samples, len(lines)))
            row += len(lines)
            known = lines[lines > 0].astype(np.float64)
            sums += np.array([len(known), known.sum(), known @ known])
    mean = sums[1] / sums[0]
    return Statistics(float(mean), float(np.sqrt(sums[2] / sums[0] - mean**2)))


def _corners(points: list[GridPoint]) -> list[tuple[float, float]]:
    """Return the outline as a manifest lists it: around, from the end of the first line."""
    cols = len({pixel for _, pixel, *_ in points})
    first, last = points[:cols], points[-cols:]
    return [each[2:4] for each in (first[-1], first[0], last[0], last[-1])]
