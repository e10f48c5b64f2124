"""Results as files, and what STAC says of them.

======================  ============================================================================
`offered`               the formats that there are, and their parameters
`assets`                a file that was written, and where and when its data lie
`streaming`             pixels computed window by window, in bounded memory
`images`                the images of a cube, one a date, as they go into files
`geotiffs`              GeoTIFF and COG
`datasets`              a cube as a dataset of xarray: a variable a band
`arraystores`           netCDF and Zarr
`plainvalues`           JSON: plain values, arrays, cubes, vector cubes
`pictures`              PNG
`writing`               `write`, which chooses among them
`results`               `results_document`: the files of a job as an item of STAC
======================  ============================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.openeo.formats.assets import Asset
    from workbench.openeo.formats.offered import file_formats
    from workbench.openeo.formats.results import results_document
    from workbench.openeo.formats.writing import check_suitable, write
else:
    from workbench.faces import lazy_face

    __getattr__, __dir__ = lazy_face(__name__)

__all__ = ["Asset", "check_suitable", "file_formats", "results_document", "write"]
