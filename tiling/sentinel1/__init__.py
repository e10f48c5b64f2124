"""Sentinel-1 on the Sentinel-2 grid: calibrated, terrain-corrected tiles, as S1Tiling makes them.

`s1_process` is the front door; its steps can be called one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.faces import lazy_face

if TYPE_CHECKING:
    from tiling.sentinel1.configuration.configuration import Configuration
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
    from tiling.sentinel1.geocoding.tiles import TileJob
    from tiling.sentinel1.geometry.imagemodels import image_model
    from tiling.sentinel1.geometry.reports import residual_report, residual_table
    from tiling.sentinel1.heights.surfaces import Surface, surface
    from tiling.sentinel1.incidence.acquisitions import best_acquisition
    from tiling.sentinel1.incidence.angles import level_incidence, local_incidence, signed_incidence
    from tiling.sentinel1.incidence.gammaareas import area_lattice, gamma_area
    from tiling.sentinel1.incidence.hiddenground import hidden_ground
    from tiling.sentinel1.incidence.looks import look_lattice
    from tiling.sentinel1.incidence.normalisation import gamma_naught, normlim
    from tiling.sentinel1.incidence.tiles import TileIncidence
    from tiling.sentinel1.outputs.names import Names
    from tiling.sentinel1.outputs.rasters import TileFile, write_tile
    from tiling.sentinel1.processing import s1_process, s1_process_lia
    from tiling.sentinel1.production.ground import surfaces
    from tiling.sentinel1.products.orbitfiles import find_orbit_file, orbit_vectors
    from tiling.sentinel1.products.safefolders import open_image
    from tiling.sentinel1.radiometry.calibration import Calibration, calibration
    from tiling.sentinel1.radiometry.margins import Margins, margins
    from tiling.sentinel1.sample.wholesamples import write_sample
    from tiling.sentinel1.selection.coverage import coverage
    from tiling.sentinel1.selection.inputs import Product, local_products
    from tiling.sentinel1.situation import Situation
    from tiling.sentinel1.speckle.filters import (
        SpeckleFilter,
        frost,
        gamma_map,
        kuan,
        lee,
        local_mean,
    )
    from tiling.sentinel1.speckle.labelled import despeckle
    from tiling.sentinel1.speckle.multitemporal import Texture, quegan_yu
else:
    __getattr__, __dir__ = lazy_face(__name__)

__all__ = [
    "Calibration",
    "Configuration",
    "ConfigurationError",
    "CorruptedDataSAFEError",
    "DownloadEOFFileError",
    "DownloadS1FileError",
    "Error",
    "ExitCode",
    "InvalidOTBVersionError",
    "Margins",
    "MissingApplication",
    "MissingDEMError",
    "MissingGeoidError",
    "Names",
    "NoS1ImageError",
    "NoS2TileError",
    "NotCompatibleInput",
    "Product",
    "Situation",
    "SpeckleFilter",
    "Surface",
    "Texture",
    "TileFile",
    "TileIncidence",
    "TileJob",
    "WrongHeightsError",
    "area_lattice",
    "best_acquisition",
    "calibration",
    "coverage",
    "despeckle",
    "find_orbit_file",
    "frost",
    "gamma_area",
    "gamma_map",
    "gamma_naught",
    "hidden_ground",
    "image_model",
    "kuan",
    "lee",
    "level_incidence",
    "local_incidence",
    "local_mean",
    "local_products",
    "look_lattice",
    "margins",
    "normlim",
    "open_image",
    "orbit_vectors",
    "quegan_yu",
    "residual_report",
    "residual_table",
    "s1_process",
    "s1_process_lia",
    "signed_incidence",
    "surface",
    "surfaces",
    "write_sample",
    "write_tile",
]
