"""Both sensors made ready for a fusion: checked, paired, on grids that go together.

What comes out lies on the coarse grid, 1/900 of the fine data, but for the fine images themselves,
which stay where they are: in memory or on Dask.
"""
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from efast.bandpairs import band_pairs
from efast.cells.cellblocks import BLOCK, whole_cells
from efast.cells.classseries import ClassCells
from efast.cells.cloudscores import bad_counts, cloud_distance, distance_score, too_many
from efast.cells.coarsestate import CoarseState, FusionOptions, coarse_states
from efast.cells.compositeseries import CompositeOptions, composite_series
from efast.cells.pixelclasses import Courses
from efast.cubes.finecubes import read_fine
from efast.cubes.plausibility import check_range, check_units
from efast.errors import BadInput
from workbench.rasters.cubes import grid_of
from workbench.rasters.times import as_times

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["DIMS", "Counted", "Grids", "Prepared", "days_of", "prepare"]

DIMS = ("time", "band", "y", "x")

Floats = npt.NDArray[np.float32]
Days = npt.NDArray[np.int64]


class Counted(NamedTuple):
    """Hidden pixels of cells, counted over more than the fine grid.

    Attributes
    ----------
    bad
        (N, y, x) hidden or missing pixels of each cell.
    first
        Row and column of the first cell of the fine grid.
    """

    bad: npt.NDArray[np.int32]
    first: tuple[int, int]


class Grids(NamedTuple):
    """A fine grid and the cells that cover it.

    Attributes
    ----------
    fine
        Grid of the images.
    ratio
        Fine pixels along a cell.
    cells
        Rows and columns of cells that cover the fine grid; the first begins at its corner.
    first
        Row and column of the first of them in the coarse series, which may reach farther.
    """

    fine: GeoBox
    ratio: int
    cells: tuple[int, int]
    first: tuple[int, int]

    @classmethod
    def of(cls, fine: GeoBox, coarse: GeoBox) -> Grids:
        """Check that cells are whole numbers of fine pixels, and that one begins at the corner.

        Raises
        ------
        BadInput
            If they are not, the CRS differ, or the coarse grid does not cover the fine one.
        """
        if fine.crs != coarse.crs:
            one, other = (_name(grid.crs) for grid in (fine, coarse))
            raise BadInput(f"fine images are in {one}, the coarse series in {other}")
        ratio, high = (
            abs(float(cell / pixel))
            for cell, pixel in zip(coarse.resolution.xy, fine.resolution.xy, strict=True)
        )
        whole = max(round(ratio), 1)
        columns, rows = ~coarse.affine @ (fine.affine.c, fine.affine.f)
        first = (round(rows), round(columns))
        apart = max(abs(rows - first[0]), abs(columns - first[1])) * ratio
        if max(abs(ratio - whole), abs(high - whole)) > 1e-6 or apart > 1e-3:
            raise BadInput(
                f"a coarse cell is {ratio:g} by {high:g} fine pixels and its corner {apart:g} "
                "pixels off: bring the coarse series onto a grid with the corner of the fine one, "
                "whose cells are a whole number of its pixels"
            )
        cells = (-(-fine.shape[0] // whole), -(-fine.shape[1] // whole))
        ends = (first[0] + cells[0], first[1] + cells[1])
        if min(first) < 0 or ends[0] > coarse.shape[0] or ends[1] > coarse.shape[1]:
            raise BadInput(
                f"the coarse grid has {coarse.shape[0]} x {coarse.shape[1]} cells; the fine images "
                f"cover rows {first[0]} to {ends[0]} and columns {first[1]} to {ends[1]} of it"
            )
        return cls(fine, whole, cells, first)

    def inner(
        self, planes: npt.NDArray[Any], first: tuple[int, int] | None = None
    ) -> npt.NDArray[Any]:
        """Return (..., y, x) without the cells that do not cover the fine grid.

        `first` is the first that does, if not that of the coarse series.
        """
        rows, columns = (
            slice(at, at + size) for at, size in zip(first or self.first, self.cells, strict=True)
        )
        return planes[..., rows, columns]


def _name(crs: Any) -> str:
    return f"EPSG:{crs.epsg}" if crs.epsg else str(crs)[:60]


@dataclass(frozen=True)
class Prepared:
    """Both sensors ready to be fused.

    Attributes
    ----------
    image
        (time, band, y, x) of the fine images, uint16 or float.
    weight
        (time, y, x), 0 where hidden or missing.
    classes
        (time, y, x) scene classification; None where the images come without.
    scale
        What a number of `image` is worth in reflectance.
    pairs
        Coarse bands by fine ones.
    grids
        Both grids.
    days
        (N,) days of the images.
    bad
        (N, y, x) hidden or missing pixels of each cell; None where scores were given.
    distance
        (N, y, x) cells from clouds; None where scores were given.
    score
        (N, y, x), 0..1.
    observed, observed_days
        The coarse series as it was given, (M, B, y, x), on all of its cells.
    composites, composite_days
        (K, B, y, x) and (K,), on the cells of the fine grid.
    targets
        (T,) days wanted.
    options
        Of the fusion.
    composite_options
        How composites were made; None where they were given.
    cloud_tolerance
        From which share of bad pixels on a cell is cloudy.
    courses, class_cells
        Of classes of fine pixels, see `efast.cubes.classing`; None where all are taken alike.
    """

    image: xr.DataArray
    weight: xr.DataArray
    classes: xr.DataArray | None
    scale: float
    pairs: Mapping[str, str]
    grids: Grids
    days: Days
    bad: npt.NDArray[np.int32] | None
    distance: Floats | None
    score: Floats
    observed: Floats
    observed_days: Days
    composites: Floats
    composite_days: Days
    targets: Days
    options: FusionOptions
    composite_options: CompositeOptions | None
    cloud_tolerance: float
    courses: Courses | None = None
    class_cells: ClassCells | None = None

    @property
    def lazy(self) -> bool:
        """Whether the fine images are on Dask."""
        return self.image.chunks is not None or self.weight.chunks is not None

    def states(self) -> list[CoarseState]:
        """Return what the kernel needs of the coarse grid, see `efast.cells.coarsestate`."""
        states = coarse_states(
            self.score, self.days, self.composites, self.composite_days, self.targets, self.options
        )
        return [state._replace(classes=self.class_cells) for state in states]


def prepare(
    fine: xr.Dataset,
    coarse: xr.Dataset | xr.DataArray,
    targets: Sequence[Any],
    options: FusionOptions,
    *,
    bands: Mapping[str, str] | None = None,
    score: xr.DataArray | None = None,
    counted: Counted | None = None,
    composited: bool = False,
    composites: CompositeOptions | None = None,
    cloud_tolerance: float = 0.05,
    saturation: float = 15.0,
) -> Prepared:
    """Make both sensors ready; arguments are those of `efast.fuse`.

    With `counted`, clouds beyond the edge of the area count as well.

    Raises
    ------
    BadInput
        As `efast.fuse`.
    """
    image, weight = _fine(fine)
    series = coarse["reflectance"] if isinstance(coarse, xr.Dataset) else coarse
    pairs = band_pairs(_names(image), _names(series), bands)
    if list(pairs) != _names(image):
        image = image.sel(band=list(pairs))
    series = series.transpose(*DIMS).sel(band=list(pairs.values()))
    if series.dtype.kind != "f":
        raise BadInput(f"the coarse series is {series.dtype}: give floats, NaN where missing")
    grids = Grids.of(grid_of(image), grid_of(series))
    days, wanted = days_of(image["time"].values, "fine"), days_of(targets, "target")
    scale = _scale(image)
    bad = distance = None
    if score is None:
        edge = options.compat == "dhi"  # what lies beyond the cube is not known to be cloudy
        wide, first = counted or Counted(_bad(weight, grids.ratio, edge), (0, 0))
        cloudy = too_many(wide, grids.ratio, cloud_tolerance)
        distance = grids.inner(cloud_distance(cloudy, compat=options.compat), first)
        bad, scores = grids.inner(wide, first), distance_score(distance, saturation)
    else:
        scores = _given(score, len(days), grids.cells)
    observed, seen = np.asarray(series.values, np.float32), days_of(series["time"].values, "coarse")
    check_units(image, scores, grids.inner(observed), scale, grids.ratio)
    check_range("fine", image, list(pairs))
    check_range("coarse", series.copy(data=observed), list(pairs.values()))
    chosen = None if composited else composites or CompositeOptions()
    made, axis = observed, seen
    if chosen is not None:
        made, axis = composite_series(observed, seen, chosen, compat=options.compat)
    return Prepared(
        image, weight, _scl(fine), scale, pairs, grids, days, bad, distance, scores, observed,
        seen, np.ascontiguousarray(grids.inner(made)), axis, wanted, options, chosen,
        cloud_tolerance,
    )  # fmt: skip


def _fine(fine: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    if not isinstance(fine, xr.Dataset):
        raise BadInput(
            f"fine images are a {type(fine).__name__}: give a Dataset, as efast.read_fine does"
        )
    if "reflectance" not in fine:  # bands as variables, as odc.stac.load gives them
        fine = read_fine(fine, chunks=BLOCK if fine.chunks else None)
    elif "weight" not in fine:
        held = ", ".join(map(str, fine))
        raise BadInput(f"fine images need weight (time, y, x) beside reflectance, there is: {held}")
    image = fine["reflectance"].transpose(*DIMS)
    weight = fine["weight"].transpose("time", "y", "x")
    if not image.sizes["time"]:
        raise BadInput("no fine image is in the input period")
    if image.dtype != np.uint16 and image.dtype.kind != "f":
        raise BadInput(f"fine images are {image.dtype}: give uint16 with its scale, or floats")
    return image, weight


def _scale(image: xr.DataArray) -> float:
    """Return what a number of the images is worth."""
    if image.dtype.kind != "u":
        return 1.0
    scale, offset = image.attrs.get("scale_factor"), float(image.attrs.get("add_offset", 0.0))
    if scale is None or offset:
        raise BadInput(
            f"fine images are uint16 with scale_factor={scale} and add_offset={offset:g}: state "
            "the scale, such as .assign_attrs(scale_factor=1e-4), and take the offset out; "
            "efast.read_fine does both"
        )
    return float(scale)


def _scl(fine: xr.Dataset) -> xr.DataArray | None:
    held = next((name for name in ("scl", "SCL") if name in fine), None)
    return None if held is None else fine[held].transpose("time", "y", "x")


def _names(cube: xr.DataArray) -> list[str]:
    return [str(name) for name in cube["band"].values]


def days_of(times: Any, what: str) -> Days:
    """Return whole days; times of day do not count.

    Raises
    ------
    BadInput
        If there is none; `what` names them.
    """
    stamps = as_times(times)
    if not len(stamps):
        raise BadInput(f"there is no {what} date")
    return stamps.astype("datetime64[D]").astype(np.int64)


def _given(score: xr.DataArray, images: int, cells: tuple[int, int]) -> Floats:
    values = np.asarray(score.transpose("time", "y", "x").values, np.float32)
    if values.shape != (images, *cells):
        raise BadInput(f"score has {values.shape}; {images} images on {cells} cells are needed")
    return values


def _bad(weight: xr.DataArray, ratio: int, beyond: bool) -> npt.NDArray[np.int32]:
    """Return (N, y, x) how many pixels of cells are bad, block by block where on Dask."""
    if weight.chunks is None:
        return bad_counts(weight.values == 0, ratio, beyond=beyond)
    import dask.array as da

    hidden = (whole_cells(weight, ratio) == 0).data
    cells = [tuple(-(-size // ratio) for size in sizes) for sizes in hidden.chunks[1:]]
    found = da.map_blocks(
        bad_counts, hidden, ratio, beyond=beyond, chunks=(hidden.chunks[0], *cells), dtype=np.int32
    )
    return np.asarray(found.compute())
