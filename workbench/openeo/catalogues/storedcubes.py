"""A cube in a netCDF file or a Zarr store, read window by window.

Times, rows and columns are found by the CF conventions or by their usual names; each variable over
them is a band, or each label of a dimension of bands. Packed numbers stay packed: scale and offset
are said in the collection. The cube has north up and time ascending, however it is stored.
"""
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.errors import BadFile, BadInput, WorkbenchError
from workbench.openeo.catalogues.bands import Band, read_bands
from workbench.openeo.catalogues.chunking import side_of_blocks
from workbench.openeo.catalogues.descriptions import described
from workbench.openeo.catalogues.fields import check_fields
from workbench.openeo.catalogues.grids import area_part, check_target
from workbench.openeo.catalogues.imageblocks import masked
from workbench.openeo.catalogues.images import check_size, labelled
from workbench.openeo.catalogues.remote import Remote
from workbench.openeo.catalogues.requests import Request, no_data, out_of_period
from workbench.openeo.cubes import Cube
from workbench.openeo.values import float_type
from workbench.rasters.grids import make_grid
from workbench.rasters.times import as_times

if TYPE_CHECKING:
    import xarray as xr
    from odc.geo.geobox import GeoBox

__all__ = ["StoredCube"]

_FIELDS = {
    "path": "text",
    "bands": "list or mapping",
    "variable": "text",
    "crs": "whole number or text",
    "time": "text",
    "properties": "mapping",
}

_NAMES = {
    "t": ("t", "time", "date"),
    "x": ("x", "lon", "longitude", "easting"),
    "y": ("y", "lat", "latitude", "northing"),
}
_STANDARD = {
    "t": ("time",),
    "x": ("longitude", "projection_x_coordinate"),
    "y": ("latitude", "projection_y_coordinate"),
}
_BANDS = ("band", "bands", "wavelength", "variable")

_CLOSE = 1e-2  # of a pixel: coordinates of float32 are no better

_MOST_OF_CHUNK = 2**23
"""Values of one band that one task reads."""


@dataclass(frozen=True)
class _Stored:
    """What a cube says of itself."""

    grid: GeoBox
    """North up."""
    flips: tuple[bool, bool]
    """Whether rows, and columns, are stored the other way round."""
    times: Any
    names: Mapping[str, str | None]
    """Dimensions of t, y and x."""
    bands: Mapping[str, tuple[Band, Any]]
    """With the variable (t, y, x) of each."""


class StoredCube:
    """A source: a netCDF file or a Zarr store."""

    def __init__(self, options: Mapping[str, Any], folder: Path, remote: Remote) -> None:
        self._options = check_fields(options, _FIELDS, "the entry", ("path",))
        self._path = (folder / Path(self._options["path"]).expanduser()).resolve()
        if not self._path.exists():
            raise BadInput(f"path: {self._options['path']}: no such file or folder")
        self._bands = read_bands(self._options.get("bands"), "bands")
        self._crs = check_target(self._options.get("crs"), None)[0]
        self._properties = self._options.get("properties", {})
        if "time" in self._options:
            as_times(self._options["time"])

    def document(self) -> Mapping[str, Any]:
        """Return what follows from the data; see `workbench.openeo.catalogues.sources`."""
        with self._open() as stored:
            bands = [band for band, _ in stored.bands.values()]
        return described(
            stored.grid, [stored.grid], np.unique(stored.times), bands, [self._properties]
        )

    def load(self, request: Request) -> Cube:
        """Return what is asked for; see `workbench.openeo.catalogues.sources`."""
        with self._open() as stored:  # tasks open it again
            return self._loaded(stored, request)

    def _loaded(self, stored: _Stored, request: Request) -> Cube:
        names = request.picked(list(stored.bands))
        order = np.argsort(stored.times, kind="stable")
        order = order[request.period.holds(stored.times[order])]
        if not len(order):
            raise out_of_period(request.process, stored.times)
        if not request.admits(self._properties):
            raise no_data(request.process, "Its properties are not as they are asked for.")
        part = stored.grid
        if request.area is not None:
            found = area_part(stored.grid, request.area, request.process)
            if found is None:
                raise no_data(request.process, "No centre of a pixel lies in the area.")
            part = found
        check_size((len(order), len(names), *part.shape), request.process)
        values = self._values(stored, names, order, part)
        if request.area is not None:
            box = part.boundingbox
            outline = request.area.outline(str(part.crs), box.left, box.right)
            values = masked(values, outline, part)
        bands = [stored.bands[name][0] for name in names]
        return labelled(values, stored.times[order], bands, part)

    def _values(self, stored: _Stored, names: Sequence[str], order: Any, part: GeoBox) -> Any:
        """Return a lazy array (t, bands, y, x)."""
        import dask.array as da

        rows = _stored_slice(stored.grid.affine.f, -stored.grid.affine.e, part.affine.f, -1,
                             stored.grid.shape[0], part.shape[0], stored.flips[0])  # fmt: skip
        cols = _stored_slice(stored.grid.affine.c, stored.grid.affine.a, part.affine.c, 1,
                             stored.grid.shape[1], part.shape[1], stored.flips[1])  # fmt: skip
        y, x, t = (stored.names[axis] for axis in "yxt")
        kind = np.result_type(*(float_type(stored.bands[name][1].dtype) for name in names))
        planes = []
        for name in names:
            band, variable = stored.bands[name]
            cut = variable.isel({y: rows, x: cols})
            cut = cut.isel({t: order}) if t is not None else cut.expand_dims("t")
            cut = cut.transpose(t or "t", y, x)
            lazy = cut.chunk(_chunks(cut, side_of_blocks(len(order) * len(names)))).data
            planes.append(da.map_blocks(
                _with_nan, lazy, dtype=kind, meta=np.empty((0, 0, 0), kind),
                kind=kind, nodata=tuple(_missing(variable, band)),
            ))  # fmt: skip
        return da.stack(planes, axis=1)

    @contextmanager
    def _open(self) -> Iterator[_Stored]:
        """Open the cube and find out what is what."""
        import xarray as xr

        name = self._path.name
        engine = "zarr" if self._path.is_dir() else "netcdf4"
        try:
            dataset = xr.open_dataset(
                self._path, engine=engine, chunks=None, cache=False, mask_and_scale=False,
                decode_timedelta=False, decode_coords="all",
            )  # fmt: skip
        except Exception as reason:  # whatever the libraries make of a file
            text = str(reason).replace(str(self._path), name)
            raise BadFile(f"{name}: not a readable {engine} cube: {text:.300}") from reason
        with dataset:
            try:
                stored = self._described(dataset)
            except WorkbenchError as reason:
                raise BadFile(f"{name}: {reason}") from reason
            yield stored

    def _described(self, dataset: xr.Dataset) -> _Stored:
        names = {axis: _dimension(dataset, axis) for axis in "tyx"}
        y, x = names["y"], names["x"]
        if y is None or x is None:
            dims = ", ".join(map(str, dataset.sizes)) or "none"
            raise BadFile(f"no rows and columns among its dimensions ({dims})")
        if bare := [name for name in names.values() if name not in (None, *dataset.coords)]:
            raise BadFile(f"its dimension {bare[0]} has no coordinates along it")
        times = self._times(dataset, names["t"])
        crs = self._crs or _crs(dataset, x)
        grid, flips = _grid(dataset[x].values, dataset[y].values, crs)
        bands = self._described_bands(dataset, names)
        return _Stored(grid, flips, times, names, bands)

    def _times(self, dataset: xr.Dataset, name: str | None) -> Any:
        if name is None:
            if "time" not in self._options:
                raise BadFile("it has no times: give time: 2022-01-31")
            return as_times(self._options["time"])
        times = as_times(dataset[name].values)
        if np.isnat(times).any():
            raise BadFile(f"{name} has times that are missing")
        if len(np.unique(times)) < len(times):
            raise BadFile(f"{name} has a time twice")
        if not len(times):
            raise BadFile(f"{name} has no time")
        return times

    def _described_bands(
        self, dataset: xr.Dataset, names: Mapping[str, str | None]
    ) -> dict[str, tuple[Band, Any]]:
        found = dict(self._variables(dataset, names))
        if not found:
            raise BadFile("no variable has rows and columns, and numbers")
        wanted = list(self._bands) or list(found)
        bands = {}
        for name in wanted:
            stated = self._bands.get(name, Band(name))
            held = stated.variable or name
            if held not in found:
                raise BadFile(f"there is no variable or band {held!r}, only {', '.join(found)}")
            variable = found[held]
            attrs = variable.attrs
            if str(attrs.get("_Unsigned", "")).lower() == {"i": "true", "u": "false"}.get(
                variable.dtype.kind
            ):
                raise BadFile(
                    f"{held} is stored as {variable.dtype} and meant otherwise (_Unsigned): write "
                    "it in its own type, or list other bands"
                )
            nodata = attrs.get("_FillValue", attrs.get("missing_value"))
            bands[name] = (
                stated.filled(
                    data_type=str(variable.dtype),
                    nodata=None if nodata is None else float(np.atleast_1d(nodata)[0]),
                    scale=_number(attrs.get("scale_factor")),
                    offset=_number(attrs.get("add_offset")),
                    unit=_text(attrs.get("units")),
                    description=_text(attrs.get("long_name")),
                ),
                variable,
            )
        return bands

    def _variables(self, dataset: xr.Dataset, names: Mapping[str, str | None]) -> Any:
        """Yield what can be bands, by name: variables, or labels of a dimension of bands."""
        needed = {name for name in names.values() if name is not None}
        only = self._options.get("variable")
        for name, variable in dataset.data_vars.items():
            if only not in (None, name) or variable.dtype.kind not in "uif":
                continue
            others = set(variable.dims) - needed
            if not needed <= set(variable.dims) or len(others) > 1:
                continue
            if not others:
                yield str(name), variable
            elif (dim := str(others.pop())) in _BANDS or only == name:
                labels = (
                    dataset[dim].values if dim in dataset.coords else range(variable.sizes[dim])
                )
                for at, label in enumerate(labels):
                    yield str(label), variable.isel({dim: at})


def _dimension(dataset: xr.Dataset, axis: str) -> str | None:
    """Return the dimension along t, y or x; None if there is none."""
    for name in map(str, dataset.sizes):
        if name not in dataset.coords:
            continue
        attrs = dataset[name].attrs
        if attrs.get("standard_name") in _STANDARD[axis] or attrs.get("axis") == axis.upper():
            return name
        if axis == "t" and dataset[name].dtype.kind == "M":
            return name
    return next((str(n) for n in dataset.sizes if str(n).lower() in _NAMES[axis]), None)


def _crs(dataset: xr.Dataset, x: str) -> str:
    """Return the CRS that a dataset states, or degrees where its coordinates are some."""
    import odc.geo.xr  # noqa: F401  (registers the accessor)

    stated = [dataset[name].odc.crs for name in dataset.data_vars] + [dataset.odc.crs]
    known = next((crs for crs in stated if crs is not None), None)
    if known is not None:
        return str(known)
    attrs = dataset[x].attrs
    degrees = str(attrs.get("units", "")).lower() in ("degrees_east", "degree_east", "degreee")
    if degrees or attrs.get("standard_name") == "longitude" or x.lower() in ("lon", "longitude"):
        return "EPSG:4326"
    raise BadFile("it states no CRS: give crs: 32631")


def _grid(x: Any, y: Any, crs: str) -> tuple[GeoBox, tuple[bool, bool]]:
    """Return the grid of pixel centres, north up, and whether rows and columns are flipped."""
    from affine import Affine

    spans = []
    for name, centres in (("columns", x), ("rows", y)):
        values = np.asarray(centres, np.float64)
        if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
            raise BadFile(f"its {name} have no two finite coordinates: it lies nowhere")
        step = (values[-1] - values[0]) / (len(values) - 1)
        even = values[0] + step * np.arange(len(values))
        if step == 0 or np.abs(even - values).max() > _CLOSE * abs(step):
            raise BadFile(f"the coordinates of its {name} are not in steps of one size")
        spans.append((min(values[0], values[-1]), max(values[0], values[-1]), step))
    (left, _, across), (_, top, down) = spans
    across, flipped = abs(across), (down > 0, across < 0)
    height = abs(down)
    affine = Affine(across, 0, left - across / 2, 0, -height, top + height / 2)
    return make_grid((len(y), len(x)), affine, crs, "the cube"), flipped


def _stored_slice(
    whole: float, step: float, part: float, sign: int, size: int, length: int, flipped: bool
) -> slice:
    """Return where a part of the grid is stored, as a slice that gives it north up."""
    first = round((part - whole) * sign / step)
    if not flipped:
        return slice(first, first + length)
    last = size - 1 - first
    end = last - length
    return slice(last, end if end >= 0 else None, -1)


def _chunks(cut: Any, side: int) -> dict[Any, int]:
    """Return chunks of (t, y, x) that are whole chunks of the store, where that is sensible."""
    stored = cut.encoding.get("preferred_chunks", {})
    t, *space = cut.dims
    sizes = {}
    for dim in space:
        own = min(int(stored.get(dim, side)), 4 * side)
        sizes[dim] = max(own * max(side // own, 1), 1)
    area = int(np.prod([min(sizes[dim], cut.sizes[dim]) for dim in space]))
    most = max(_MOST_OF_CHUNK // max(area, 1), 1)
    return {t: min(int(stored.get(t, 1)), most), **sizes}


def _missing(variable: Any, band: Band) -> list[float]:
    """Return the values that are missing in a variable."""
    if band.nodata is None:
        return []
    attrs = (variable.attrs.get(key) for key in ("_FillValue", "missing_value"))
    stated = [float(v) for each in attrs if each is not None for v in np.atleast_1d(each)]
    return list(dict.fromkeys([band.nodata, *stated] if band.nodata in stated else [band.nodata]))


def _with_nan(values: Any, kind: Any, nodata: Sequence[float]) -> npt.NDArray[Any]:
    found = np.asarray(values).astype(kind)
    for number in nodata:
        if not np.isnan(number):
            found[np.asarray(values) == number] = np.nan
    return found


def _number(value: Any) -> float | None:
    return None if value is None else float(np.atleast_1d(value)[0])


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
