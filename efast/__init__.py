"""EFAST: Sentinel-2 images of any day, with the change that Sentinel-3 saw in between.

`fuse` is the front door; its steps can be called one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.faces import lazy_face

if TYPE_CHECKING:
    from efast.accuracy import Accuracy, hidden_date_errors, report
    from efast.binning import Bins, bin_swath, nearest_swath
    from efast.cloudscores import cloud_distance, cloudy_cells, distance_score
    from efast.coarseseries import interp_time
    from efast.composites import composite, smooth
    from efast.compositeseries import composite_series
    from efast.errors import BadFile, BadInput, EfastError
    from efast.fusedseries import fuse
else:
    __getattr__, __dir__ = lazy_face(__name__)

__all__ = [
    "Accuracy",
    "BadFile",
    "BadInput",
    "Bins",
    "EfastError",
    "bin_swath",
    "cloud_distance",
    "cloudy_cells",
    "composite",
    "composite_series",
    "distance_score",
    "fuse",
    "hidden_date_errors",
    "interp_time",
    "nearest_swath",
    "report",
    "smooth",
]
