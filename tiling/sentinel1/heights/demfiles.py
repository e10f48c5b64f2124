"""Files of elevation models: GeoTIFF in degrees, and the raw ``.hgt`` of SRTM.

Only what a place needs is read, in blocks of whole pixels that are kept for a while, so that blocks
of a tile that share them read them once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.errors import MissingDEMError, WrongHeightsError
from tiling.sentinel1.heights.references import reference_of_crs, reference_of_name
from workbench.errors import BadFile
from workbench.rasters.grids import Bounds
from workbench.rasters.planes import Plane
from workbench.rasters.rasterfiles import open_raster
from workbench.rasters.windows import Window

__all__ = ["SIDE", "DemFile", "open_dem"]

Heights = npt.NDArray[np.float32]

SIDE = 1024
"""Pixels along a side of what is read and kept at once; the blocks of Copernicus files."""

_KEPT = 48  # blocks of 4 MiB at most, in each process
_LEAST, _MOST = -1000.0, 9000.0  # m; what lies beyond is no height of ground

_HGT = re.compile(r"^([NS])([0-9]{2})([EW])([0-9]{3})(?:\.SRTMGL[13]S?)?\.hgt$", re.I)


@dataclass(frozen=True)
class DemFile:
    """One file of an elevation model.

    Attributes
    ----------
    path
        The file.
    stamp
        Its size and time of change, so that another file of that name is another value.
    north, west
        Degrees: centres of the first row and column.
    steps
        Degrees between rows and between columns.
    shape
        Rows and columns.
    reference
        What its heights are above; None where nothing says so.
    plane
        The band of a GeoTIFF; None for raw heights.
    """

    path: Path
    stamp: tuple[int, int]
    north: float
    west: float
    steps: tuple[float, float]
    shape: tuple[int, int]
    reference: str | None
    plane: Plane | None

    def __hash__(self) -> int:
        return hash((self.path, self.stamp))

    @property
    def bounds(self) -> Bounds:
        """West, south, east, north of its pixels, degrees."""
        (down, across), (height, width) = self.steps, self.shape
        west, north = self.west - across / 2, self.north + down / 2
        return west, north - height * down, west + width * across, north

    def pixels(self, window: Window) -> Heights:
        """Return a window of its pixels, metres, NaN where there is no height.

        Raises
        ------
        MissingDEMError
            If the file cannot be read.
        """
        out = np.empty(window.shape, np.float32)
        for top in range(window.rows[0] // SIDE, (window.rows[1] - 1) // SIDE + 1):
            for left in range(window.cols[0] // SIDE, (window.cols[1] - 1) // SIDE + 1):
                block = _block_window(self, top, left)
                common = block.common(window)
                assert common is not None
                out[common.within(window)] = _block(self, top, left)[common.within(block)]
        return out


def open_dem(path: str | Path) -> DemFile:
    """Read the head of a file of an elevation model.

    Raises
    ------
    MissingDEMError
        If it is missing, damaged or of another format.
    WrongHeightsError
        If it is not in degrees, north up.
    """
    path = Path(path)
    try:
        state = path.stat()
    except OSError as reason:
        raise MissingDEMError(f"{path}: {reason.strerror}") from reason
    stamp = (state.st_size, state.st_mtime_ns)
    if path.suffix.lower() == ".hgt":
        return _open_hgt(path, stamp)
    try:
        file = open_raster(path, dtypes="uif")
    except BadFile as reason:
        raise MissingDEMError(str(reason)) from reason
    plane = file.plane()
    affine, crs = plane.placed.affine, str(plane.placed.crs)
    if not _in_degrees(crs) or affine.b or affine.d or affine.e >= 0 or affine.a <= 0:
        raise WrongHeightsError(
            f"{path}: elevation models are rasters in degrees, north up; this one is in {crs[:60]}"
        )
    height, width = file.shape
    return DemFile(
        path, stamp, affine.f + affine.e / 2, affine.c + affine.a / 2, (-affine.e, affine.a),
        (height, width), reference_of_crs(crs) or reference_of_name(path), plane,
    )  # fmt: skip


def _in_degrees(crs: str) -> bool:
    from pyproj import CRS

    known = CRS.from_user_input(crs)
    unit = np.degrees(known.axis_info[0].unit_conversion_factor)
    return known.is_geographic and abs(float(unit) - 1) < 1e-9


def _open_hgt(path: Path, stamp: tuple[int, int]) -> DemFile:
    """Read the place of raw heights from their name, and their number from their size."""
    found = _HGT.match(path.name)
    if not found:
        raise WrongHeightsError(f"{path}: the name of a .hgt file gives its place, as N41E013.hgt")
    south = int(found[2]) * (1 if found[1] in "Nn" else -1)
    west = int(found[4]) * (1 if found[3] in "Ee" else -1)
    for shape in ((3601, 3601), (1201, 1201), (3601, 1801)):
        if stamp[0] == 2 * shape[0] * shape[1]:
            steps = (1 / (shape[0] - 1), 1 / (shape[1] - 1))
            return DemFile(
                path, stamp, south + 1.0, float(west), steps, shape, reference_of_name(path), None
            )
    raise MissingDEMError(
        f"{path}: {stamp[0]} bytes; raw heights are 3601 x 3601 or 1201 x 1201 numbers of 2 bytes"
    )


def _block_window(file: DemFile, top: int, left: int) -> Window:
    height, width = file.shape
    return Window(
        (top * SIDE, min((top + 1) * SIDE, height)), (left * SIDE, min((left + 1) * SIDE, width))
    )


@lru_cache(maxsize=_KEPT)
def _block(file: DemFile, top: int, left: int) -> Heights:
    """Read a block of a file; NaN where it has no height, or one that no ground has."""
    window = _block_window(file, top, left)
    try:
        if file.plane is None:
            numbers = np.memmap(file.path, ">i2", "r", shape=file.shape)[window.slices]
        else:
            numbers = file.plane.pixels(window)
    except (BadFile, OSError, ValueError) as reason:
        raise MissingDEMError(f"{file.path}: {reason}") from reason
    heights = numbers.astype(np.float32)
    nodata = None if file.plane is None else file.plane.nodata
    absent = ~((heights >= _LEAST) & (heights <= _MOST))
    if nodata is not None and _LEAST <= nodata <= _MOST:
        absent |= numbers == nodata
    heights[absent] = np.nan
    heights.flags.writeable = False
    return heights
