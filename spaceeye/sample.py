"""The shipped sample: half a year over simulated fields, in every format that can be read.

``images`` is the one that the notebook uses; the others hold parts of the same landscape.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from workbench.files import atomic
from workbench.sentinel2.landscape import CRS, TILE, Scene
from workbench.sentinel2.sampleproducts import (
    write_cube,
    write_image,
    write_netcdf,
    write_safe,
    write_stac,
)
from workbench.sentinel2.simulatedseries import acquisition_times

__all__ = ["SCENE", "TRUTH_TIMES", "write_sample"]

SCENE = Scene((224, 224), seed=5, noise=0.001)
"""The simulated landscape of the sample."""

CROP = 96
"""Side of the part that the smaller examples hold, pixels of 10 m, from the upper left corner."""

TRUTH_TIMES = tuple(
    np.datetime64(f"{day}T10:52:11", "ns")
    for day in ("2022-01-10", "2022-02-04", "2022-03-26", "2022-05-15")
)
"""Times in ``truth.nc``; none of them is an acquisition time."""


def write_sample(folder: str | Path, *, overwrite: bool = False) -> list[Path]:
    """Write the sample.

    Everything is simulated and follows from one seed.

    ====================  ==========================================================================
    ``images``            GeoTIFFs of ten bands, one for each acquisition, and ``masks`` in it
    ``safe``              three Level-2A products, before and after the change of baseline
    ``stac``              ``items.json`` and the rasters of four items as in Earth Search
    ``cube.nc``           the series with 10 m and 20 m variables and SCL
    ``truth.nc``          true reflectance at four times between acquisitions
    ``sample.json``       what this is
    ====================  ==========================================================================

    Parameters
    ----------
    folder
        Where it is written; made where it is missing.
    overwrite
        Replace existing files.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    workbench.errors.OutputExists
        If a file exists and `overwrite` is false.
    """
    folder = Path(folder)
    frames = [SCENE.observe(time) for time in acquisition_times()]
    small = [frame.cropped(CROP) for frame in frames]
    early = [frame for frame in small if frame.offset == 0]
    late = [frame for frame in small if frame.offset]
    paths = [
        path
        for frame in frames
        for path in write_image(folder / "images", frame, overwrite=overwrite)
    ]
    for frame in (early[-1], late[0], late[1]):
        paths += write_safe(folder / "safe", frame, overwrite=overwrite)
    paths += write_stac(folder / "stac", [*early[-2:], *late[:2]], overwrite=overwrite)
    paths.append(write_cube(folder / "cube.nc", small, overwrite=overwrite))
    paths.append(_write_truth(folder / "truth.nc", overwrite))
    paths.append(_write_note(folder / "sample.json", len(frames), overwrite))
    return paths


def _write_truth(path: Path, overwrite: bool) -> Path:
    truth = SCENE.truth(TRUTH_TIMES)
    dn = (truth * 10_000 + 0.5).astype(np.uint16)  # rounded: all are positive
    dn.attrs = {**truth.attrs, "scale_factor": 1e-4, "add_offset": 0.0, "harmonised": 1}
    return write_netcdf(path, dn.to_dataset(), overwrite=overwrite)


def _write_note(path: Path, count: int, overwrite: bool) -> Path:
    note = {
        "simulated": True,
        "seed": SCENE.seed,
        "acquisitions": count,
        "crs": CRS,
        "bounds": list(SCENE.geobox.boundingbox),
        "tile": TILE,
        "contents": "fields, forest and river; clouds, shadows, noise; baseline 03.01, then 04.00",
    }
    with atomic(path, "w", overwrite=overwrite) as file:
        file.write(json.dumps(note, indent=2) + "\n")
    return path
