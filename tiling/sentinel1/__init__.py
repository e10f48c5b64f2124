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
        WrongHeightsError,
    )
    from tiling.sentinel1.heights.surfaces import Surface, surface
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
    "Surface",
    "WrongHeightsError",
    "surface",
]
