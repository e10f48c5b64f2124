"""The floor (unzip, parse and deflate by the libraries), text, and growth with points."""

from __future__ import annotations

import dataclasses
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from egms_stages import Case
from machine import Seconds, timed
from pyarrow import csv

from egms_io.dates import date_columns
from egms_io.formats.inflating import open_member
from egms_io.formats.l2 import write_burst
from egms_io.formats.l3 import format_dataframe, l3_text
from egms_io.sample import sample_tracks
from egms_io.simulation import Ground, observe

COPIES = 20  # of the sample's rows, for the larger table of the text comparison
PIECE_M = 10_000.0
PIECE_POINTS = 12_500
GROWTH = (1, 2, 4, 8)


def text_formatting(case: Case, repeats: int) -> list[list[Any]]:
    """Compare our CSV text with `DataFrame.to_csv`, on the product and on many copies of it."""
    frame = case.whole().east.drop(columns="geometry")
    rows = []
    for copies in (1, COPIES):
        many = pd.concat([frame] * copies, ignore_index=True)
        table = pa.Table.from_pandas(many, preserve_index=False)
        rounded = format_dataframe(many)
        ours, text = timed(lambda table=table: l3_text(table), repeats)
        theirs, other = timed(
            lambda rounded=rounded: rounded.to_csv(index=False, header=False, lineterminator="\n"),
            repeats,
        )
        if len(text) != len(other):
            print(f"note: the texts differ in length: {len(text):,} and {len(other):,} bytes")
        per_row = ours.cpu / len(many) * 1e6
        rows.append([len(many), ours.cpu, theirs.cpu, per_row, theirs.cpu / ours.cpu])
    return rows


def floor(case: Case, repeats: int) -> tuple[dict[str, Seconds], dict[str, int]]:
    """Time ISA-L unzip, pyarrow parse of the needed columns and deflate level 6; count bytes."""
    product = case.whole()
    tables = [pa.concat_tables([band.table(name) for band in product.bands]) for name in "EU"]
    texts = [l3_text(table) for table in tables]
    found = {}
    found["unzip"], contents = timed(lambda: [_unzip(path) for path in case.paths], repeats)
    found["parse"], _ = timed(lambda: [_parse(content) for content in contents], repeats)
    found["deflate"], packed = timed(lambda: [zlib.compress(text, 6) for text in texts], repeats)
    with TemporaryDirectory(dir=case.scratch) as folder:
        written = product.write(folder)
        sizes = {"all files written": sum(path.stat().st_size for path in written)}
    moved = {
        "bursts, zipped": sum(path.stat().st_size for path in case.paths),
        "bursts, CSV": sum(map(len, contents)),
        "product, CSV": sum(map(len, texts)),
        "product, deflated": sum(map(len, packed)),
    }
    return found, moved | sizes


def pandas_reading(case: Case, repeats: int) -> Seconds:
    """Time `pandas.read_csv` of the bursts, unzipped before."""
    paths = []
    for path in case.paths:
        paths.append(case.scratch / f"{path.stem}.csv")
        paths[-1].write_bytes(_unzip(path))
    return timed(lambda: [pd.read_csv(path) for path in paths], repeats)[0]


def _unzip(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive, open_member(archive, f"{path.stem}.csv") as stream:
        return stream.read()


def _parse(content: bytes) -> Any:
    names = content[: content.index(b"\n")].decode().split(",")
    wanted = ["easting", "northing", "los_east", "los_north", "los_up", "height_ortho"]
    wanted += ["gnss_velocity", "track_angle", *date_columns(names)]
    types = dict.fromkeys(wanted, pa.float64()) | {"pid": pa.string()}
    options = csv.ConvertOptions(include_columns=list(types), column_types=types)
    read = csv.ReadOptions(use_threads=False)
    return csv.read_csv(pa.py_buffer(content), read_options=read, convert_options=options)


def growth(scratch: Path, repeats: int) -> list[list[Any]]:
    """Time the whole product of 1, 2, 4 and 8 pieces of ground, each seen by two bursts."""
    folder = scratch / "growth"
    folder.mkdir()
    pairs = [_pair(folder, number) for number in range(max(GROWTH))]
    rows = []
    for count in GROWTH:
        paths = [path for pair in pairs[:count] for path in pair]
        case = Case("growth", tuple(paths), "E45N20", 1, scratch)
        seconds, product = timed(case.whole, repeats)
        points = sum(burst["points"] for burst in product.report["bursts"])
        per_million = seconds.cpu / points * 1e6
        rows.append([len(paths), points, product.cells, seconds.wall, seconds.cpu, per_million])
    return rows


def _pair(folder: Path, number: int) -> Sequence[Path]:
    """Write an ascending and a descending burst over the same 10 km of ground."""
    row, column = np.divmod(number, 4)
    west, south = 4_510_000.0 + 1.5 * PIECE_M * column, 2_010_000.0 + 1.5 * PIECE_M * row
    ground = Ground((west, south, west + PIECE_M, south + PIECE_M))
    paths = []
    for track in (sample_tracks()[0], sample_tracks()[2]):
        name = dataclasses.replace(track.name, burst=track.name.burst + number)
        seen = dataclasses.replace(track, name=name)
        batches = observe(ground, seen, PIECE_POINTS, seed=8)
        paths.append(write_burst(folder, name, seen.dates, batches, seen.metadata))
    return paths
