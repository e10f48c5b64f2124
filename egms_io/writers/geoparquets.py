"""A component as GeoParquet 1.1."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from egms_io.finished import Band, FinishedProduct
from egms_io.tiles import CRS
from workbench.files import atomic

_EXACT = {"pid", "cell", "easting", "northing"}  # columns that keep their type


def write_geoparquet(product: FinishedProduct, component: str, path: Path) -> None:
    """Write the unrounded table, numbers as float32, one row group per band."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables: Iterator[Any] = (_geo_table(_narrow_band(band, component)) for band in product.bands)
    if not product.cells:
        frame = product.east.drop(columns="geometry")
        tables = iter([_geo_table(_narrow(pa.Table.from_pandas(frame, preserve_index=False)))])
    with atomic(path, overwrite=True) as file:
        first = next(tables)
        with pq.ParquetWriter(
            file, first.schema, compression="snappy", use_dictionary=["pid"]
        ) as writer:
            writer.write_table(first)
            for table in tables:
                writer.write_table(table)


def _narrow_band(band: Band, component: str) -> Any:
    """Return the rows of a band, numbers as float32; never all of them as float64."""
    import pyarrow as pa

    return pa.concat_tables([_narrow(strip) for strip in band.strips(component)]).combine_chunks()


def _narrow(table: Any) -> Any:
    import pyarrow as pa

    fields = [
        field if field.name in _EXACT else pa.field(field.name, pa.float32())
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))


def _geo_table(table: Any) -> Any:
    """Return a table with the cell centres as points, and the metadata of GeoParquet."""
    import pyarrow as pa
    import pyproj
    import shapely

    columns = dict(zip(table.column_names, table.columns, strict=True))
    points = shapely.points(table["easting"].to_numpy(), table["northing"].to_numpy())
    columns["geometry"] = pa.array(shapely.to_wkb(points), pa.binary())
    column = {
        "encoding": "WKB",
        "geometry_types": ["Point"],
        "crs": json.loads(pyproj.CRS(CRS).to_json()),
    }
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
    return pa.table(columns).replace_schema_metadata({"geo": json.dumps(geo)})
