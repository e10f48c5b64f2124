"""A component as a GeoPackage: its cells as points with all columns, and the style to show them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from egms_io.errors import BadProduct
from egms_io.finished import FinishedProduct, no_cells
from egms_io.formats.l3 import COMPONENTS
from egms_io.tiles import CRS
from egms_io.writers.qgisstyles import velocity_style
from workbench.files import atomic_path
from workbench.wholefiles import whole_geopackage

MOST_COLUMNS = 2000  # of a table of SQLite
_NOW = "1970-01-01T00:00:00.000Z"  # the same content has the same bytes on any day
_STYLES = """
CREATE TABLE layer_styles (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256),
    f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256),
    styleName TEXT(30), styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN, description TEXT,
    owner TEXT(30), ui TEXT(30), update_time DATETIME DEFAULT CURRENT_TIMESTAMP
)"""


def write_geopackage(product: FinishedProduct, component: str, path: Path) -> None:
    """Write the unrounded table, one transaction a band; empty fields where a value is unknown.

    QGIS opens it with the style in its table ``layer_styles``: squares of the cells' size, coloured
    by mean velocity up to `FinishedProduct.velocity_limit`. The layer has the name of the file.

    Raises
    ------
    BadProduct
        For more dates than a table of SQLite has columns.
    """
    import pyogrio

    rows = 0
    with atomic_path(path, overwrite=True, check=lambda file: _check(file, rows)) as temporary:
        for table in _tables(product, component):
            if table.num_columns >= MOST_COLUMNS:
                raise BadProduct(
                    f"{len(product.method.dates)} dates are more than the {MOST_COLUMNS} columns "
                    "of a GeoPackage hold: take another format, or a larger step_days"
                )
            pyogrio.write_arrow(
                table, temporary, path.stem, "GPKG", geometry_name="geom", geometry_type="Point",
                crs=CRS, append=temporary.exists(),
            )  # fmt: skip
            rows += table.num_rows
        limit = product.velocity_limit
        style = velocity_style(limit, product.area.lattice.cell_m)
        words = f"{COMPONENTS[component]} velocity, {-limit:g} to {limit:g} mm / yr"
        _add_style(temporary, path.stem, style, words)


def _tables(product: FinishedProduct, component: str) -> Iterator[Any]:
    """Yield the rows of each band with their points as WKB; one table without a row if none."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import shapely

    def known(column: Any) -> Any:
        if not pa.types.is_floating(column.type):
            return column
        return pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)

    tables: Iterator[Any] = (band.table(component) for band in product.bands)
    for table in tables if product.cells else [no_cells(product.method)]:
        columns = {name: known(table[name]) for name in table.column_names}
        points = shapely.points(table["easting"].to_numpy(), table["northing"].to_numpy())
        yield pa.table({**columns, "geom": pa.array(shapely.to_wkb(points), pa.binary())})


def _add_style(path: Path, layer: str, style: str, words: str) -> None:
    with closing(sqlite3.connect(path)) as base, base:
        base.execute(_STYLES)
        base.execute(
            "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, "
            "f_geometry_column, styleName, styleQML, styleSLD, useAsDefault, description, owner, "
            "update_time) VALUES ('', '', ?, 'geom', 'mean velocity', ?, '', 1, ?, '', ?)",
            (layer, style, words, _NOW),
        )
        base.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, srs_id) "
            "VALUES ('layer_styles', 'attributes', 'layer_styles', '', 0)"
        )
        base.execute("UPDATE gpkg_contents SET last_change = ?", (_NOW,))


def _check(path: Path, rows: int) -> None:
    found = whole_geopackage(path)
    if found != rows:
        raise BadProduct(f"{path}: {found} of {rows} rows are in the file")
