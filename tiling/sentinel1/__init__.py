"""Sentinel-1 on the Sentinel-2 grid: calibrated, terrain-corrected tiles, as S1Tiling makes them.

`s1_process` is the front door; its steps can be called one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.faces import lazy_face

if TYPE_CHECKING:
    from tiling.sentinel1.errors import (
        ConfigurationError,
        CorruptedDataSAFEError,
        DownloadEOFFileError,
        DownloadS1FileError,
        Error,
        ExitCode,
        InvalidOTBVersionError,
        MissingApplication,
        MissingDEMError,
        MissingGeoidError,
        NoS1ImageError,
        NoS2TileError,
        NotCompatibleInput,
    )
    from tiling.sentinel1.incidence.acquisitions import best_acquisition
    from tiling.sentinel1.incidence.angles import level_incidence, local_incidence, signed_incidence
    from tiling.sentinel1.incidence.gammaareas import area_lattice, gamma_area
    from tiling.sentinel1.incidence.hiddenground import hidden_ground
    from tiling.sentinel1.incidence.looks import look_lattice
    from tiling.sentinel1.incidence.normalisation import gamma_naught, normlim
    from tiling.sentinel1.incidence.tiles import TileIncidence
else:
    __getattr__, __dir__ = lazy_face(__name__)

__all__ = [
    "ConfigurationError",
    "CorruptedDataSAFEError",
    "DownloadEOFFileError",
    "DownloadS1FileError",
    "Error",
    "ExitCode",
    "InvalidOTBVersionError",
    "MissingApplication",
    "MissingDEMError",
    "MissingGeoidError",
    "NoS1ImageError",
    "NoS2TileError",
    "NotCompatibleInput",
    "TileIncidence",
    "area_lattice",
    "best_acquisition",
    "gamma_area",
    "gamma_naught",
    "hidden_ground",
    "level_incidence",
    "local_incidence",
    "look_lattice",
    "normlim",
    "signed_incidence",
]
