"""The L3 table (EEA product description v2.0): its fields, their digits, and its text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from egms_io.dates import date_columns, to_days
from egms_io.errors import BadArgument
from egms_io.formats.pids import cell_centres, cell_pids

ROWS_AT_ONCE = 1000  # of text; 2 MB of it with 300 dates
COMPONENTS = {"E": "east", "U": "up"}  # letter in file names -> word


@dataclass(frozen=True)
class FieldSpec:
    """One column of a product.

    Attributes
    ----------
    name
        Column in the product.
    previous_name
        Column in the frame it is taken from, when that differs.
    precision
        Decimals; 0 makes an integer, None leaves the values alone (text).
    """

    name: str
    previous_name: str | None = None
    precision: int | None = None

    @property
    def source(self) -> str:
        """Column of the frame that holds the values."""
        return self.previous_name or self.name


@dataclass(frozen=True)
class OutputNamingConvention:
    """The columns of a product: fields in order, then one column per date.

    Attributes
    ----------
    field_list
        The fields before the series.
    date_format
        How a date is written as a column name.
    date_precision
        Decimals of the series.
    """

    field_list: tuple[FieldSpec, ...]
    date_format: str = "%Y%m%d"
    date_precision: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "field_list", tuple(self.field_list))


L3_ORTHO = OutputNamingConvention(
    (
        FieldSpec("pid"),
        FieldSpec("easting", precision=0),
        FieldSpec("northing", precision=0),
        FieldSpec("height_ortho", precision=1),
        FieldSpec("rmse_ts", precision=1),
        FieldSpec("mean_velocity", precision=1),
        FieldSpec("mean_velocity_std", precision=1),
        FieldSpec("acceleration", precision=2),
        FieldSpec("acceleration_std", precision=2),
        FieldSpec("seasonality", precision=1),
        FieldSpec("seasonality_std", precision=1),
        FieldSpec("gnss_velocity_n", precision=1),
        FieldSpec("gnss_velocity_e", precision=1),
        FieldSpec("gnss_velocity_u", precision=1),
    )
)


def l3_table(
    easting: npt.NDArray[Any],
    northing: npt.NDArray[Any],
    height: npt.NDArray[Any],
    statistics: Mapping[str, npt.NDArray[Any]],
    gnss: npt.NDArray[Any],
    series: npt.NDArray[Any],
    dates: Iterable[str],
    *,
    facility: int = 1,
    cell_m: float = 100,
    extra: Mapping[str, npt.NDArray[Any]] | None = None,
) -> Any:
    """Put the values of one component in the columns of the product, unrounded.

    Parameters
    ----------
    easting, northing, height
        (m,) cell centres and mean height, m.
    statistics
        (m,) each, by field name; see `egms_io.method.seriesmodels.STATISTICS`.
    gnss
        (3, m) east, north and up velocity, mm / yr, NaN where unknown.
    series
        (dates, m) mm, NaN where unknown.
    facility, cell_m
        For the PIDs, see `egms_io.formats.pids.cell_pids`.
    extra
        Columns to put behind the series.

    Returns
    -------
    pyarrow.Table
        One row per cell: the fields of `L3_ORTHO`, the dates, the extra columns.
    """
    import pyarrow as pa

    pids = cell_pids(easting, northing, facility, cell_m=cell_m).astype(str)
    columns: dict[str, Any] = {
        "pid": pa.array(pids, pa.string()),
        "easting": easting,
        "northing": northing,
        "height_ortho": height,
        **statistics,
        "gnss_velocity_n": gnss[1],
        "gnss_velocity_e": gnss[0],
        "gnss_velocity_u": gnss[2],
    }
    columns = {field.name: columns[field.name] for field in L3_ORTHO.field_list}
    columns.update(zip(dates, series, strict=True))
    return pa.table(columns | dict(extra or {}))


def l3_text(table: Any, convention: OutputNamingConvention = L3_ORTHO) -> bytes:
    """Return the CSV rows of a table of unrounded values, without the header, each ended by LF."""
    return b"".join(l3_texts(table, convention))


def l3_texts(table: Any, convention: OutputNamingConvention = L3_ORTHO) -> Iterator[bytes]:
    """Yield the text of `l3_text` a few rows at a time, in the memory of these."""
    from egms_io.formats.printing import printed_rows  # loads numba

    dates = date_columns(table.column_names)
    names = [*(field.source for field in convention.field_list), *dates]
    precisions = [field.precision for field in convention.field_list]
    precisions += [convention.date_precision] * len(dates)
    columns = [table[name].to_numpy() for name in names]
    for start in range(0, table.num_rows, ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        some = [
            column[rows].astype("S") if precision is None else column[rows].astype(float)
            for column, precision in zip(columns, precisions, strict=True)
        ]
        yield printed_rows(some, [precision or 0 for precision in precisions])


def l3_header(dates: Iterable[str], convention: OutputNamingConvention = L3_ORTHO) -> bytes:
    """Return the header line of the CSV."""
    names = [field.name for field in convention.field_list]
    return (",".join([*names, *_date_names(dates, convention)]) + "\n").encode()


def format_dataframe(frame: Any, naming_convention: OutputNamingConvention = L3_ORTHO) -> Any:
    """Return the columns of a product, rounded as they are printed.

    Values are rounded half to even, integers to the nearest (never cut). Columns that are no part
    of the product are dropped; a GeoDataFrame keeps its geometry, which also gives ``easting`` and
    ``northing`` where the frame has no such columns. `frame` itself is not changed.

    Raises
    ------
    BadArgument
        Naming the fields that the frame lacks.
    """
    import pandas as pd

    fields = {field.source for field in naming_convention.field_list}
    places = {"easting", "northing"} & fields
    if "geometry" in frame and not places <= set(frame.columns):
        x, y = cell_centres(frame)
        frame = frame.assign(easting=x, northing=y)
    missing = [field.source for field in naming_convention.field_list if field.source not in frame]
    if missing:
        raise BadArgument(f"the frame lacks {', '.join(missing)}")
    columns = {}
    for field in naming_convention.field_list:
        values = frame[field.source]
        if field.precision == 0:
            values = values.round().astype("int64")
        elif field.precision is not None:
            values = values.astype(float).round(field.precision)
        columns[field.name] = values
    dates = date_columns(frame.columns)
    for date, name in zip(dates, _date_names(dates, naming_convention), strict=True):
        columns[name] = frame[date].astype(float).round(naming_convention.date_precision)
    out = pd.DataFrame(columns, index=frame.index)
    if "geometry" not in frame:
        return out
    import geopandas as gpd

    return gpd.GeoDataFrame(out, geometry=frame.geometry.to_numpy(), crs=frame.crs)


def _date_names(dates: Iterable[str], convention: OutputNamingConvention) -> list[str]:
    if convention.date_format == "%Y%m%d":
        return list(dates)
    return [day.strftime(convention.date_format) for day in to_days(dates).tolist()]
