"""The same bytes whatever the order, the batches, the parts, and wherever it runs."""

from __future__ import annotations

import datetime as dt
from functools import partial

import numpy as np
import pytest

import egms_io
import egms_io.mapreduce.burstsums
from egms_io.formats.points import read_points

DAY = dt.date(2025, 3, 9)
ALL = ("zip", "tiff", "cog", "statistics", "parquet", "gpkg", "zarr")


@pytest.fixture(scope="module")
def written(simulated, contents):
    """`written(folder, bursts=…, …)`: bytes of all data files of a product, by name."""

    def write(folder, bursts=None, **options):
        product = egms_io.ortho(bursts or simulated.paths, aoi=simulated.aoi, **options)
        assert len(product.blocks) == 4
        assert len(product.bands) == 2
        return contents(product.write(folder, formats=ALL, production_date=DAY))

    return write


@pytest.fixture(scope="module")
def expected(written, tmp_path_factory):
    return written(tmp_path_factory.mktemp("expected"))


@pytest.fixture
def lines(edit_csv, tmp_path, simulated):
    """`lines(change)`: all bursts with the rows of their tables passed through a function."""

    def make(change):
        copies = []
        for source in simulated.paths:
            copy = tmp_path / source.name
            copy.write_bytes(source.read_bytes())

            def edit(text):
                header, *rows = text.rstrip("\n").split("\n")
                return "\n".join([header, *change(rows)]) + "\n"

            copies.append(edit_csv(copy, edit))
        return copies

    return make


def test_twice(written, expected, tmp_path):
    assert len(expected) == 16
    assert written(tmp_path) == expected


@pytest.mark.cluster
def test_two_worker_processes(written, expected, tmp_path, client):
    assert written(tmp_path, client=client) == expected


@pytest.mark.cluster
def test_one_worker_process(written, expected, tmp_path):
    from distributed import Client, LocalCluster

    with (
        LocalCluster(1, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as alone,
    ):
        assert written(tmp_path, client=alone) == expected


def test_threads(written, expected, tmp_path):
    from distributed import Client

    with Client(processes=False, n_workers=1, threads_per_worker=4, dashboard_address=None) as here:
        assert written(tmp_path, client=here) == expected


@pytest.mark.parametrize("combine", ["pass", "point"])
def test_two_worker_processes_for_other_ways_to_combine(written, tmp_path, client, combine):
    here = written(tmp_path / "here", combine=combine)
    assert written(tmp_path / "there", combine=combine, client=client) == here


@pytest.mark.parametrize("seed", [1, 2])
def test_rows_in_any_order(written, expected, tmp_path, lines, seed):
    rng = np.random.default_rng(seed)
    bursts = lines(lambda rows: [rows[k] for k in rng.permutation(len(rows))])
    assert written(tmp_path / "out", bursts) == expected


@pytest.mark.parametrize("size", [997, 30_011, 150_001])
def test_batches_of_any_size(written, expected, tmp_path, monkeypatch, size):
    small = partial(read_points, batch_bytes=size)
    monkeypatch.setattr(egms_io.mapreduce.burstsums, "read_points", small)
    assert written(tmp_path) == expected


@pytest.mark.parametrize("flip", [False, True])
def test_a_burst_in_parts_over_two_files(written, expected, tmp_path, simulated, lines, flip):
    (tmp_path / "a").mkdir()
    wholes = lines(lambda rows: rows[::2])
    first = [path.rename(tmp_path / "a" / path.name) for path in wholes]
    for path in wholes:
        path.with_suffix(".md5").unlink()
    second = lines(lambda rows: rows[1::2])
    parts = [list(pair)[:: -1 if flip else 1] for pair in zip(first, second, strict=True)]
    assert written(tmp_path / "all", parts) == expected
    mixed = [parts[0], *simulated.paths[1:]]
    assert written(tmp_path / "one", mixed) == expected


@pytest.mark.parametrize("order", [(2, 0, 1), (1, 0, 2), (2, 1, 0)])
def test_bursts_in_any_order(written, expected, tmp_path, simulated, order):
    assert written(tmp_path, [simulated.paths[k] for k in order]) == expected


def test_partials_used_again(written, expected, tmp_path, caplog):
    assert written(tmp_path / "first", work=tmp_path / "work") == expected
    with caplog.at_level("INFO", "egms_io"):
        assert written(tmp_path / "second", work=tmp_path / "work") == expected
    assert caplog.text.count("partial sums reused") == 3


def test_a_burst_added_to_partials(written, expected, tmp_path, simulated, caplog):
    egms_io.ortho(simulated.paths[:2], aoi=simulated.aoi, work=tmp_path / "work")
    with caplog.at_level("INFO", "egms_io"):
        assert written(tmp_path / "out", work=tmp_path / "work") == expected
    assert caplog.text.count("partial sums reused") == 2


def test_other_parameters_do_change_the_bytes(written, expected, tmp_path):
    """So that the tests above can fail."""
    other = written(tmp_path, kernel_rate=1.1)
    assert other.keys() == expected.keys()
    for name, content in expected.items():
        if name.endswith((".zip", ".parquet", ".zarr.zip")):
            assert other[name] != content
