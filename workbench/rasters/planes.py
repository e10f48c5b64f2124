"""Single bands of raster files, of which pixels are read window by window.

Every read opens the file and closes it, and sees that it is still the one that was looked at.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.errors import BadFile
from workbench.rasters.windows import Window

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = [
    "Plane",
    "decode",
    "is_address",
    "masks_of",
    "opened",
    "patient",
    "read_bands",
    "read_masked",
    "stamp_of",
]

Array = npt.NDArray[Any]

_MOVED = 0.01  # of a pixel, by which grids that are stated may be off

# A server that is busy (429, 500, 502, 503, 504) is asked again, after half a second and then ever
# longer; one that cannot be reached, or sends nothing, is given up. By itself GDAL takes the first
# answer and keeps it, and waits for ever. Seconds, but for the tries and the bytes a second.
_PATIENCE = {
    "GDAL_HTTP_MAX_RETRY": "3",
    "GDAL_HTTP_RETRY_DELAY": "0.5",
    "GDAL_HTTP_CONNECTTIMEOUT": "15",
    "GDAL_HTTP_LOW_SPEED_TIME": "30",
    "GDAL_HTTP_LOW_SPEED_LIMIT": "1",
}
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Plane:
    """One band of a raster file.

    Attributes
    ----------
    path
        Path, or the address that GDAL opens.
    band
        Number of the band, from 1.
    grid
        None for a raster without a transform, which is read by `pixels` only.
    drivers
        GDAL drivers that may open it.
    dtype
        Type of the pixels.
    nodata
        Value that is missing, None where the file states none.
    blocks
        Rows and columns of the tiles or strips that are decoded at once; None if not known.
    stamp
        Size, bytes, and time of change, ns, of the file when it was looked at; None if not known.
    """

    path: str
    band: int
    grid: GeoBox | None
    drivers: tuple[str, ...]
    dtype: str
    nodata: float | None = None
    blocks: tuple[int, int] | None = None
    stamp: tuple[int, int] | None = None

    @property
    def placed(self) -> GeoBox:
        """The grid, of a plane that must have one.

        Raises
        ------
        BadFile
            If the file is not georeferenced.
        """
        if self.grid is None:
            raise BadFile(f"{self.path}: not georeferenced, so it cannot be put on another grid")
        return self.grid

    def pixels(self, window: Window) -> Array:
        """Read a window of the file's own pixels.

        Parameters
        ----------
        window
            Inside the raster.

        Returns
        -------
        numpy.ndarray
            (rows, cols) in the type and unit of the file; missing pixels keep their `nodata` value.

        Raises
        ------
        BadFile
            If the pixels cannot be read.
        """
        return np.asarray(read_bands(self, [self.band], window)[0])


def read_bands(plane: Plane, bands: Sequence[int], window: Window) -> Array:
    """Read a window of some bands of the file of a plane.

    Parameters
    ----------
    plane
        Says which file; its own band counts in messages only.
    bands
        Numbers of the bands, from 1.
    window
        Inside the raster.

    Returns
    -------
    numpy.ndarray
        (band, rows, cols) in the type and unit of the file; missing pixels keep their nodata value.

    Raises
    ------
    BadFile
        If the pixels cannot be read.
    """
    with _reading(plane, window) as file:
        values: Array = file.read(list(bands), window=tuple(window))
    return values


def read_masked(plane: Plane, bands: Sequence[int], window: Window) -> Array:
    """Read a window of some bands, and where a mask of the file says that there is nothing.

    Parameters
    ----------
    plane, bands, window
        As for `read_bands`.

    Returns
    -------
    numpy.ndarray
        As of `read_bands`; of a file with a mask or a band of opacity a `numpy.ma.MaskedArray`.

    Raises
    ------
    BadFile
        If the pixels cannot be read.
    """
    with _reading(plane, window) as file:
        values: Array = file.read(list(bands), window=tuple(window))
        masks = masks_of(file, bands, window)
    return values if masks is None else np.ma.MaskedArray(values, masks)


def masks_of(file: Any, bands: Sequence[int], window: Window) -> npt.NDArray[np.bool_] | None:
    """Return where masks of an open file say that there is nothing; None if it has no mask.

    Parameters
    ----------
    file
        Of rasterio.
    bands, window
        As for `read_bands`.

    Returns
    -------
    numpy.ndarray
        (band, rows, cols); the value `nodata` is not looked at.
    """
    from rasterio.enums import MaskFlags

    has = [MaskFlags.per_dataset in file.mask_flag_enums[band - 1] for band in bands]
    if not any(has):
        return None
    found = file.read_masks(list(bands), window=tuple(window)) == 0
    found[~np.array(has)] = False
    return np.asarray(found)


@contextmanager
def _reading(plane: Plane, window: Window) -> Iterator[Any]:
    """Open the file of a plane, on whose grid it still is; all faults are a BadFile."""
    import rasterio

    rows = window.rows
    try:
        with patient(plane.path), _opened_for_pixels(plane) as file:
            yield file
    except (rasterio.errors.RasterioError, OSError) as error:
        way_out = (
            "Its server may not have sent it: try again"
            if is_address(plane.path)
            else "Replace or remove the file"
        )
        raise BadFile(
            f"{plane.path}: cannot read band {plane.band}, rows {rows[0]} to {rows[1]}: "
            f"{error.__cause__ or error}. {way_out}, or read with on_error='skip', verify=True"
        ) from error


def _opened_for_pixels(plane: Plane) -> Any:
    """Open the file of a plane, which must be on the grid that was found, or stated, before.

    One whose size and time are what they were is opened without its CRS, three quarters of what
    opening a GeoTIFF costs. Of others the grid is compared: a file at an address, one that was
    replaced, the copy that another machine has under the same path.
    """
    if plane.stamp is not None and stamp_of(plane.path) == plane.stamp:
        with _ONE_AT_A_TIME:  # filters of warnings are those of the process, not of a thread
            return opened(plane.path, plane.drivers, GEOREF_SOURCES="NONE")
    with ExitStack() as stack:
        file = stack.enter_context(opened(plane.path, plane.drivers))
        _check_grid(plane, file)
        stack.pop_all()
        return file


def _check_grid(plane: Plane, file: Any) -> None:
    """Check that a file is on the grid of its plane."""
    if plane.grid is None:
        return
    known, pixel = plane.grid.affine, max(abs(plane.grid.affine.a), abs(plane.grid.affine.e))
    moved = np.abs(np.subtract(tuple(file.transform)[:6], tuple(known)[:6]))
    # the far corner lies as many steps away as there are pixels
    off = max(moved[2], moved[5], *(max(file.shape) * moved[[0, 1, 3, 4]])) / pixel
    if file.shape != tuple(plane.grid.shape) or off > _MOVED:
        raise BadFile(
            f"{plane.path}: {file.shape[0]} x {file.shape[1]} pixels from {file.transform.c:g}, "
            f"{file.transform.f:g}, not {plane.grid.shape[0]} x {plane.grid.shape[1]} from "
            f"{known.c:g}, {known.f:g} as stated; it has changed, or what describes it is wrong"
        )


def stamp_of(path: str) -> tuple[int, int]:
    """Return size and time of a local file."""
    found = Path(path).stat()
    return found.st_size, found.st_mtime_ns


def opened(path: str, drivers: Sequence[str], **options: str) -> Any:
    """Open a raster with the first of `drivers` that knows its format, and with no other."""
    import rasterio

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        for driver in drivers[:-1]:
            try:
                return rasterio.open(path, driver=driver, **options)
            except rasterio.errors.RasterioIOError:
                continue
        return rasterio.open(path, driver=drivers[-1], **options)


def is_address(path: str) -> bool:
    """Whether GDAL asks a server for a file."""
    return path.startswith("/vsi") or "://" in path


def patient(path: str) -> Any:
    """Return a context in which a file at an address is asked for again, and not for ever.

    What somebody has configured, by GDAL's options of these names, stays.
    """
    import rasterio
    from rasterio.env import get_gdal_config

    if not is_address(path):
        return nullcontext()
    return rasterio.Env(
        **{name: value for name, value in _PATIENCE.items() if get_gdal_config(name) is None}
    )


def decode(planes: Sequence[Plane]) -> None:
    """Read every pixel of some planes once, in strips, to find damage inside the files.

    Parameters
    ----------
    planes
        Georeferenced ones.

    Raises
    ------
    BadFile
        If one cannot be decoded.
    """
    for plane in planes:
        height, width = plane.placed.shape
        for row in range(0, height, 1024):
            plane.pixels(Window((row, min(row + 1024, height)), (0, width)))
