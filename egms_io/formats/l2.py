"""L2b bursts written in the exact format of the real ones, for samples and benchmarks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from egms_io.formats.archive import write_md5
from egms_io.formats.l3 import FieldSpec
from egms_io.formats.metadata import BurstMetadata, burst_xml
from egms_io.formats.names import BurstName
from egms_io.formats.text import csv_rows, decimal_texts
from egms_io.formats.zips import deflate, write_zip
from workbench.files import atomic

L2B_FIELDS = (
    FieldSpec("pid"),
    FieldSpec("mp_type", precision=0),
    FieldSpec("latitude", precision=6),
    FieldSpec("longitude", precision=6),
    FieldSpec("easting", precision=2),
    FieldSpec("northing", precision=2),
    FieldSpec("height_ortho", precision=1),
    FieldSpec("height_ellipse", precision=1),
    FieldSpec("line", precision=0),
    FieldSpec("pixel", precision=0),
    FieldSpec("rmse_ts", precision=1),
    FieldSpec("temporal_coherence", precision=2),
    FieldSpec("amplitude_dispersion", precision=2),
    FieldSpec("incidence_angle", precision=2),
    FieldSpec("track_angle", precision=2),
    FieldSpec("los_east", precision=3),
    FieldSpec("los_north", precision=3),
    FieldSpec("los_up", precision=3),
    FieldSpec("mean_velocity", precision=1),
    FieldSpec("mean_velocity_std", precision=1),
    FieldSpec("acceleration", precision=2),
    FieldSpec("acceleration_std", precision=2),
    FieldSpec("seasonality", precision=1),
    FieldSpec("seasonality_std", precision=1),
    FieldSpec("gnss_velocity", precision=1),
)


def write_burst(
    folder: Path,
    name: BurstName,
    dates: Sequence[str],
    batches: Iterable[tuple[Mapping[str, Any], npt.NDArray[np.float64]]],
    metadata: BurstMetadata,
    *,
    overwrite: bool = False,
) -> Path:
    """Write one burst: a ZIP of XML and CSV, and its ``.md5``.

    Parameters
    ----------
    dates
        Acquisition dates, ``YYYYMMDD``.
    batches
        Columns by the names of `L2B_FIELDS`, (n,) each, and the series, (n, dates) mm. Batches are
        written as they come, so a large burst needs the memory of one batch.

    Returns
    -------
    Path of the ZIP.

    Raises
    ------
    workbench.errors.OutputExists
        When a file is in the way and `overwrite` is false.
    """
    header = ",".join([*(field.name for field in L2B_FIELDS), *dates]) + "\n"
    pieces = [deflate(header.encode())]
    for columns, series in batches:
        texts: list[Any] = [_field_text(columns[field.name], field) for field in L2B_FIELDS]
        pieces.append(deflate(csv_rows([*texts, decimal_texts(series, 1)])))
    path = folder / f"{name}.zip"
    day = dt.datetime.strptime(metadata.production_date, "%d/%m/%Y").date()
    with atomic(path, overwrite=overwrite) as file:
        write_zip(
            file, [(f"{name}.xml", [deflate(burst_xml(metadata))]), (f"{name}.csv", pieces)], day
        )
    write_md5(path, overwrite=overwrite)
    return path


def _field_text(values: Any, field: FieldSpec) -> Any:
    if field.precision is None:
        return np.asarray(values).astype("S")
    return decimal_texts(values, field.precision)
