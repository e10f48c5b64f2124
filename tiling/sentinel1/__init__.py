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
    from tiling.sentinel1.geocoding.tiles import TileJob
    from tiling.sentinel1.geometry.imagemodels import image_model
    from tiling.sentinel1.geometry.reports import residual_report, residual_table
    from tiling.sentinel1.products.orbitfiles import find_orbit_file, orbit_vectors
    from tiling.sentinel1.products.safefolders import open_image
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
    "TileJob",
    "find_orbit_file",
    "image_model",
    "open_image",
    "orbit_vectors",
    "residual_report",
    "residual_table",
]
