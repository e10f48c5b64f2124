"""Windows of ABI files, read as they are packed: only the chunks that a domain needs.

Chunks are inflated by ISA-L, which takes a third of the time of HDF5's own zlib; whatever is not
plainly deflated is left to HDF5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt
from isal import isal_zlib

from tiling.scenes.abi.fixedgrids import Covering, FixedGrid, axis, covering
from tiling.scenes.domains.scanangles import view_of
from tiling.scenes.errors import SceneError, UnusableInput
from workbench.rasters.stores import NETCDF
from workbench.rasters.windows import Window

if TYPE_CHECKING:
    import h5py
    from odc.geo.geobox import GeoBox

__all__ = ["RawWindow", "keep_window", "read_window"]

_NUMBERS = (
    *("planck_fk1", "planck_fk2", "planck_bc1", "planck_bc2"),
    *("kappa0", "esun", "earth_sun_distance_anomaly_in_AU", "t", "band_id"),
)
_ATTRIBUTES = (
    *("scale_factor", "add_offset", "_FillValue", "_Unsigned", "sensor_band_bit_depth"),
    *("units", "long_name", "grid_mapping"),
)
_OF_FILE = ("time_coverage_start", "time_coverage_end", "platform_ID", "scene_id", "timeline_id")
_AXES = (("y", "x"), ("lat", "lon"))
_InflateError = cast(type[Exception], isal_zlib.error)  # its stubs say that it is one
_AHEAD = 1.01  # chunks differ in size; what was not fetched ahead is read by itself
_CHUNK = 226  # pixels along a side of a chunk of a window that is kept


@dataclass(frozen=True)
class RawWindow:
    """A window of an ABI file as it is packed, and all that its values need."""

    name: str
    """Of the file, for messages."""
    variable: str
    counts: npt.NDArray[Any]
    """(rows, cols), as stored."""
    quality: npt.NDArray[np.uint8] | None
    """Flags (rows, cols), 255 where there are none; None where the file has none."""
    grid: FixedGrid
    whole: bool
    """Whether the file holds all of the domain."""
    attrs: Mapping[str, Any]
    """Of the variable: packing, fill, units, name."""
    mapping: Mapping[str, Any]
    """Of the grid mapping, whose name is ``attrs["grid_mapping"]``."""
    numbers: Mapping[str, float]
    """Scalars of the file: constants of calibration, its band, and ``t``, the middle of the scan in
    seconds since 2000-01-01 12:00."""
    about: Mapping[str, Any]
    """Attributes of the file: coverage in time, satellite."""
    axes: Mapping[str, tuple[npt.NDArray[Any], Mapping[str, Any]]]
    """The axes of the window as stored, in the order of its dims."""


def read_window(
    content: h5py.File,
    name: str,
    grid: GeoBox | None,
    pad: float = 0.1,
    *,
    product: str = "Rad",
    variable: str | None = None,
    below: BinaryIO | None = None,
) -> RawWindow:
    """Read the pixels of a file that cover a grid.

    Parameters
    ----------
    content
        The open file, or one that `keep_window` has written.
    name
        Of the file, for messages.
    grid
        Of the domain; None for all pixels.
    pad
        Share of the sides of the domain that is read around it, at least 4 pixels.
    product
        Its variable is the only one with rows and columns that is no flag, or has its name.
    variable
        Its name, where it is known.
    below
        The object on a server that `content` is read from: its ``fetch`` brings the chunks of a
        row at once, which lie one behind the other.

    Raises
    ------
    UnusableInput
        E061, if the file lacks what it must have; E062, if several variables may be meant.
    SceneError
        E080, if no pixel of the file lies in the domain.
    """
    try:
        return _read(
            content, name, grid, pad, variable or _data_variable(content, name, product), below
        )
    except KeyError as reason:
        words = str(reason.args[0])
        if "object" in words and "doesn't exist" not in words:  # it is there, but cannot be read
            raise OSError(words) from reason
        raise UnusableInput("E061", f"{name}: no file of ABI, it lacks {words}") from reason
    except (TypeError, ValueError) as reason:
        raise UnusableInput("E061", f"{name}: no file of ABI: {reason}") from reason


def _read(
    content: h5py.File,
    name: str,
    grid: GeoBox | None,
    pad: float,
    variable: str,
    below: BinaryIO | None,
) -> RawWindow:
    data = content[variable]
    dims = _AXES[1] if "lat" in content and "x" not in content else _AXES[0]
    attrs = _plain_attrs(data, _ATTRIBUTES)
    mapping = _plain_attrs(content[attrs["grid_mapping"]])
    source = _grid(content, name, dims, data.shape, mapping)
    found = Covering(Window.whole(source.shape), True)
    if grid is not None:
        covered = covering(source, grid, pad)
        if covered is None:
            raise SceneError(
                "E080", f"{name}: the domain and what was scanned have no pixel in common"
            )
        found = covered
    window = found.window
    quality = None
    if "DQF" in content and content["DQF"].shape == data.shape:
        quality = _pixels(content["DQF"], window, below).view(np.uint8)
    return RawWindow(
        name=name,
        variable=str(data.name).lstrip("/"),
        counts=_pixels(data, window, below),
        quality=quality,
        grid=source.part(window),
        whole=found.whole,
        attrs=attrs,
        mapping=mapping,
        numbers={key: _first(content[key]) for key in _NUMBERS if key in content},
        about=_plain_attrs(content, _OF_FILE),
        axes={
            dim: (content[dim][slice(*span)], _plain_attrs(content[dim], _ATTRIBUTES))
            for dim, span in zip(dims, window, strict=True)
        },
    )


def _first(data: h5py.Dataset) -> float:
    """Return a number that is stored by itself, or as a row of one."""
    return float(np.ravel(data[()])[0]) if data.size else float("nan")


def keep_window(raw: RawWindow, path: Path) -> None:
    """Write a window as a small netCDF file that is packed as its source and read like it.

    Parameters
    ----------
    path
        Of the new file; that it appears whole is the caller's matter.
    """
    import netCDF4

    with NETCDF, netCDF4.Dataset(path, "w") as file:
        file.set_auto_maskandscale(False)
        file.setncatts(dict(raw.about))
        for dim, (stored, attrs) in raw.axes.items():
            file.createDimension(dim, len(stored))
            _written(file, dim, (dim,), stored, attrs)
        dims = tuple(raw.axes)
        _written(file, raw.variable, dims, raw.counts, raw.attrs)
        if raw.quality is not None:
            _written(file, "DQF", dims, raw.quality.view(np.int8), {"_Unsigned": "true"})
        _written(file, raw.attrs["grid_mapping"], (), np.int32(0), raw.mapping)
        for key, number in raw.numbers.items():
            _written(file, key, (), np.float64(number), {})


def _written(
    file: Any, name: str, dims: tuple[str, ...], values: Any, attrs: Mapping[str, Any]
) -> None:
    packed: dict[str, Any] = {}
    if len(dims) == 2:
        chunks = tuple(min(_CHUNK, size) for size in values.shape)
        packed = {"zlib": True, "complevel": 1, "shuffle": False, "chunksizes": chunks}
    left = dict(attrs)
    fill = left.pop("_FillValue", None)
    if fill is not None:
        fill = np.asarray(fill).astype(values.dtype)
    variable = file.createVariable(name, values.dtype, dims, fill_value=fill, **packed)
    variable.set_auto_maskandscale(False)
    variable.setncatts(left)
    variable[...] = values


def _data_variable(content: h5py.File, name: str, product: str) -> str:
    """Return the name of the only variable of a product that it can be."""
    found = [
        key
        for key, item in content.items()
        if len(getattr(item, "shape", ())) == 2 and "DQF" not in key and 1 not in item.shape
    ]
    if len(found) == 1:
        return str(found[0])
    if product in found:
        return product
    raise UnusableInput(
        "E062",
        f"{name}: which variable is the product {product}? There are {', '.join(found) or 'none'}"
        + (f"; write {product}__{found[0]} for the first" if found else ""),
    )


def _grid(
    content: h5py.File,
    name: str,
    dims: tuple[str, str],
    shape: tuple[int, ...],
    mapping: Mapping[str, Any],
) -> FixedGrid:
    y, x = (content[dim] for dim in dims)
    if shape != (y.size, x.size):
        raise UnusableInput("E061", f"{name}: {shape} pixels on axes of {(y.size, x.size)}")
    degrees = dims[0] == "lat"
    try:
        (y_offset, y_scale), (x_offset, x_scale) = (
            axis(stored[0], stored.size, _plain_attrs(stored, _ATTRIBUTES), degrees=degrees)
            for stored in (y, x)
        )
    except UnusableInput as reason:
        raise UnusableInput(reason.code, f"{name}: {reason.message}") from reason
    view = None if degrees else view_of(mapping, name)
    return FixedGrid(x_offset, x_scale, y_offset, y_scale, (y.size, x.size), view)


def _plain_attrs(item: Any, names: tuple[str, ...] | None = None) -> dict[str, Any]:
    """Return attributes as text and numbers; without names all but those of dimension scales."""
    plain: dict[str, Any] = {}
    for key in names if names is not None else list(item.attrs):
        if key not in item.attrs or (names is None and key.isupper()):
            continue
        value = item.attrs[key]
        if isinstance(value, np.ndarray) and value.size == 1:
            value = value.reshape(-1)[0]
        plain[key] = value.decode() if isinstance(value, bytes) else value
    return plain


def _blocks(data: h5py.Dataset, window: Window) -> Iterator[tuple[int, range]]:
    """Yield the first row, and the first columns, of the chunks that a window touches."""
    (top, bottom), (left, right), (high, wide) = *window, data.chunks
    for row in range(top // high * high, bottom, high):
        yield row, range(left // wide * wide, right, wide)


def _pixels(data: h5py.Dataset, window: Window, below: Any) -> npt.NDArray[Any]:
    shape, dtype = data.chunks, data.dtype
    plain = data.compression == "gzip" and not (data.shuffle or data.fletcher32)
    if not plain or shape is None:
        return cast(npt.NDArray[Any], data[window.slices])
    values, sizes = np.empty(window.shape, dtype), list[int]()
    for row, cols in _blocks(data, window):
        for col in cols:
            block = Window((row, row + shape[0]), (col, col + shape[1]))
            part = cast(Window, block.common(window))
            packed = _packed(data, row, col)
            sizes.append(len(packed or b""))
            if col == cols[0] and packed and hasattr(below, "fetch"):
                at = below.tell()  # the next ones begin where this one ended
                each = _AHEAD * sum(sizes) / len(sizes)
                below.fetch([(at, at + int(each * (len(cols) - 1)))])
            if packed is None:
                values[part.within(window)] = data[part.slices]
            else:
                chunk = _inflated(packed, data.name, dtype, shape)
                values[part.within(window)] = chunk[part.within(block)]
    return values


def _packed(data: h5py.Dataset, row: int, col: int) -> bytes | None:
    """Return a chunk as it is stored; None where it is left to HDF5."""
    try:
        skipped, packed = data.id.read_direct_chunk((row, col))
    except (OSError, RuntimeError):  # never written, or damaged: HDF5 tells which
        return None
    return None if skipped else cast(bytes, packed)


def _inflated(
    packed: bytes, name: str, dtype: np.dtype[Any], shape: tuple[int, int]
) -> npt.NDArray[Any]:
    size = dtype.itemsize * shape[0] * shape[1]
    try:
        inflated = isal_zlib.decompress(packed, bufsize=size)
    except _InflateError as reason:
        raise OSError(f"{name}: a chunk cannot be inflated: {reason}") from reason
    if len(inflated) != size:
        raise OSError(f"{name}: a chunk holds {len(inflated)} bytes instead of {size}")
    return np.frombuffer(inflated, dtype).reshape(shape)
