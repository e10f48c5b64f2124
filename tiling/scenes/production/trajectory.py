"""The trajectory of a dataset: a netCDF file with times and places."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tiling.scenes.errors import SceneError, UnusableInput

if TYPE_CHECKING:
    from tiling.scenes.production.dataset import Dataset

__all__ = ["Trajectory", "read_trajectory"]

_NAMES = {"times": ("time",), "latitude": ("lat", "latitude"), "longitude": ("lon", "longitude")}


class Trajectory(NamedTuple):
    """Places over time."""

    times: npt.NDArray[np.datetime64]
    """(n,) UTC, in order."""
    latitude: npt.NDArray[np.float64]
    """(n,) or (n, trajectory) degrees, NaN where there is no place."""
    longitude: npt.NDArray[np.float64]


def read_trajectory(dataset: Dataset) -> Trajectory:
    """Read the file that ``trajectories.filepath`` names, relative to the dataset folder.

    Raises
    ------
    SceneError
        E038 if none is named, or it is missing or not what it should be.
    """
    import xarray as xr

    given = dataset.meta.sampling.trajectories.path
    if given is None:
        raise SceneError("E038", "meta.yaml names no trajectory: set trajectories.filepath")
    path = Path(dataset.folder, given)
    try:
        with xr.open_dataset(path) as file:
            return _checked(path, file.load())
    except FileNotFoundError as error:
        raise UnusableInput("E038", f"{path}: no such file") from error
    except (OSError, ValueError) as error:
        raise UnusableInput("E038", f"{path}: no netCDF file of a trajectory: {error}") from error


def _checked(path: Path, file: Any) -> Trajectory:
    if "time" not in file.dims:
        raise UnusableInput("E038", f"{path}: time must be a dimension with two dates or more")
    found: dict[str, npt.NDArray[Any]] = {}
    for wanted, names in _NAMES.items():
        name = next((name for name in names if name in file.variables), None)
        if name is None:
            has = ", ".join(map(str, file.variables)) or "nothing"
            raise UnusableInput("E038", f"{path}: no variable {names[0]}; it has {has}")
        found[wanted] = file[name].transpose("time", ...).values
    times, latitude, longitude = (found[name] for name in _NAMES)
    if not np.issubdtype(times.dtype, np.datetime64) or len(times) < 2:
        raise UnusableInput("E038", f"{path}: time must be a dimension with two dates or more")
    if latitude.shape != longitude.shape or len(latitude) != len(times):
        raise UnusableInput("E038", f"{path}: lat and lon must have one place for each time")
    order = np.argsort(times, kind="stable")
    return Trajectory(
        times[order].astype("datetime64[ns]"),
        latitude[order].astype(np.float64),
        longitude[order].astype(np.float64),
    )
