"""Images as pictures: one grey for one value in all scenes, north up, gaps transparent."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tiling.scenes.errors import SceneError
from tiling.scenes.meta.model import Image
from workbench.files import atomic_path
from workbench.wholefiles import whole_picture

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["fixed_limits", "is_inverted", "picture", "stretched", "write_picture"]

Bytes = npt.NDArray[np.uint8]
Limits = tuple[float, float]
Look = Callable[[npt.NDArray[Any]], npt.NDArray[Any]]

KELVIN = (180.0, 320.0)
"""Brightness temperatures that are shown white and black."""

_DEFAULT = Image()
_BLOCK = 1 << 13  # pixels at a time: what lies between value and grey stays in the cache
_DARKEST = 0.0223  # reflectance that is shown black in true colour
_PRODUCTS = {"ACHA": (0.0, 16e3), "TPW": (0.0, 70.0), "CPS": (0.0, 100.0), "ACM": (0.0, 1.0),
             "RSR": (0.0, 1200.0)}  # fmt: skip
# Of the bands of ABI: solar irradiance, W m-2 um-1, and central wavelength, um.
_IRRADIANCE = (2017.2, 1631.3, 957.1, 360.9, 242.6, 76.8)
_WAVELENGTH = (3.89, 6.17, 6.93, 7.34, 8.44, 9.61, 10.33, 11.19, 12.27, 13.27)


def fixed_limits(name: str) -> Limits | None:
    """Return the lowest and highest value that pictures of a kind of image show.

    Parameters
    ----------
    name
        Of the variable: ``bt_13``, ``refl_2``, ``rad_1``, or a level-2 product.

    Returns
    -------
    tuple or None
        In the unit of the variable; None for kinds without limits of their own (simulations), which
        are found by `tiling.scenes.imagery.statistics`.
    """
    if name in _PRODUCTS:
        return _PRODUCTS[name]
    match = re.fullmatch(r"(bt|refl|rad)_(\d+)", name)
    if match is None or not 1 <= int(match[2]) <= 16:
        return None
    band = int(match[2])
    if match[1] == "bt":
        return KELVIN
    if match[1] == "refl":
        return 0.0, 1.0
    if band <= len(_IRRADIANCE):
        return 0.0, _IRRADIANCE[band - 1] / np.pi  # of a white surface under the sun
    wavenumber = 1e4 / _WAVELENGTH[band - 7]  # cm-1
    cold, warm = (
        1.191043e-5 * wavenumber**3 / (np.exp(1.4387769 * wavenumber / kelvin) - 1)
        for kelvin in KELVIN
    )  # Planck's law, mW m-2 sr-1 (cm-1)-1
    return float(cold), float(warm)


def is_inverted(name: str) -> bool:
    """Return whether pictures of a kind of image show low values bright: cold clouds."""
    match = re.fullmatch(r"(bt|rad)_(\d+)", name)
    return match is not None and (match[1] == "bt" or int(match[2]) >= 7)


def stretched(reflectance: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return reflectance as brightness from 0 to 1, by its logarithm; NaN stays."""
    low = np.log10(_DARKEST)
    with np.errstate(invalid="ignore"):
        bright = (np.log10(np.maximum(reflectance, 1e-6)) - low) / (0.75 * (1 - low))
    return np.asarray(np.clip(bright, 0, 1))


def picture(
    dataset: xr.Dataset,
    image: Image = _DEFAULT,
    limits: Mapping[str, Limits] | None = None,
    function: Callable[..., Any] | None = None,
) -> Bytes | None:
    """Return a picture of the images of a dataset.

    Parameters
    ----------
    dataset
        One or three channels on one grid: variables, or the dim ``channel`` of one.
    image
        ``limits``: ``default`` for fixed ones; ``per_image`` for the lowest and highest value of
        this image, a single channel inverted; or one pair a channel.
    limits
        By variable, where it has no fixed ones: from the statistics of all scenes.
    function
        Of the user, instead of all this: called with each variable as keyword ``da_<name>``; must
        return (y, x), (y, x, 3) or (y, x, 4), uint8 or numbers from 0 to 1, rows as in the data.

    Returns
    -------
    numpy.ndarray or None
        (y, x, 2) uint8, grey and opacity, or (y, x, 4) red, green, blue and opacity, north up; a
        pixel that is missing in any channel is 0. None for 2 or more than 3 channels, and for
        channels on grids of their own.

    Raises
    ------
    SceneError
        E040, if limits are missing or do not fit the channels, or the function returns no picture.
    """
    y = dataset[next(iter(dataset))].dims[-2]
    rising = dataset.sizes[y] > 1 and float(dataset[y][0]) < float(dataset[y][-1])
    if function is not None:
        found = _of_user(function, dataset)
    else:
        channels = [
            (str(name), plane)
            for name, variable in dataset.items()
            for plane in variable.values.reshape(-1, *variable.shape[-2:])
        ]
        if len(channels) not in (1, 3) or len({plane.shape for _, plane in channels}) > 1:
            return None
        found = _painted([plane for _, plane in channels], _looks(channels, image, limits or {}))
    return found[::-1] if rising else found


def write_picture(path: str | os.PathLike[str], pixels: Bytes) -> Path:
    """Write a picture as PNG, over an older one.

    Parameters
    ----------
    pixels
        (y, x, 2) grey and opacity, or (y, x, 3) or (y, x, 4) colours.

    Raises
    ------
    DiskFull, NotWritten
        If it could not be written.
    """
    from PIL import Image as Pillow

    with atomic_path(path, overwrite=True, check=whole_picture) as hidden:
        # level 1: a third of the time of the usual 6, a tenth more bytes
        Pillow.fromarray(np.ascontiguousarray(pixels)).save(hidden, "PNG", compress_level=1)
    return Path(path)


def _painted(planes: Sequence[npt.NDArray[Any]], looks: Sequence[Look]) -> Bytes:
    """Return all channels and opacity; of few pixels at a time, as numbers take 8 bytes each."""
    found = np.empty((planes[0].size, len(planes) + 1), np.uint8)
    flat = [plane.reshape(-1) for plane in planes]
    for first in range(0, len(found), _BLOCK):
        part = slice(first, first + _BLOCK)
        bright = np.stack([look(plane[part]) for plane, look in zip(flat, looks, strict=True)])
        known = ~np.isnan(bright).any(axis=0)
        found[part, :-1] = (np.where(known, bright, 0) * 255 + 0.5).astype(np.uint8).T
        found[part, -1] = known * np.uint8(255)
    return found.reshape(*planes[0].shape, -1)


def _looks(
    channels: list[tuple[str, npt.NDArray[Any]]], image: Image, known: Mapping[str, Limits]
) -> list[Look]:
    """Return what makes each channel a brightness from 0 to 1, NaN where missing."""
    if isinstance(image.limits, tuple) and len(image.limits) != len(channels):
        raise SceneError(
            "E040",
            f"image.limits has {len(image.limits)} pairs for {len(channels)} channels: give one "
            "pair a channel",
        )
    found: list[Look] = []
    for place, (name, plane) in enumerate(channels):
        if name == "truecolor_rgb" and image.limits == "default":
            found.append(stretched)
            continue
        inverted = is_inverted(name)
        if image.limits == "per_image":
            valid = plane[np.isfinite(plane)]
            pair = (float(valid.min()), float(valid.max())) if valid.size else (0.0, 0.0)
            inverted = len(channels) == 1
        elif image.limits == "default":
            pair = fixed_limits(name) or known.get(name) or _unknown(name)
        else:
            pair = image.limits[place]
        found.append(partial(_between, limits=pair, inverted=inverted))
    return found


def _between(plane: npt.NDArray[Any], limits: Limits, inverted: bool) -> npt.NDArray[Any]:
    low, high = limits
    if high == low:
        return np.where(np.isnan(plane), np.nan, 0.0)  # a constant field has no contrast
    bright = np.clip((plane - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(1 - bright if inverted else bright)


def _unknown(name: str) -> Limits:
    raise SceneError(
        "E040",
        f"{name} has no fixed limits: run `workbench scenes stats`, which finds them from all "
        "scenes, or give image.limits, a pair for each channel",
    )


def _of_user(function: Callable[..., Any], dataset: xr.Dataset) -> Bytes:
    found = np.asarray(function(**{f"da_{name}": dataset[name] for name in dataset}))
    name = getattr(function, "__name__", "the image function")
    found = found[..., None] if found.ndim == 2 else found
    shape = dataset[next(iter(dataset))].shape[-2:]
    if found.ndim != 3 or found.shape[:2] != shape or found.shape[2] not in (1, 3, 4):
        raise SceneError(
            "E040",
            f"{name} returned {found.shape}: wanted {shape}, {(*shape, 3)} or {(*shape, 4)}",
        )
    if found.dtype != np.uint8:
        if found.dtype.kind not in "fiub":
            raise SceneError("E040", f"{name} returned {found.dtype}: wanted numbers")
        found = found.astype(np.float32)
        missing = np.isnan(found).any(axis=-1)
        if ((found < 0) | (found > 1)).any():
            raise SceneError("E040", f"{name} returned numbers beyond 0 to 1: scale them")
        found = (np.where(missing[..., None], 0, found) * 255 + 0.5).astype(np.uint8)
    else:
        missing = np.zeros(shape, bool)
    return found if found.shape[2] == 4 else np.concatenate([found, _opacity(~missing)], axis=-1)


def _opacity(known: npt.NDArray[np.bool_]) -> Bytes:
    return (known * np.uint8(255))[..., None]
