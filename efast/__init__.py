"""EFAST: Sentinel-2 images of any day, with the change that Sentinel-3 saw in between.

`fuse` is the front door; its steps can be called one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.faces import lazy_face

if TYPE_CHECKING:
    from efast.accuracy import Accuracy, hidden_date_errors, report
    from efast.cells.binning import Bins, bin_swath, nearest_swath
    from efast.cells.calibration import Calibration, apply_calibration, calibrate
    from efast.cells.cellmeans import cell_means
    from efast.cells.cloudscores import cloud_distance, cloudy_cells, distance_score
    from efast.cells.coarseseries import interp_time
    from efast.cells.composites import composite, smooth
    from efast.cells.compositeseries import composite_series
    from efast.cubes.finecubes import read_fine
    from efast.cubes.fusedseries import fuse
    from efast.errors import BadFile, BadInput, EfastError
    from efast.openeo.processgraph import create_efast_udp
    from efast.production.request import Request
    from efast.production.running import run
    from efast.production.steps import open_steps
    from efast.sample import write_sample
    from efast.sentinel3.coarsecubes import read_coarse
    from efast.sentinel3.coarsegrids import coarse_grid
else:
    __getattr__, __dir__ = lazy_face(__name__)

__all__ = [
    "Accuracy",
    "BadFile",
    "BadInput",
    "Bins",
    "Calibration",
    "EfastError",
    "Request",
    "apply_calibration",
    "bin_swath",
    "calibrate",
    "cell_means",
    "cloud_distance",
    "cloudy_cells",
    "coarse_grid",
    "composite",
    "composite_series",
    "create_efast_udp",
    "distance_score",
    "fuse",
    "hidden_date_errors",
    "interp_time",
    "nearest_swath",
    "open_steps",
    "read_coarse",
    "read_fine",
    "report",
    "run",
    "smooth",
    "write_sample",
]
