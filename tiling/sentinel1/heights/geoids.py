"""Geoids: how far mean sea level lies above the ellipsoid, on a grid in degrees.

Three formats are read: GTX of NOAA and PROJ, the binary ``egm96.grd`` of NGA's GEOTRANS that OTB
and S1Tiling 1.0 carry, and the GeoTIFF grids of PROJ (such as ``us_nga_egm08_25.tif``).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.errors import MissingGeoidError, WrongHeightsError
from tiling.sentinel1.heights.references import reference_of_code, reference_of_name, stated
from workbench.errors import BadFile
from workbench.rasters.grids import Bounds
from workbench.rasters.rasterfiles import open_raster
from workbench.rasters.windows import Window

__all__ = ["Geoid", "Undulations", "geoid_differences", "open_geoid"]

Floats = npt.NDArray[np.float64]

_GTX = struct.Struct(">4d2i")  # south, west, steps, rows, columns; rows from the south
_GRD = struct.Struct(">6f")  # south, north, west, east, steps; rows from the north
_MOST = 200.0  # m; the geoid lies within 107 m of the ellipsoid


@dataclass(frozen=True, eq=False)
class Undulations:
    """A part of a geoid.

    Attributes
    ----------
    values
        (rows, cols) metres above the ellipsoid, from the north.
    place
        Latitude of the first row, rows in a degree, longitude of the first column, columns in a
        degree: what the compiled loops take.
    """

    values: Floats
    place: tuple[float, float, float, float]

    def at(self, longitudes: npt.ArrayLike, latitudes: npt.ArrayLike) -> Floats:
        """Return bilinear heights at places inside the part, (r, c) metres."""
        from tiling.sentinel1.heights._height_loops import fill_undulations

        x, y = (np.ascontiguousarray(at, dtype=np.float64) for at in (longitudes, latitudes))
        out = np.empty(x.shape)
        fill_undulations(
            np.atleast_2d(x), np.atleast_2d(y), self.values, self.place, np.atleast_2d(out)
        )
        return out


@dataclass(frozen=True)
class Geoid:
    """The grid of a geoid; its values are read where they are needed.

    Attributes
    ----------
    path
        The file.
    reference
        The geoid, such as ``EGM96``; empty where nothing says which.
    north, west
        Degrees: centres of the first row and column.
    steps
        Degrees between rows and between columns.
    shape
        Rows and columns.
    layout
        ``gtx``, ``grd`` or ``tif``.
    """

    path: Path
    reference: str
    north: float
    west: float
    steps: tuple[float, float]
    shape: tuple[int, int]
    layout: str = field(default="gtx", repr=False)

    @property
    def around(self) -> int:
        """Columns around the Earth where the grid goes all the way; 0 for a part of it."""
        full = round(360 / self.steps[1])
        close = abs(full * self.steps[1] - 360) < 1e-6
        return full if close and self.shape[1] >= full else 0

    def part(self, bounds: Bounds) -> Undulations:
        """Read what a region needs.

        Parameters
        ----------
        bounds
            West, south, east, north, degrees; longitudes may be beyond 180.

        Raises
        ------
        WrongHeightsError
            If the grid does not cover the region, has no value there, or cannot be read.
        """
        west, south, east, north = bounds
        (down, across), (height, width) = self.steps, self.shape
        top = int(np.floor((self.north - north) / down))
        bottom = int(np.floor((self.north - south) / down)) + 2
        left = int(np.floor((west - self.west) / across))
        right = int(np.floor((east - self.west) / across)) + 2
        top, bottom = max(top, 0), min(bottom, height)
        if self.around:
            turns = left // self.around * self.around
        else:
            turns = round((left - width / 2) / (360 / across)) * round(360 / across)
        inside = self.around or 0 <= left - turns < right - turns <= width
        least, most = self.north - (height - 1) * down, self.north
        if not (inside and least - 1e-9 <= south and north <= most + 1e-9 and bottom - top > 1):
            raise WrongHeightsError(
                f"{self.path}: the geoid does not cover {west:.3f} to {east:.3f} degrees east, "
                f"{south:.3f} to {north:.3f} north"
            )
        columns = np.arange(left - turns, right - turns)
        values = self._rows(top, bottom)[:, columns % self.around if self.around else columns]
        if not (np.abs(values) < _MOST).all():
            raise WrongHeightsError(
                f"{self.path}: no heights, or such as no geoid has, between {south:.3f} and "
                f"{north:.3f} degrees north: {values.min()} to {values.max()} m"
            )
        place = (self.north - top * down, 1 / down, self.west + left * across, 1 / across)
        return Undulations(np.ascontiguousarray(values, dtype=np.float64), place)

    def _rows(self, top: int, bottom: int) -> npt.NDArray[np.float32]:
        """Read rows, counted from the north."""
        height, width = self.shape
        if self.layout == "tif":
            try:
                plane = open_raster(self.path, dtypes="fi").plane()
                return plane.pixels(Window((top, bottom), (0, width))).astype(np.float32)
            except BadFile as reason:
                raise WrongHeightsError(str(reason)) from reason
        head = _GTX.size if self.layout == "gtx" else _GRD.size
        first = height - bottom if self.layout == "gtx" else top
        values = np.fromfile(
            self.path, ">f4", (bottom - top) * width, offset=head + 4 * first * width
        ).reshape(-1, width)
        return (values[::-1] if self.layout == "gtx" else values).astype(np.float32)


def open_geoid(path: str | Path, reference: str | None = None) -> Geoid:
    """Read the head of a geoid file.

    Parameters
    ----------
    path
        ``.gtx``, ``.grd`` or ``.tif``.
    reference
        The geoid that it holds, such as ``EGM2008``, where neither a tag nor its name says so.

    Raises
    ------
    MissingGeoidError
        If there is no such file.
    WrongHeightsError
        If it is not one of these formats, or cut short.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingGeoidError(path)
    named = stated(reference, "geoid_reference") or reference_of_name(path) or ""
    kind = path.suffix.lower()
    if kind == ".gtx":
        return _open_gtx(path, named)
    if kind == ".grd":
        return _open_grd(path, named)
    if kind in (".tif", ".tiff"):
        return _open_tif(path, stated(reference, "geoid_reference"))
    raise WrongHeightsError(f"{path}: a geoid is a .gtx, .grd or .tif file")


def geoid_differences(one: Geoid, other: Geoid, bounds: Bounds) -> tuple[float, float]:
    """Return root mean square and largest difference of two geoids over a region, metres.

    Both are taken on nodes 0.02 degrees apart.
    """
    west, south, east, north = bounds
    x, y = np.meshgrid(
        np.linspace(west, east, max(int((east - west) / 0.02), 2)),
        np.linspace(south, north, max(int((north - south) / 0.02), 2)),
    )
    between = one.part(bounds).at(x, y) - other.part(bounds).at(x, y)
    return float(np.sqrt(np.mean(between**2))), float(np.abs(between).max())


def _open_gtx(path: Path, reference: str) -> Geoid:
    with path.open("rb") as file:
        head = file.read(_GTX.size)
    if len(head) < _GTX.size:
        raise WrongHeightsError(f"{path}: cut short: {len(head)} bytes")
    south, west, down, across, height, width = _GTX.unpack(head)
    _check_size(path, _GTX.size, (height, width), (down, across))
    north = south + (height - 1) * down
    return Geoid(path, reference, north, west, (down, across), (height, width), "gtx")


def _open_grd(path: Path, reference: str) -> Geoid:
    with path.open("rb") as file:
        head = file.read(_GRD.size)
    if len(head) < _GRD.size:
        raise WrongHeightsError(f"{path}: cut short: {len(head)} bytes")
    south, north, west, east, down, across = _GRD.unpack(head)
    steps = np.array([north - south, east - west]) / np.array([down or 1, across or 1])
    if not np.isfinite(steps).all():
        raise WrongHeightsError(f"{path}: not the binary grid of GEOTRANS (six big-endian floats)")
    shape = (round(float(steps[0])) + 1, round(float(steps[1])) + 1)
    _check_size(path, _GRD.size, shape, (down, across))
    return Geoid(path, reference, north, west, (down, across), shape, "grd")


def _check_size(path: Path, head: int, shape: tuple[int, int], steps: tuple[float, float]) -> None:
    """See that a head is that of a grid on Earth, and that the file has its bytes."""
    height, width = shape
    down, across = steps
    if not (
        1 < height < 100_000 and 1 < width < 200_000
        and 0 < down * (height - 1) <= 180.001 and 0 < across * (width - 1) <= 360.001
    ):  # fmt: skip
        raise WrongHeightsError(
            f"{path}: not the grid of a geoid: {height} x {width} values, {down} x {across} degrees"
        )
    size = path.stat().st_size
    if size != head + 4 * height * width:
        raise WrongHeightsError(
            f"{path}: {size} bytes, not the {head + 4 * height * width} of its {height} x {width} "
            "values: cut short, or of another format"
        )


def _open_tif(path: Path, reference: str | None) -> Geoid:
    from pyproj import CRS

    try:
        file = open_raster(path, dtypes="fi")
    except BadFile as reason:
        raise WrongHeightsError(str(reason)) from reason
    grid = file.plane().placed
    if not CRS.from_user_input(str(grid.crs)).is_geographic or grid.affine.e >= 0:
        raise WrongHeightsError(f"{path}: the grid of a geoid is in degrees, north up")
    tags = {name.lower(): value for name, value in file.tags.items()}
    declared = reference_of_code(tags.get("target_crs_epsg_code", ""))
    known = reference or declared or reference_of_name(path) or ""
    down, across = -grid.affine.e, grid.affine.a
    north, west = grid.affine.f - down / 2, grid.affine.c + across / 2
    height, width = file.shape
    return Geoid(path, known, north, west, (down, across), (height, width), "tif")
