"""A component as GeoParquet 1.1."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from egms_io.finished import FinishedProduct
from egms_io.tiles import CRS
from workbench.files import atomic

_EXACT = {"pid", "cell", "easting", "northing"}  # columns that keep their type


def write_geoparquet(product: FinishedProduct, component: str, path: Path) -> None:
    """Write the unrounded table, numbers as float32, one row group per band."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables: Iterator[Any] = (_geo_table(band.table(component)) for band in product.bands)
    if not product.cells:
        frame = product.east.drop(columns="geometry")
        tables = iter([_geo_table(pa.Table.from_pandas(frame, preserve_index=False))])
    with atomic(path, overwrite=True) as file:
        first = next(tables)
        with pq.ParquetWriter(
            file, first.schema, compression="zstd", use_dictionary=["pid"]
        ) as writer:
            writer.write_table(first)
            for table in tables:
                writer.write_table(table)


def _geo_table(table: Any) -> Any:
    """Return a table with the cell centres as points, and the metadata of GeoParquet."""
    import pyarrow as pa
    import pyproj
    import shapely

    columns = {
        name: table[name] if name in _EXACT else table[name].cast(pa.float32())
        for name in table.column_names
    }
    points = shapely.points(table["easting"].to_numpy(), table["northing"].to_numpy())
    columns["geometry"] = pa.array(shapely.to_wkb(points), pa.binary())
    column = {
        "encoding": "WKB",
        "geometry_types": ["Point"],
        "crs": json.loads(pyproj.CRS(CRS).to_json()),
    }
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
    return pa.table(columns).replace_schema_metadata({"geo": json.dumps(geo)})
