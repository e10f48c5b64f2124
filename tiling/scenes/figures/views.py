"""How an image is drawn: in colours or in grey, with axes in the units of its grid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tiling.scenes.imagery.pictures import fixed_limits, is_inverted, picture
from tiling.scenes.meta.model import Image

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "Limits",
    "clock",
    "draw",
    "extent_of",
    "graticule",
    "grey_scale",
    "name_axes",
    "quantity",
]

Limits = Mapping[str, tuple[float, float]]
Floats = npt.NDArray[Any]

_AXES = {
    "rad": (1e3, "scan angle to the east (mrad)", "scan angle to the north (mrad)"),
    "m": (1e-3, "km to the east", "km to the north"),
    "degrees_east": (1.0, "longitude (°)", "latitude (°)"),
}
"""By unit of x: factor of what is shown, and the names of both axes."""


def draw(
    axis: Any, dataset: xr.Dataset, image: Image | None = None, limits: Limits | None = None
) -> Any:
    """Draw the images of a dataset on one pair of axes, north up, missing pixels white.

    Parameters
    ----------
    dataset
        Images on one grid: three channels are shown in colours, as the pictures of the dataset
        are; of any other number the first is shown in grey.
    image, limits
        As for `tiling.scenes.imagery.pictures.picture`.

    Returns
    -------
    matplotlib.image.AxesImage or None
        What a colour bar can be made of; None where colours have no scale.
    """
    extent = extent_of(dataset)
    planes = [(str(name), v.values.reshape(-1, *v.shape[-2:])) for name, v in dataset.items()]
    if sum(len(values) for _, values in planes) == 3:
        pixels = picture(dataset, image or Image(), limits)
        if pixels is not None:
            axis.imshow(pixels, extent=extent, interpolation="nearest")
            return None
    name, values = planes[0]
    low, high, colours = grey_scale(name, values[0], image, limits)
    y = dataset[name].dims[-2]
    rising = dataset.sizes[y] > 1 and float(dataset[y][0]) < float(dataset[y][-1])
    shown = values[0][::-1] if rising else values[0]
    return axis.imshow(
        shown, extent=extent, vmin=low, vmax=high, cmap=colours, interpolation="nearest"
    )


def grey_scale(
    name: str, values: npt.NDArray[Any], image: Image | None = None, limits: Limits | None = None
) -> tuple[float, float, str]:
    """Return lowest and highest value that is shown, and the colour map.

    They are those of the pictures of the dataset where these have any, else of the values.
    """
    pair = fixed_limits(name) or (limits or {}).get(name)
    if image is not None and isinstance(image.limits, tuple):
        pair = image.limits[0]
    if pair is None:
        known = values[np.isfinite(values)]
        pair = tuple(np.percentile(known, [1, 99]).tolist()) if known.size else (0.0, 1.0)
    return float(pair[0]), float(pair[1]), "gray_r" if is_inverted(name) else "gray"


def extent_of(dataset: xr.Dataset) -> tuple[float, float, float, float]:
    """Return left, right, bottom and top of the outer pixels, in the units of `name_axes`."""
    first = dataset[next(iter(dataset))]
    factor = _words(dataset)[0]
    sides = []
    for dim in (first.dims[-1], first.dims[-2]):
        places = first[dim].values.astype(np.float64) * factor
        half = abs(places[1] - places[0]) / 2 if len(places) > 1 else factor / 2
        sides += [places.min() - half, places.max() + half]
    return sides[0], sides[1], sides[2], sides[3]


def name_axes(dataset: xr.Dataset, *axes: Any, first: Any = None) -> None:
    """Name both axes in their units; of panels side by side only `first` is named upwards."""
    _, across, up = _words(dataset)
    for axis in axes:
        axis.set_xlabel(across)
        if first is None or axis is first:
            axis.set_ylabel(up)


def clock(scene: str) -> str:
    """Return date and time of a scene for a title, such as ``2020-02-02 14:10``."""
    digits = scene.rpartition("__")[2]
    if not (digits.isdigit() and len(digits) >= 12):
        return scene
    year, month, day, hour, minute = digits[:4], *(digits[k : k + 2] for k in (4, 6, 8, 10))
    seconds = f":{digits[12:14]}" if len(digits) >= 14 else ""
    return f"{year}-{month}-{day} {hour}:{minute}{seconds}"


def _words(dataset: xr.Dataset) -> tuple[float, str, str]:
    first = dataset[next(iter(dataset))]
    unit = str(first[first.dims[-1]].attrs.get("units", ""))
    return _AXES.get(unit, (1.0, str(first.dims[-1]), str(first.dims[-2])))


def quantity(dataset: xr.Dataset) -> str:
    """Return what the first image shows, with its unit where it has one."""
    first = dataset[next(iter(dataset))]
    name, unit = str(first.attrs.get("long_name") or first.name), str(first.attrs.get("units", ""))
    return f"{name} ({unit})" if unit not in ("", "1") else name


def graticule(
    axis: Any, x: Floats, y: Floats, lon: Floats, lat: Floats, *, colour: str = "white"
) -> None:
    """Draw meridians and parallels, about four of each, named along the upper and right edge.

    Parameters
    ----------
    x, y
        Places of columns and rows on the axes; y ascends.
    lon, lat
        (y, x) degrees there.
    """
    if min(lon.shape) < 2:
        return
    lon = np.unwrap(np.unwrap(lon, axis=1, period=360), axis=0, period=360)  # over the date line
    beside: dict[str, Any] = {"x": axis.secondary_xaxis("top"), "y": axis.secondary_yaxis("right")}
    edges = {"x": (x, lon[-1], "EW"), "y": (y, lat[:, -1], "NS")}
    for side, degrees in (("x", lon), ("y", lat)):
        places, along, letters = edges[side]
        levels = _round_degrees(float(degrees.min()), float(degrees.max()))
        if len(levels):
            axis.contour(
                x, y, degrees, levels, colors=colour, linewidths=0.8, linestyles="solid", alpha=0.7
            )
        order = np.argsort(along)
        shown = levels[(levels >= along.min()) & (levels <= along.max())]
        ticks = np.interp(shown, along[order], places[order])
        scale = getattr(beside[side], f"{side}axis")
        scale.set_ticks(ticks, [_degrees(level, letters) for level in shown])
        beside[side].tick_params(labelsize=8)


def _round_degrees(low: float, high: float) -> Floats:
    steps = np.array([0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20])
    step = float(steps[np.argmin(np.abs(steps - (high - low) / 4))])
    return np.round(np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step, 6)


def _degrees(value: float, letters: str) -> str:
    around = (value + 180) % 360 - 180 if letters == "EW" else value
    return f"{abs(around):g}°{letters[int(around < 0)] if around % 180 else ''}"
