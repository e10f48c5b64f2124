"""netCDF files of simulations, and of products beside the images, as a source of scenes.

Nothing is split: a scene is a file and the number of a time step in it, and is read when its
pixels are asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from tiling.scenes.errors import SceneError, UnusableInput
from tiling.scenes.localfiles.fields import Layout, layout_of, opened
from tiling.scenes.localfiles.places import (
    Cells,
    cells_between,
    cells_of_longitudes,
    geographic_box,
)
from tiling.scenes.sources.contract import Item

if TYPE_CHECKING:
    import xarray as xr
    from odc.geo.geobox import GeoBox

    from tiling.scenes.meta.model import Interval, ProductType

__all__ = ["FieldSource"]

logger = logging.getLogger(__name__)

_WGS84 = {
    "grid_mapping_name": "latitude_longitude",
    "semi_major_axis": 6378137.0,
    "inverse_flattening": 298.257223563,
    "longitude_of_prime_meridian": 0.0,
}


@dataclass(frozen=True)
class FieldSource:
    """Fields of netCDF files on this disk.

    Parameters
    ----------
    dataset
        The folder of the dataset; keys are seen from there.
    folder
        Where the files lie, seen from there, such as ``source_data/LES``.
    files
        Glob of the files in that folder, or an absolute one.
    dx
        Metres between cells where the files have no coordinates.
    periodic
        What leaves a field at one side enters at the other: the whole field is always returned.
    """

    dataset: Path
    folder: str
    files: str = "*.nc"
    dx: float | None = None
    periodic: bool = False
    tolerance: ClassVar[np.timedelta64] = np.timedelta64(500, "ms")

    def inputs(self, type: ProductType) -> tuple[str, ...]:  # noqa: A002  the word of meta.yaml
        """Return the names of the variables that a type needs."""
        if type.kind not in ("fields", "user_function"):
            raise SceneError("E002", f"{type.name}: netCDF files have variables, no {type.kind}")
        return type.inputs

    def paths(self) -> list[Path]:
        """Return the files, by name.

        Raises
        ------
        SceneError
            E075, if there is none.
        """
        base, pattern = self.dataset / self.folder, self.files
        if Path(pattern).is_absolute():
            base = Path(Path(pattern).anchor)
            pattern = str(Path(pattern).relative_to(base))
        try:
            found = sorted(path for path in base.glob(pattern) if path.is_file())
        except (ValueError, NotImplementedError) as error:
            raise SceneError("E075", f"files: {self.files!r} is no pattern: {error}") from error
        found = [path for path in found if not path.name.startswith(".")]  # being written
        if not found:
            said = "holds no file that fits" if base.is_dir() else "does not exist, nor any file of"
            raise SceneError("E075", f"{base} {said} {pattern!r}: put the files there")
        return found

    def query(self, inputs: Sequence[str], intervals: Iterable[Interval]) -> list[Item]:
        """Return the time steps that have these variables, in order of time.

        Raises
        ------
        SceneError
            E062 for a variable that no file has; E075 without files; E090 where two files hold one
            time.
        """
        spans, found = tuple(intervals), list[Item]()
        known: set[str] = set()
        said: set[str] = set()
        paths = self.paths()
        for path in paths:
            with opened(path) as content:
                known |= {str(n) for n, v in content.variables.items() if v.ndim >= 2}
                for name in dict.fromkeys(inputs):
                    if name in content.variables:
                        layout = layout_of(content, name, str(path), self.dx)
                        said |= set(layout.notes)
                        found += self._items(path, layout, spans)
        for note in sorted(said):
            logger.warning("%s", note)
        missing = [name for name in inputs if name not in known]
        if missing:
            raise UnusableInput(
                "E062",
                f"{', '.join(missing)}: no such field in the {len(paths)} files of "
                f"{paths[0].parent}; they hold {', '.join(sorted(known)) or 'none'}",
            )
        found.sort(key=lambda item: (item.start, item.input, item.key))
        _no_time_twice(found)
        return found

    def _items(self, path: Path, layout: Layout, spans: Sequence[Interval]) -> Iterator[Item]:
        size, place = path.stat().st_size, self._key(path)
        for number, time in enumerate(layout.times):
            if not spans or any(span.start <= time <= span.end for span in spans):
                yield Item(layout.variable, f"{place}#{number}", time, time, size)

    def _key(self, path: Path) -> str:
        inside = path.is_relative_to(self.dataset)
        return (path.relative_to(self.dataset) if inside else path.absolute()).as_posix()

    def open_window(self, item: Item, grid: GeoBox | None, pad: float = 0.1) -> xr.DataArray:
        """Return the pixels of a time step that cover a grid; see `tiling.scenes.Source`.

        Longitudes go from west to east without a jump, beyond 180 where needed. The attribute
        ``note`` says what was assumed (W060), and that the file does not hold all of the domain
        (W081).

        Raises
        ------
        SceneError
            E080, if it holds nothing of it, or lies on another plane.
        """
        place, _, number = item.key.rpartition("#")
        path = self.dataset / place
        with opened(path) as content:
            layout = layout_of(content, item.input, str(path), self.dx)
            step = int(number)
            # a list of scenes may know the minute only
            gone = step >= len(layout.times)
            if gone or abs(layout.times[step] - item.start) >= np.timedelta64(1, "m"):
                raise UnusableInput(
                    "E065", f"{item.key}: the file has changed, {item.start} is no longer there"
                )
            time = layout.times[step]
            cells = _cells(layout, None if self.periodic and not layout.is_geographic else grid,
                           pad, item.key)  # fmt: skip
            field = content[item.input]
            values = _read(field, layout, step, *cells)
            attrs = {key: str(field.attrs.get(key, "")) for key in ("units", "long_name")}
        return _image(item.input, time, layout, values, cells, attrs)

    def compose(
        self,
        type: ProductType,  # noqa: A002
        windows: Mapping[str, xr.DataArray],
        resolution: float | None,
    ) -> xr.Dataset:
        """Return the variables of a type side by side; see `tiling.scenes.Source.compose`."""
        import xarray as xr

        images = {name: windows[name] for name in self.inputs(type)}
        first = next(iter(images.values()))
        if all(_same_grid(first, image) for image in images.values()):
            return xr.Dataset({n: i.assign_coords(y=first.y, x=first.x) for n, i in images.items()})
        own = {n: i.rename(y=f"y_{n}", x=f"x_{n}") for n, i in images.items()}
        return xr.Dataset(own)

    def native_resolution(self, input: str) -> float | None:  # noqa: A002
        """Return None: the files say it."""
        return None


def _no_time_twice(items: list[Item]) -> None:
    for one, other in pairwise(items):
        if (one.start, one.input) == (other.start, other.input):
            raise SceneError(
                "E090", f"{one.key} and {other.key} both hold {one.input} of {one.start}: "
                "remove one, or narrow files",
            )  # fmt: skip


def _cells(layout: Layout, grid: GeoBox | None, pad: float, name: str) -> tuple[Cells, Cells]:
    """Return the rows and the columns that cover a grid."""
    if grid is None:
        return tuple(  # type: ignore[return-value]
            Cells((slice(0, len(axis)),), axis, True) for axis in (layout.rows, layout.columns)
        )
    if (grid.crs is not None) != layout.is_geographic:
        where = ("a plain plane", "the Earth")
        here, there = where[layout.is_geographic], where[not layout.is_geographic]
        raise SceneError(
            "E080", f"{name}: the field lies on {here}, the domain on {there}: simulations on a "
            "plane have no domain in meta.yaml, or one of kind as_source",
        )  # fmt: skip
    if layout.is_geographic:
        west, south, east, north = geographic_box(grid)
        rows = cells_between(layout.rows, south, north, pad * (north - south))
        columns = cells_of_longitudes(layout.columns, west, east, pad * (east - west))
    else:
        box = grid.boundingbox
        low, high = sorted((box.bottom, box.top))
        rows = cells_between(layout.rows, low, high, pad * (high - low))
        columns = cells_between(layout.columns, box.left, box.right, pad * (box.right - box.left))
    if rows is None or columns is None:
        axes = [(a.min(), a.max()) for a in (layout.rows, layout.columns)]
        extent = f"y {axes[0][0]:g} to {axes[0][1]:g}, x {axes[1][0]:g} to {axes[1][1]:g}"
        raise SceneError("E080", f"{name}: nothing of the domain is in the file ({extent})")
    return rows, columns


def _read(
    field: xr.DataArray, layout: Layout, step: int, rows: Cells, columns: Cells
) -> npt.NDArray[np.float32]:
    at: dict[Any, Any] = {dim: 0 for dim in field.dims if dim not in (layout.y, layout.x)}
    if layout.time is not None:
        at[layout.time] = step
    chosen = field.isel(at).transpose(layout.y, layout.x).isel({layout.y: rows.runs[0]})
    parts = [chosen.isel({layout.x: run}).values for run in columns.runs]
    return np.concatenate(parts, axis=1).astype(np.float32)


def _image(
    name: str,
    start: np.datetime64,
    layout: Layout,
    values: npt.NDArray[np.float32],
    cells: tuple[Cells, Cells],
    attrs: dict[str, str],
) -> xr.DataArray:
    import xarray as xr

    rows, columns = cells
    time = np.datetime_as_string(start, unit="s") + "Z"
    notes = list(layout.notes)
    if not (rows.is_whole and columns.is_whole):
        notes.append("W081: the file holds a part of the domain only")
    attrs = {
        "units": attrs["units"],
        "long_name": attrs["long_name"] or name,
        "time_coverage_start": time,
        "time_coverage_end": time,
        **({"note": "; ".join(notes)} if notes else {}),
    }
    units = ("degrees_north", "degrees_east") if layout.is_geographic else ("m", "m")
    coords: dict[str, Any] = {
        axis: (axis, cell.places, {"units": unit})
        for axis, cell, unit in zip(("y", "x"), cells, units, strict=True)
    }
    if layout.is_geographic:
        coords["crs"] = ((), np.int32(0), _WGS84)
        attrs["grid_mapping"] = "crs"
    return xr.DataArray(values, coords, ("y", "x"), name, attrs)


def _same_grid(one: xr.DataArray, other: xr.DataArray) -> bool:
    return one.shape == other.shape and all(
        np.allclose(one[axis], other[axis], rtol=0, atol=1e-3 * _width(one[axis].values))
        for axis in ("y", "x")
    )


def _width(axis: npt.NDArray[np.float64]) -> float:
    return float(np.abs(np.diff(axis)).min()) if len(axis) > 1 else 1.0
