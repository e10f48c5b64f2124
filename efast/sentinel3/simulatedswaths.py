"""What Sentinel-3 would see of a landscape that is known: means over tilted pixels, clouds, noise.

Pixels are squares of 300 m that stand askew to the grid of the landscape. Each is the mean of the
true reflectance over its footprint, as the instrument has it by its gain and bias. Beyond its edge
the landscape goes on as its mirror image, so that pixels there are known too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from efast.errors import BadInput

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["Response", "Seen", "SimulatedSwath", "observe"]

Floats = npt.NDArray[np.float64]

CLOUD_REFLECTANCE = 0.65
EDGE = 0.2  # of the field of clouds: from clear to thick
AMBIGUOUS, CLOUD = 0.0, 0.3  # thickness from which a pixel is flagged so
FLAGS = {"CLOUD": 1, "CLOUD_AMBIGUOUS": 2, "CLOUD_MARGIN": 4}


class Response(NamedTuple):
    """How the instrument sees a band: reflectance x gain + bias."""

    gain: float = 1.0
    bias: float = 0.0


class Seen(NamedTuple):
    """One image of a swath.

    Attributes
    ----------
    values
        (band, rows, columns) float64 reflectance, bright under clouds.
    cloud
        (rows, columns) uint8 bits of CLOUD_flags.
    """

    values: Floats
    cloud: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class SimulatedSwath:
    """A part of a descending swath.

    Attributes
    ----------
    rows, columns
        Pixels along the track, downwards, and across, to the east.
    pixel
        Side of a pixel in the unit of the landscape (m).
    tilt
        Of the track to the west of south, degrees.
    shift
        Of the middle of the swath from that of the landscape, to the east and north (m).
    view_zenith
        At the first and at the last column, degrees.

    Raises
    ------
    BadInput
        If there are fewer than two rows or columns.
    """

    rows: int = 49
    columns: int = 49
    pixel: float = 300.0
    tilt: float = 12.0
    shift: tuple[float, float] = (0.0, 0.0)
    view_zenith: tuple[float, float] = (22.0, 21.0)

    def __post_init__(self) -> None:
        if min(self.rows, self.columns) < 2:
            raise BadInput(f"a swath of {self.rows} x {self.columns} pixels: at least 2 by 2")

    def _axes(self) -> tuple[Floats, Floats]:
        """Return one pixel down the track and one across it, (east, north)."""
        angle = np.radians(self.tilt)
        down = self.pixel * np.array([-np.sin(angle), -np.cos(angle)])
        across = self.pixel * np.array([np.cos(angle), -np.sin(angle)])
        return down, across

    def _corner(self, grid: GeoBox) -> Floats:
        """Return the centre of the first pixel, (east, north)."""
        down, across = self._axes()
        middle: Any = np.array(grid.extent.centroid.coords[0]) + self.shift
        found: Floats = middle - (self.rows - 1) / 2 * down - (self.columns - 1) / 2 * across
        return found

    def places(self, grid: GeoBox) -> tuple[Floats, Floats]:
        """Return the centres of the pixels over a landscape.

        Parameters
        ----------
        grid
            Of the landscape.

        Returns
        -------
        lat, lon : numpy.ndarray
            (rows, columns) degrees, WGS 84.
        """
        from pyproj import Transformer

        down, across = self._axes()
        row, column = np.mgrid[: self.rows, : self.columns].astype(float)[..., None]
        at = self._corner(grid) + row * down + column * across
        to_degrees = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
        lon, lat = to_degrees.transform(at[..., 0], at[..., 1])
        return np.asarray(lat), np.asarray(lon)

    def footprints(self, grid: GeoBox) -> Any:
        """Return the weights that make pixels of this swath from those of a landscape.

        Parameters
        ----------
        grid
            Of the landscape, north up.

        Returns
        -------
        scipy.sparse.csr_array
            (rows x columns, pixels of `grid`): the mean over the pixels of the landscape, mirrored
            at its edge, whose centres lie in the footprint.
        """
        return _footprints(self, grid)


@lru_cache(maxsize=1)  # some 40 MB
def _footprints(swath: SimulatedSwath, grid: GeoBox) -> Any:
    from scipy.sparse import csr_array

    down, across = swath._axes()
    corner = swath._corner(grid)
    steps = np.array([[-0.5, -0.5], [-0.5, 0.5], [0.5, -0.5], [0.5, 0.5]]) * (
        swath.rows + 2,
        swath.columns + 2,
    )
    middle = corner + (swath.rows - 1) / 2 * down + (swath.columns - 1) / 2 * across
    ends = middle + steps @ np.stack([down, across])
    columns, rows = ~grid.affine @ (ends[:, 0], ends[:, 1])
    x, y = (np.arange(np.floor(at.min()), np.ceil(at.max())) for at in (columns, rows))
    centres: Any = tuple(np.meshgrid(x + 0.5, y + 0.5))
    east, north = grid.affine @ centres
    to_pixels = np.linalg.inv(np.stack([down, across], axis=1))
    row, column = (
        np.rint(to_pixels[axis, 0] * (east - corner[0]) + to_pixels[axis, 1] * (north - corner[1]))
        for axis in (0, 1)
    )
    met = (row >= 0) & (row < swath.rows) & (column >= 0) & (column < swath.columns)
    pixel = (row * swath.columns + column)[met].astype(np.int64)
    inside = _mirrored(y, grid.shape[0])[:, None] * grid.shape[1] + _mirrored(x, grid.shape[1])
    weight = 1 / np.bincount(pixel, minlength=swath.rows * swath.columns)
    shape = (swath.rows * swath.columns, grid.shape[0] * grid.shape[1])
    return csr_array((weight[pixel], (pixel, inside[met])), shape=shape)


def _mirrored(at: Floats, length: int) -> npt.NDArray[np.int64]:
    """Return places inside 0..length, those beyond mirrored at the edges as often as it takes."""
    turn = at.astype(np.int64) % (2 * length)
    return np.where(turn < length, turn, 2 * length - 1 - turn)


def observe(
    truth: npt.NDArray[np.float32],
    grid: GeoBox,
    swath: SimulatedSwath,
    responses: Sequence[Response],
    *,
    cover: float,
    noise: float,
    rng: np.random.Generator,
) -> Seen:
    """Take one image of a landscape.

    Parameters
    ----------
    truth
        (band, y, x) true reflectance.
    grid
        Of the landscape.
    swath
        Where the pixels are.
    responses
        Of each band.
    cover
        Share of the pixels that is cloud, 0..1.
    noise
        Standard deviation, reflectance.
    rng
        Everything random follows from it.

    Returns
    -------
    Seen
        Pixels without a flag show no cloud.
    """
    mean = swath.footprints(grid) @ truth.reshape(len(truth), -1).T.astype(np.float64)
    values = mean.T.reshape(len(truth), swath.rows, swath.columns)
    for band, plane in enumerate(values):
        plane *= responses[band].gain
        plane += responses[band].bias
    thick, cloud = _clouds((swath.rows, swath.columns), cover, rng)
    values = values * (1 - thick) + CLOUD_REFLECTANCE * thick
    return Seen(values + noise * rng.standard_normal(values.shape), cloud)


def _clouds(
    shape: tuple[int, int], cover: float, rng: np.random.Generator
) -> tuple[Floats, npt.NDArray[np.uint8]]:
    """Return the thickness of clouds, 0..1, and the flags of the pixels."""
    from scipy.ndimage import binary_dilation, gaussian_filter

    field = sum(
        part * gaussian_filter(rng.standard_normal(shape), scale, mode="wrap") * scale
        for part, scale in ((1.0, 5.0), (0.3, 1.5))
    )
    cloud = np.zeros(shape, np.uint8)
    if cover <= 0:
        return np.zeros(shape), cloud
    edge = field.min() - EDGE if cover >= 1 else np.quantile(field, 1 - cover)
    thick = np.clip((field - edge) / EDGE, 0, 1)
    cloud[thick > AMBIGUOUS] = FLAGS["CLOUD_AMBIGUOUS"]
    cloud[thick > CLOUD] = FLAGS["CLOUD"]
    cloud[binary_dilation(thick > AMBIGUOUS) & (cloud == 0)] = FLAGS["CLOUD_MARGIN"]
    return thick, cloud
