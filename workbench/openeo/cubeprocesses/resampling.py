"""Processes of data cubes: resample_spatial, resample_cube_spatial."""

from __future__ import annotations

from workbench.openeo.cubes import Cube
from workbench.openeo.declarations import process
from workbench.openeo.errors import error
from workbench.openeo.space.regrids import on_grid_of, resampled


@process("resample_spatial")
def resample_spatial(
    data: Cube,
    resolution: float | list[float],
    projection: int | str | None,
    method: str,
    align: str,
) -> Cube:
    sizes = resolution if isinstance(resolution, list) else [resolution]
    if projection is None and not any(sizes):
        raise error(
            "ProcessParameterInvalid",
            process="resample_spatial",
            parameter="resolution",
            reason="neither a resolution nor a projection is given: give at least one.",
        )
    return resampled(data, resolution, projection, method, align)


@process("resample_cube_spatial")
def resample_cube_spatial(data: Cube, target: Cube, method: str) -> Cube:
    return on_grid_of(data, target, method)
