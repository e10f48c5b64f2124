"""The stack: images of Sentinel-2 on one grid as a labelled cube, read block by block.

A block is a window of the target grid with all times and bands. Whatever the images lie in, files
or cubes, its task does the same for each of them: DN without the offset, missing pixels blanked,
the mask turned into weights, and the images of one pass of the satellite put together. Tiles
overlap: per pixel the clearest image wins (the highest weight); among equals the earliest, then the
one whose tile name comes first, so the result does not depend on the order in which files are
found. A missing pixel never wins over one that has data, even clouded.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.errors import BadFile, BadInput
from workbench.rasters.cubes import Variable, check_chunks, cube_of_blocks
from workbench.rasters.grids import Aoi, longitude
from workbench.rasters.times import TimeRange, group_by_solar_day
from workbench.rasters.windows import BLOCK, Window
from workbench.sentinel2.acquisitions import MissingMask, OnError
from workbench.sentinel2.cloudweights import Weighing

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = [
    "Blocks",
    "Images",
    "Pixels",
    "ReadOptions",
    "labelled_stack",
    "merge_into",
    "stack_of",
]

logger = logging.getLogger(__name__)

DN = npt.NDArray[np.uint16]
Missing = Literal["any", "all"]

REFLECTANCE = {
    "long_name": "surface reflectance",
    "units": "1",
    "scale_factor": 1e-4,
    "add_offset": 0.0,
    "harmonised": 1,
}
WEIGHT = {"long_name": "weight of the observation, 1 = clear", "units": "1"}


@dataclass(frozen=True)
class ReadOptions:
    """What all readers understand.

    Attributes
    ----------
    aoi
        Region; only its envelope is read. See `workbench.rasters.grids.Aoi`.
    geobox
        Target grid, instead of one from `aoi` and `resolution`.
    resolution
        Pixel size of the target grid, m.
    time_range
        First and last moment wanted, both included.
    buffer_days
        Acquisitions this many days outside the range are read too, to support its ends.
    missing_mask
        What to do with an image without a mask: ``"drop"``, ``"error"`` or ``"clear"``.
    missing
        ``"any"``: a pixel is missing where any band is 0. ``"all"``: where all bands are.
    regrid
        False to refuse masks whose grid is not aligned with the target.
    on_error
        ``"raise"``, or ``"skip"`` to leave out broken files, logged once with their paths.
    verify
        Decode every pixel once before a graph is built, so that damage inside a file is found (and
        skipped) then and not in the middle of a run.
    chunks
        Side of a block in pixels; None to read everything now.

    Raises
    ------
    BadInput
        If `missing`, `on_error` or `chunks` is something else.
    """

    aoi: Aoi | None = None
    geobox: GeoBox | None = None
    resolution: float = 10.0
    time_range: TimeRange | None = None
    buffer_days: float = 48.0
    missing_mask: MissingMask = "drop"
    missing: Missing = "any"
    regrid: bool = True
    on_error: OnError = "raise"
    verify: bool = False
    chunks: int | None = BLOCK

    def __post_init__(self) -> None:
        if self.missing not in ("any", "all"):
            raise BadInput(f"missing={self.missing!r}: 'any' or 'all'")
        if self.on_error not in ("raise", "skip"):
            raise BadInput(f"on_error={self.on_error!r}: 'raise' or 'skip'")
        check_chunks(self.chunks)

    @property
    def region(self) -> str:
        """The region in words, for messages."""
        return "the region of the images" if self.aoi is None else f"aoi={self.aoi}"


class Pixels(NamedTuple):
    """What one image has on a window of the target.

    Attributes
    ----------
    dn
        (band, y, x) uint16 without the offset, 0 missing.
    mask, known
        (y, x) values of the mask, and where it has any, with as many pixels more on every side as
        the weights depend on; None for an image that is clear everywhere.
    """

    dn: DN
    mask: npt.NDArray[Any] | None
    known: npt.NDArray[np.bool_] | None


class Images(Protocol):
    """Images of one series, wherever they lie; small, since it goes to every block's task."""

    def part(self, image: int) -> Window | None:
        """Return the window of the target that an image can touch; None for all of it."""

    def reader(self, target: GeoBox, window: Window, reach: int) -> Callable[[int, Window], Pixels]:
        """Return a function that reads images on parts of a window of the target.

        Parameters
        ----------
        target
            Grid that is read onto.
        window
            Of the target; the parts lie in it.
        reach
            Pixels that masks are read farther on every side.

        Returns
        -------
        callable
            ``(image, part)``, the number of an image and a window, to `Pixels`.
        """

    def name(self, image: int) -> str:
        """Return what the mask of an image, or else the image, is called in messages."""


@dataclass(frozen=True)
class Blocks:
    """Compute the blocks of a stack: turn masks into weights, blank, merge passes."""

    images: Images
    passes: tuple[tuple[int, ...], ...]
    bands: int
    weighing: Weighing
    missing: Missing

    def __call__(self, target: GeoBox, window: Window) -> tuple[DN, npt.NDArray[Any]]:
        """Return DN (time, band, y, x) and weights (time, y, x) of a window."""
        reach = self.weighing.reach(target.affine.a)
        read = self.images.reader(target, window, reach)
        dn = np.zeros((len(self.passes), self.bands, *window.shape), np.uint16)
        weight = np.zeros((len(self.passes), *window.shape), self.weighing.dtype)
        for at, members in enumerate(self.passes):
            first = True  # nothing is there yet, so there is nothing to compare with
            for image in members:
                touched = self.images.part(image)
                part = window if touched is None else window.common(touched)
                if part is None:
                    continue
                rows, cols = part.within(window)
                found = self._weighed(image, read(image, part), reach, target.affine.a)
                into = dn[at, :, rows, cols], weight[at, rows, cols]
                if first:
                    into[0][...], into[1][...] = found
                else:
                    merge_into(*into, *found)
                first = False
        return dn, weight

    def _weighed(
        self, image: int, pixels: Pixels, reach: int, resolution: float
    ) -> tuple[DN, npt.NDArray[Any]]:
        """Blank what is missing in an image and turn its mask into weights."""
        dn = pixels.dn
        absent = (dn == 0).any(0) if self.missing == "any" else ~dn.any(0)
        np.copyto(dn, 0, where=absent)
        if pixels.mask is None or pixels.known is None:
            weight = np.ones(absent.shape, self.weighing.dtype)
        else:
            try:
                wide = self.weighing.weights(pixels.mask, pixels.known, resolution)
            except BadInput as error:
                raise BadFile(f"{self.images.name(image)}: {error}") from error
            rows, cols = wide.shape
            weight = wide[reach : rows - reach, reach : cols - reach].copy()
        weight[absent] = 0
        return dn, weight


def merge_into(dn: DN, weight: npt.NDArray[Any], other: DN, other_weight: npt.NDArray[Any]) -> None:
    """Put the pixels of another image into the first, in place, where the other is clearer.

    Of equal weights the first stays, unless it is missing there.

    Parameters
    ----------
    dn, other
        (band, y, x) uint16, 0 in every band where missing.
    weight, other_weight
        (y, x), of one type.
    """
    empty = ~dn.any(axis=0)
    better = (other_weight > weight) | (empty & other.any(axis=0))
    dn[:, better] = other[:, better]
    weight[better] = other_weight[better]


def stack_of(
    images: Images,
    times: Sequence[np.datetime64],
    bands: Sequence[str],
    weighing: Weighing,
    target: GeoBox,
    options: ReadOptions,
) -> xr.Dataset:
    """Make the stack of images on a grid; those of one pass become one time.

    Parameters
    ----------
    images
        Where their pixels come from.
    times
        Of the images, ascending, UTC.
    bands
        Names of their bands.
    weighing
        How their masks become weights.
    target
        Grid of the stack.
    options
        `missing` and `chunks` count here.

    Returns
    -------
    xarray.Dataset
        ``reflectance`` (time, band, y, x) uint16: DN, reflectance x 10000 without the offset, 0
        missing; ``weight`` (time, y, x): 1 clear, 0 hidden, unknown or missing, uint8 or, where
        soft, float32. The time of a pass is that of its first image. Lazy unless `chunks` is None.

    Raises
    ------
    BadInput
        If the times do not ascend.
    """
    passes = group_by_solar_day(times, longitude(target))
    logger.info(
        "%d acquisitions from %d images on %d x %d pixels of %g m",
        len(passes), len(times), *target.shape, target.affine.a,
    )  # fmt: skip
    blocks = Blocks(images, tuple(map(tuple, passes)), len(bands), weighing, options.missing)
    return labelled_stack(
        blocks, [times[members[0]] for members in passes], bands, target, weighing.dtype,
        chunks=options.chunks,
    )  # fmt: skip


def labelled_stack(
    block: Any,
    times: Sequence[np.datetime64],
    bands: Sequence[str],
    target: GeoBox,
    weight_dtype: Any,
    *,
    chunks: int | None = BLOCK,
) -> xr.Dataset:
    """Make a stack from a function that computes DN and weights of a window.

    Parameters
    ----------
    block
        A `workbench.rasters.cubes.Block` that returns DN (time, band, y, x) uint16 and weights
        (time, y, x).
    times
        Of the stack, strictly ascending, UTC.
    bands
        Names of its bands.
    target
        Grid of the stack.
    weight_dtype
        Type of the weights: uint8 or float32.
    chunks
        Side of a block in pixels; None to compute now.

    Returns
    -------
    xarray.Dataset
        See `stack_of`.

    Raises
    ------
    BadInput
        If the times do not ascend strictly.
    """
    stamps = np.asarray(times, "datetime64[ns]")
    if not (np.diff(stamps) > np.timedelta64(0)).all():
        raise BadInput(f"acquisition times are not strictly increasing: {stamps}")
    variables = (
        Variable("reflectance", ("time", "band"), np.uint16, REFLECTANCE),
        Variable("weight", ("time",), weight_dtype, WEIGHT),
    )
    coords = {"time": stamps, "band": list(bands)}
    return cube_of_blocks(block, variables, coords, target, chunks=chunks)
