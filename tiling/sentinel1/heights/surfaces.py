"""The surface of the ground: heights above the ellipsoid at any place of a region.

An elevation model has heights above a geoid, and the geoid has heights above the ellipsoid; both
are taken bilinearly and added. Where the model has no height there is the geoid alone. A height
depends on its place only, not on the block that it is asked for in.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.errors import WrongHeightsError
from tiling.sentinel1.heights.demfiles import DemFile
from tiling.sentinel1.heights.demfolders import (
    DEFAULT_FORMAT,
    Absent,
    DemSelection,
    find_dem,
)
from tiling.sentinel1.heights.geoids import Geoid, Undulations, geoid_differences, open_geoid
from tiling.sentinel1.heights.mosaicparts import Part, turned
from tiling.sentinel1.heights.mosaics import NO_GEOID, Counts, Grid, Mosaic
from tiling.sentinel1.heights.references import ELLIPSOID, Verdict, judge, stated
from workbench.errors import BadInput
from workbench.rasters.grids import Bounds
from workbench.rasters.regions import parts_in_degrees
from workbench.rasters.windows import Window

__all__ = ["MARGIN", "Lattice", "Surface", "surface"]

logger = logging.getLogger(__name__)

Heights = npt.NDArray[np.float32]

_PIXELS = 0.006  # degrees: two pixels of the coarsest model, 10 seconds

MARGIN = 0.05
"""Degrees of latitude, some 5 km, by which a surface reaches beyond its region: room for halos of
blocks and for the last cells of lattices."""


class Lattice(Protocol):
    """Longitudes and latitudes at every few pixels of a grid."""

    @property
    def step(self) -> int:
        """Pixels between nodes; the first lies on the centre of pixel (0, 0)."""

    @property
    def longitudes(self) -> npt.NDArray[np.float64]:
        """(ny, nx) degrees, without a jump at the antimeridian."""

    @property
    def latitudes(self) -> npt.NDArray[np.float64]:
        """(ny, nx) degrees."""


@dataclass(frozen=True, eq=False)
class Surface:
    """Heights of a region above the ellipsoid. Made by `surface`; cheap to send to workers.

    Attributes
    ----------
    mosaic
        The files of the elevation model.
    undulations
        The geoid in the region; None for heights that are above the ellipsoid already.
    bounds
        West, south, east, north of the region, degrees, without a jump at the antimeridian.
    selection
        What was found in the folder.
    reference
        What the heights of the files are above.
    geoid
        The file of the geoid.
    verdict
        How the two go together.
    """

    mosaic: Mosaic
    undulations: Undulations | None
    bounds: Bounds
    selection: DemSelection = field(repr=False)
    reference: str
    geoid: Geoid | None
    verdict: Verdict

    def at(self, longitudes: npt.ArrayLike, latitudes: npt.ArrayLike) -> Heights:
        """Return heights above the ellipsoid.

        Parameters
        ----------
        longitudes, latitudes
            Degrees, of one shape, such as (rows, cols), in the region or `MARGIN` beyond.

        Returns
        -------
        ndarray
            float32 metres in the shape of the places.

        Raises
        ------
        BadInput
            If a place lies outside the region, or is not finite.
        MissingDEMError
            If a file of the elevation model cannot be read.
        """
        return self.look(longitudes, latitudes)[0]

    def look(self, longitudes: npt.ArrayLike, latitudes: npt.ArrayLike) -> tuple[Heights, Counts]:
        """Return heights as `at` does, and how many places had only the geoid, and why."""
        shape = np.shape(longitudes)
        if shape != np.shape(latitudes):
            raise BadInput(f"longitudes are {shape}, latitudes {np.shape(latitudes)}")
        x, y = (np.ascontiguousarray(at, dtype=np.float64) for at in (longitudes, latitudes))
        if not x.size:
            return np.empty(shape, np.float32), Counts()
        flat = (shape[0], -1) if len(shape) > 1 else (1, -1)
        found, counts = self.mosaic.heights(x.reshape(flat), y.reshape(flat), self._geoid)
        return found.reshape(shape), counts

    def over(self, lattice: Lattice, window: Window) -> tuple[Heights, Counts]:
        """Return heights of a window of a grid, and how many of its pixels had only the geoid.

        The same heights as `at` gives at the places of the window, without the places: faster.

        Parameters
        ----------
        lattice
            Longitudes and latitudes on a lattice of the grid, as `geometry.lattices` makes it.
        window
            Of the grid; it may reach beyond by a halo, where places go on as in the cell of the
            lattice beside it.

        Raises
        ------
        BadInput, MissingDEMError
            As for `at`.
        """
        return self.mosaic.heights_on_lattice(
            lattice.longitudes, lattice.latitudes, lattice.step, window, self._geoid
        )

    @property
    def _geoid(self) -> Grid:
        below = self.undulations
        return NO_GEOID if below is None else (below.values, below.place)

    @cached_property
    def survey(self) -> tuple[float, float, int]:
        """Least and largest height of the region, metres, and pixels without one in the files."""
        return self._surveyed(self.mosaic.region)

    @property
    def least(self) -> float:
        """No height of the region is below this, metres above the ellipsoid."""
        return self.survey[0]

    @property
    def most(self) -> float:
        """No height of the region is above this, metres above the ellipsoid."""
        return self.survey[1]

    def span(self, bounds: Bounds) -> tuple[float, float]:
        """Return bounds of all heights within west, south, east, north, metres.

        They come from the pixels of the files. The geoid is counted apart, over the whole region,
        so they are some metres wider than needed.
        """
        return self._surveyed(bounds)[:2]

    def _surveyed(self, bounds: Bounds) -> tuple[float, float, int]:
        west, south, east, north = bounds
        wide = (west - _PIXELS, south - _PIXELS, east + _PIXELS, north + _PIXELS)
        least, most, counts = self.mosaic.extremes(wide)
        if counts.missing or self.selection.sea or round(self.selection.coverage, 4) < 1:
            least, most = np.fmin(least, 0.0), np.fmax(most, 0.0)
        if self.undulations is not None:
            least += self.undulations.values.min()
            most += self.undulations.values.max()
        return float(least), float(most), counts.missing

    def description(self) -> dict[str, Any]:
        """Return what a report says about the heights; reads the files once."""
        verdict, geoid = self.verdict, self.geoid
        return {
            "dem_files": [str(file.path) for file in self.selection.files],
            "dem_names": list(self.selection.names),
            "dem_reference": self.reference,
            "dem_coverage": round(self.selection.coverage, 4),
            "dem_pixels_without_height": self.survey[2],
            "sea_cells": len(self.selection.sea),
            "geoid_file": None if geoid is None else str(geoid.path),
            "geoid_reference": None if geoid is None else geoid.reference,
            "least_height": round(self.least, 2),
            "largest_height": round(self.most, 2),
            "warning": verdict.warning or None,
            "height_error_rms": verdict.rms,
            "height_error_most": verdict.most,
            "height_error_source": verdict.source or None,
        }


def surface(
    dem_folder: str | Path,
    geoid_file: str | Path | None,
    footprint: Any,
    *,
    dem_format: str = DEFAULT_FORMAT,
    dem_database: str | Path | None = None,
    dem_cells: str | Path | None = None,
    absent: Absent = "error",
    dem_reference: str | None = None,
    geoid_reference: str | None = None,
    compare_geoid: str | Path | None = None,
) -> Surface:
    """Find the files of a region and see that model and geoid go together; no pixel is read.

    Parameters
    ----------
    dem_folder, dem_format, dem_database, dem_cells, absent
        As for `find_dem`.
    geoid_file
        As for `open_geoid`; None where the model has heights above the ellipsoid.
    footprint
        Polygon in degrees (one across the antimeridian may be in two parts or go beyond 180),
        bounds, or anything of odc.geo with its own CRS.
    dem_reference, geoid_reference
        What the heights are above, and which geoid it is (``EGM96``, ``EGM2008``, ``ellipsoid``,
        ``EPSG:nnnn``), where files do not say it or say it wrongly.
    compare_geoid
        Another geoid file, of the model's own reference: the warning then gives the metres over the
        region instead of those published for the world.

    Raises
    ------
    MissingDEMError
        If a file that is not sea is missing or damaged.
    MissingGeoidError
        If there is no geoid file.
    WrongHeightsError
        If the heights are ellipsoidal or unknown, above another geoid than one of the EGM, or the
        files do not agree; if the geoid does not cover the region.
    """
    import shapely

    parts = list(parts_in_degrees(footprint))
    bounds = _joined(parts)
    region = _grown(bounds)
    around = list(parts_in_degrees(shapely.box(*region)))
    selection = find_dem(
        dem_folder, parts, around=around, dem_format=dem_format, dem_database=dem_database,
        dem_cells=dem_cells, absent=absent,
    )  # fmt: skip
    geoid = None if geoid_file is None else open_geoid(geoid_file, geoid_reference)
    reference = stated(dem_reference, "dem_reference") or _agreed(selection.files, geoid)
    undulations = None if geoid is None else geoid.part(region)
    verdict = judge(reference, None if geoid is None else geoid.reference)
    if geoid is not None and verdict.warning and compare_geoid is not None:
        size = geoid_differences(geoid, _comparable(compare_geoid, reference), bounds)
        verdict = judge(reference, geoid.reference, computed=size)
    if verdict.warning:
        logger.warning("%s", verdict.warning)
    mosaic = Mosaic(
        tuple(Part(file, turn) for file in selection.files for turn in turned(file.bounds, region)),
        tuple(
            (west + turn, south, east + turn, north)
            for west, south, east, north in selection.sea
            for turn in turned((west, south, east, north), region)
        ),
        region,
    )
    return Surface(mosaic, undulations, bounds, selection, str(reference), geoid, verdict)


def _joined(parts: Sequence[Any]) -> Bounds:
    """Return the bounds of parts of a region, without a jump at the antimeridian."""
    boxes = np.array([part.bounds for part in parts])
    if boxes[:, 2].max() - boxes[:, 0].min() > 180:
        moved = boxes[:, 2] <= 0
        boxes[moved, 0] += 360
        boxes[moved, 2] += 360
    west, south = (float(edge) for edge in boxes[:, :2].min(axis=0))
    east, north = (float(edge) for edge in boxes[:, 2:].max(axis=0))
    if east - west > 180:
        raise BadInput(
            f"a surface from {west:.3f} to {east:.3f} degrees east: it goes half around the Earth "
            "at most; make one for each tile"
        )
    return west, south, east, north


def _grown(bounds: Bounds) -> Bounds:
    """Return bounds with a margin that halos of blocks lie in."""
    west, south, east, north = bounds
    farthest = min(max(abs(south), abs(north)), 89.0)
    aside = MARGIN / float(np.cos(np.radians(farthest)))
    return west - aside, max(south - MARGIN, -90.0), east + aside, min(north + MARGIN, 90.0)


def _agreed(files: Sequence[DemFile], geoid: Geoid | None) -> str | None:
    """Return what the heights of all files are above; None where nothing says so.

    Where all is sea there are no heights but those of the geoid.
    """
    if not files:
        return ELLIPSOID if geoid is None else geoid.reference
    found = Counter(file.reference for file in files)
    if len(found) > 1:
        examples = [next(file for file in files if file.reference == one) for one in found]
        raise WrongHeightsError(
            "files of the elevation model count heights from different things: "
            + "; ".join(f"{file.path}: {file.reference or 'unknown'}" for file in examples)
        )
    return files[0].reference


def _comparable(path: str | Path, reference: str | None) -> Geoid:
    """Open the geoid that an elevation model itself is above."""
    geoid = open_geoid(path)
    if geoid.reference != reference:
        raise WrongHeightsError(
            f"{path}: the geoid to compare with is {geoid.reference or 'unknown'}, "
            f"not {reference} as the elevation model"
        )
    return geoid
