"""European ground motion: L3 Ortho products (east and up displacement) from L2 bursts.

`ortho` is the front door. The other names are for single steps in notebooks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.faces import lazy_face

if TYPE_CHECKING:
    from egms_io.cells import cell_id_to_coords, compute_cell_id
    from egms_io.comparison import compare
    from egms_io.errors import BadArgument, BadBurst, BadProduct, EgmsError
    from egms_io.formats.bursts import open_burst
    from egms_io.formats.l3 import L3_ORTHO, FieldSpec, OutputNamingConvention, format_dataframe
    from egms_io.formats.metadata import generate_xml_content
    from egms_io.formats.names import generate_output_name
    from egms_io.formats.pids import compute_pid
    from egms_io.frames import (
        create_ortho_geotiff,
        ortho_writer,
        read_csv_or_zip,
        write_csv_or_zip,
    )
    from egms_io.method.seriesmodels import model_estimation
    from egms_io.method.timekernel import interpolate_time_columns
    from egms_io.orthoproduct import OrthoMosaic, OrthoProduct
    from egms_io.placeseries import place_series
    from egms_io.production import ortho
    from egms_io.sample import write_sample
else:
    __getattr__, __dir__ = lazy_face(__name__)

__all__ = [
    "L3_ORTHO",
    "BadArgument",
    "BadBurst",
    "BadProduct",
    "EgmsError",
    "FieldSpec",
    "OrthoMosaic",
    "OrthoProduct",
    "OutputNamingConvention",
    "cell_id_to_coords",
    "compare",
    "compute_cell_id",
    "compute_pid",
    "create_ortho_geotiff",
    "format_dataframe",
    "generate_output_name",
    "generate_xml_content",
    "interpolate_time_columns",
    "model_estimation",
    "open_burst",
    "ortho",
    "ortho_writer",
    "place_series",
    "read_csv_or_zip",
    "write_csv_or_zip",
    "write_sample",
]
