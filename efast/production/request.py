"""What a run is asked for, checked before a file is opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from efast.bandpairs import COARSE_NM, PAIRS, band_pairs, coarse_name
from efast.cells.cloudscores import distance_score, too_many
from efast.cells.coarseseries import check_extrapolate
from efast.cells.coarsestate import FusionOptions
from efast.cells.compositeseries import CompositeOptions
from efast.cells.dateweights import check_importance, time_weights
from efast.cubes.adjustment import CalibrationChoice, check_calibration
from efast.cubes.classing import check_classes
from efast.errors import BadInput
from efast.fusion import OnMissingCoarse, check_policy
from efast.targets import Period, input_period, target_days
from workbench.rasters.cubes import grid_of

__all__ = ["Request", "is_cube"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be fused, and how.

    Attributes
    ----------
    fine, coarse
        Whatever `efast.read_fine` and `efast.read_coarse` understand, or labelled cubes as
        `efast.fuse` takes them.
    period
        First day of the inputs and the day after the last.
    target_period, interval, targets
        Days of the results: every `interval` days (5, ``"2D"``) of a period, default that of the
        inputs, or those listed. They must lie in `period` unless `extrapolate` is given.
    aoi, resolution
        Region (west, south, east, north in degrees, or a geometry; default: what all images
        cover), and pixel size, m (default: 10, or that of a cube in memory).
    cell
        Side of a cell, m; a whole number of pixels.
    bands
        Fine bands and their coarse partners; default `efast.bandpairs.PAIRS`.
    names
        Of the bands of the result; default those of the fine ones.
    reading, reading_coarse
        Further options of `efast.read_fine` and `efast.read_coarse`.
    whole_numbers
        Store reflectance as uint16, 0.0001 each, to which what is less is raised; else float32.
    cloud_tolerance, saturation, sigma, max_days, minimum_importance, composites
        See `efast.fuse`.
    on_missing_coarse, calibration, classes
        See `efast.fuse`.
    extrapolate
        See `efast.fuse`; None is nearest, for days in `period` only.

    Raises
    ------
    BadInput
        If one of them is out of its range.
    """

    fine: Any
    coarse: Any
    period: Period
    target_period: Period | None = None
    interval: Any = 5
    targets: Sequence[Any] | None = None
    aoi: Any = None
    resolution: float | None = None
    cell: float = 300.0
    bands: Mapping[str, str] | None = None
    names: Sequence[str] | None = None
    reading: Mapping[str, Any] = field(default_factory=dict)
    reading_coarse: Mapping[str, Any] = field(default_factory=dict)
    whole_numbers: bool = True
    cloud_tolerance: float = 0.05
    saturation: float = 15.0
    sigma: float = 20.0
    max_days: float = 100.0
    minimum_importance: float = 0.0
    extrapolate: Any = None
    on_missing_coarse: OnMissingCoarse = "nan"
    calibration: CalibrationChoice = "none"
    classes: int = 0
    composites: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _ = self.days
        time_weights([0], [0], sigma=self.sigma, max_days=self.max_days)
        distance_score(0, self.saturation)
        too_many(0, 1, self.cloud_tolerance)
        check_policy(self.on_missing_coarse)
        check_calibration(self.calibration)
        check_classes(self.classes)
        check_extrapolate(self.fusion.extrapolate)
        check_importance(self.minimum_importance)
        _ = self.composite_options
        for value, name in ((self.resolution, "resolution"), (self.cell, "cell")):
            if value is not None and not (np.isfinite(value) and value > 0):
                raise BadInput(f"{name}={value}: metres, above 0")
        self._check_bands()
        self._check_cubes()

    def _check_bands(self) -> None:
        band_pairs(list(self.pairs), list(self.pairs.values()), self.pairs)
        unknown = [name for name in self.pairs.values() if coarse_name(name) is None]
        if unknown and not is_cube(self.coarse):
            raise BadInput(
                f"{', '.join(unknown)}: no band of Sentinel-3 SYN; bands: {', '.join(COARSE_NM)}"
            )
        if self.names is None:
            return
        if len(self.names) != len(self.pairs) or len(set(self.names)) != len(self.names):
            raise BadInput(
                f"names {', '.join(self.names)}: one for each of the bands {', '.join(self.pairs)}"
            )

    def _check_cubes(self) -> None:
        """Refuse options of readers for cubes that are read already."""
        if self.labelled:
            self._check_labelled()
        if is_cube(self.coarse) and self.reading_coarse:
            raise BadInput("reading_coarse: of no effect on a cube, which is read already")

    def _check_labelled(self) -> None:
        if self.aoi is not None or self.reading:
            raise BadInput(
                "aoi and options of the reader have no effect on a cube with reflectance and "
                "weight, which is read already: cut it with .sel(x=..., y=...)"
            )
        own = abs(float(grid_of(self.fine["reflectance"]).resolution.x))
        if self.resolution is not None and abs(own - self.resolution) > 1e-6 * own:
            raise BadInput(
                f"resolution={self.resolution:g}: the images are in a cube with pixels of {own:g} m"
            )

    @property
    def labelled(self) -> bool:
        """Whether the fine images are a cube that needs no reader."""
        return is_cube(self.fine) and {"reflectance", "weight"} <= set(self.fine)

    @cached_property
    def days(self) -> npt.NDArray[np.datetime64]:
        """Days of the results, (T,) datetime64[D]."""
        return target_days(
            self.period, interval=self.interval, within=self.target_period, listed=self.targets,
            outside=self.extrapolate is not None,
        )  # fmt: skip

    @property
    def time_range(self) -> tuple[np.datetime64, np.datetime64]:
        """First and last moment of the inputs."""
        first, end = input_period(*self.period)
        return first.astype("M8[ns]"), end.astype("M8[ns]") - np.timedelta64(1, "ns")

    @property
    def pairs(self) -> Mapping[str, str]:
        """Coarse bands by fine ones; of cubes those of the usual ones that are there."""
        if self.bands:
            return self.bands
        found = dict(PAIRS)
        if self.labelled:
            fine = set(map(str, self.fine["band"].values))
            found = {band: other for band, other in found.items() if band in fine}
        if is_cube(self.coarse) and "band" in self.coarse.coords:
            coarse = {coarse_name(str(name)) for name in self.coarse["band"].values}
            found = {band: other for band, other in found.items() if other in coarse}
        return found or PAIRS

    @property
    def fusion(self) -> FusionOptions:
        """How images are weighed."""
        return FusionOptions(
            self.sigma, self.max_days, self.minimum_importance, self.extrapolate or "nearest"
        )

    @property
    def composite_options(self) -> CompositeOptions:
        """How composites are made."""
        return CompositeOptions.of(self.composites)

    @property
    def fusing(self) -> dict[str, Any]:
        """Options of `efast.fuse`."""
        names = ("cloud_tolerance", "saturation", "sigma", "max_days", "minimum_importance",
                 "on_missing_coarse", "calibration", "classes", "composites", "names")  # fmt: skip
        found = {name: getattr(self, name) for name in names}
        return {**found, "bands": self.pairs, "extrapolate": self.fusion.extrapolate}

    @property
    def recorded(self) -> dict[str, Any]:
        """All but the sources, as the record of a run holds it."""
        held = {one.name: getattr(self, one.name) for one in fields(self)}
        for name in ("fine", "coarse", "reading", "reading_coarse"):
            del held[name]
        held |= {f"fine {name}": value for name, value in self.reading.items()}
        held |= {f"coarse {name}": value for name, value in self.reading_coarse.items()}
        return {**held, "targets": [str(day) for day in self.days]}


def is_cube(source: Any) -> bool:
    """Tell whether a source is a labelled object in memory or on Dask."""
    return hasattr(source, "dims") and hasattr(source, "coords")
