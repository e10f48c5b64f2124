"""Whether a finished file is whole, told by its end: archives, tables, pictures.

Each function raises whatever its format raises for a file that is cut short; `workbench.files`
turns that into one line. Rasters and cubes: `workbench.rasters.wholerasters` and
`workbench.rasters.stores`.
"""

from __future__ import annotations

import os
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

from workbench.errors import BadFile

__all__ = [
    "whole_arrow",
    "whole_geopackage",
    "whole_parquet",
    "whole_picture",
    "whole_text",
    "whole_zip",
]

_LOCAL_HEADER = 30  # bytes before the name of a member (APPNOTE 4.3.7)


def whole_zip(path: str | os.PathLike[str]) -> None:
    """Read the directory of a ZIP: each member ends before it, the smallest has its checksum."""
    with zipfile.ZipFile(path) as archive, Path(path).open("rb") as file:
        for member in archive.infolist():
            file.seek(member.header_offset)
            head = file.read(_LOCAL_HEADER)
            name, extra = (int.from_bytes(head[at : at + 2], "little") for at in (26, 28))
            end = member.header_offset + _LOCAL_HEADER + name + extra + member.compress_size
            if head[:4] != b"PK\x03\x04" or end > archive.start_dir:
                raise BadFile(f"{path}: member {member.filename} is not whole")
        smallest = min(archive.infolist(), key=lambda member: member.file_size, default=None)
        if smallest is not None:
            with archive.open(smallest) as content:  # the checksum is compared at the end
                while content.read(1 << 20):
                    pass


def whole_parquet(path: str | os.PathLike[str]) -> None:
    """Read the footer of a Parquet file, which says where its columns end."""
    import pyarrow.parquet as pq

    found = pq.read_metadata(path)
    size = Path(path).stat().st_size
    for group in range(found.num_row_groups):
        for column in range(found.num_columns):
            chunk = found.row_group(group).column(column)
            start = chunk.dictionary_page_offset or chunk.data_page_offset
            if start + chunk.total_compressed_size > size:
                raise BadFile(f"{path}: row group {group} is cut short")


def whole_arrow(path: str | os.PathLike[str]) -> None:
    """Read the footer and the last batch of an Arrow file."""
    import pyarrow as pa

    with pa.memory_map(os.fspath(path)) as file:
        reader = pa.ipc.open_file(file)
        if reader.num_record_batches:
            reader.get_batch(reader.num_record_batches - 1).validate()


def whole_geopackage(path: str | os.PathLike[str]) -> int:
    """See that a GeoPackage has all its pages, and read the last row of each layer.

    Returns
    -------
    int
        Rows of all its layers.
    """
    with Path(path).open("rb") as file:
        head = file.read(100)
    # File format of SQLite, section 1.3: size of a page (1 stands for 65,536) and their number.
    page, pages = int.from_bytes(head[16:18], "big"), int.from_bytes(head[28:32], "big")
    size = Path(path).stat().st_size
    if head[:16] != b"SQLite format 3\0" or size != (page if page > 1 else 1 << 16) * pages:
        raise BadFile(f"{path}: the GeoPackage is cut short")
    rows = 0
    with closing(sqlite3.connect(f"{Path(path).resolve().as_uri()}?mode=ro", uri=True)) as base:
        counted = base.execute("SELECT table_name, feature_count FROM gpkg_ogr_contents").fetchall()
        for layer, count in counted:
            name = '"' + layer.replace('"', '""') + '"'
            last = base.execute(f"SELECT * FROM {name} ORDER BY rowid DESC LIMIT 1").fetchall()
            if bool(count) != bool(last):
                raise BadFile(f"{path}: layer {layer} lacks its rows")
            rows += count
    return rows


def whole_text(path: str | os.PathLike[str]) -> None:
    """See that a file of text holds any."""
    if not Path(path).stat().st_size:
        raise BadFile(f"{path}: the file is empty")


def whole_picture(path: str | os.PathLike[str]) -> None:
    """Decode the last frame of a picture."""
    from PIL import Image

    with Image.open(path) as picture:
        picture.seek(getattr(picture, "n_frames", 1) - 1)
        picture.load()
