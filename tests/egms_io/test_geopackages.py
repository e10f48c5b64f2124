"""The GeoPackage: its rows, its style, and what a full disk does to it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import textwrap
from itertools import pairwise
from xml.etree.ElementTree import fromstring

import geopandas as gpd
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

import egms_io
from egms_io.errors import BadProduct
from egms_io.writers import geopackages
from egms_io.writers.qgisstyles import velocity_classes
from workbench.errors import NotWritten
from workbench.wholefiles import whole_geopackage


@pytest.fixture(scope="module")
def product(simulated):
    """Four blocks in two bands, so that the second is appended."""
    product = egms_io.ortho(simulated.paths, aoi=simulated.aoi)
    assert len(product.bands) == 2
    return product


@pytest.fixture(scope="module")
def paths(product, tmp_path_factory):
    return product.write(tmp_path_factory.mktemp("gpkg"), formats=("gpkg",))


@pytest.mark.parametrize("component", ["E", "U"])
def test_rows_are_those_of_the_product(product, paths, component):
    (path,) = [path for path in paths if f"_{component}_" in path.name]
    read = gpd.read_file(path, layer=path.stem)
    frame = product.east if component == "E" else product.up
    assert read.crs == "EPSG:3035"
    assert read.columns.tolist() == frame.columns.tolist()
    assert read.geometry.geom_equals(frame.geometry).all()
    values = [pd.DataFrame(table.drop(columns="geometry")) for table in (read, frame)]
    pd.testing.assert_frame_equal(*values, check_dtype=False, check_exact=True)
    assert frame["seasonality"].isna().all()
    empty = "SELECT count(*) FROM {} WHERE seasonality IS NULL"
    with sqlite3.connect(path) as base:
        assert base.execute(empty.format(path.stem)).fetchone() == (len(frame),)


def test_the_same_content_has_the_same_bytes(product, paths, tmp_path):
    again = product.write(tmp_path, formats=("gpkg",))
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in paths]


def test_qgis_finds_a_style_with_the_limits_and_colours_of_the_figures(product, paths):
    for path, word in zip(paths, ("east", "up"), strict=True):
        with sqlite3.connect(path) as base:
            ((style, about),) = base.execute(
                "SELECT styleQML, description FROM layer_styles WHERE f_table_catalog = '' AND "
                "f_table_schema = '' AND f_table_name = ? AND f_geometry_column = "
                "(SELECT column_name FROM gpkg_geometry_columns) AND useAsDefault",
                (path.stem,),
            ).fetchall()
        limit = product.velocity_limit
        assert about == f"{word} velocity, {-limit:g} to {limit:g} mm / yr"
        renderer = fromstring(style).find("renderer-v2")
        assert renderer.attrib["type"] == "graduatedSymbol"
        assert renderer.attrib["attr"] == "mean_velocity"
        classes = renderer.findall("ranges/range")
        ends = [(float(one.attrib["lower"]), float(one.attrib["upper"])) for one in classes]
        assert all(one[1] == two[0] for one, two in pairwise(ends))
        assert (ends[1][0], ends[-2][1]) == (-limit, limit)
        symbols = {one.attrib["name"]: one for one in renderer.findall("symbols/symbol")}
        assert list(symbols) == [one.attrib["symbol"] for one in classes]
        for (low, high), symbol in zip(ends[1:-1], list(symbols.values())[1:-1], strict=True):
            options = {one.attrib["name"]: one.attrib["value"] for one in symbol.iter("Option")
                       if "name" in one.attrib}  # fmt: skip
            ramp = mpl.colormaps["RdBu"](((low + high) / 2 + limit) / (2 * limit))
            shown = np.array(options["color"].split(","), int)
            np.testing.assert_allclose(shown, np.array(ramp) * 255, atol=1)
            assert (options["size"], options["size_unit"]) == ("100", "MapUnit")


def test_limit_is_the_99th_percentile_of_both_components(product):
    both = np.abs(np.concatenate([product.east["mean_velocity"], product.up["mean_velocity"]]))
    assert product.velocity_limit == np.ceil(np.percentile(both, 99)) > 1
    assert velocity_classes(10)[0][2] == "below -10 mm / yr"


def test_an_empty_product_gives_an_empty_layer(simulated, tmp_path):
    product = egms_io.ortho(simulated.paths[:1], aoi=simulated.aoi)
    for path in product.write(tmp_path, formats=("gpkg",)):
        read = gpd.read_file(path, layer=path.stem)
        assert len(read) == 0
        assert read.crs == "EPSG:3035"
        assert whole_geopackage(path) == 0


def test_more_dates_than_columns_are_refused(product, tmp_path, monkeypatch):
    monkeypatch.setattr(geopackages, "MOST_COLUMNS", 40)
    with pytest.raises(BadProduct, match="take another format, or a larger step_days"):
        product.write(tmp_path, formats=("gpkg",))
    assert not list(tmp_path.glob("*.gpkg"))


def test_rows_lost_on_the_way_are_noticed(product, tmp_path, monkeypatch):
    monkeypatch.setattr(geopackages, "whole_geopackage", lambda path: whole_geopackage(path) - 1)
    with pytest.raises(NotWritten, match=f"{product.cells - 1} of {product.cells} rows"):
        product.write(tmp_path, formats=("gpkg",))
    assert not list(tmp_path.glob("*.gpkg"))


@pytest.mark.parametrize("left", [0, 50, 4096, 0.5, 0.99])
def test_what_is_cut_short_is_noticed(paths, tmp_path, left):
    whole = paths[0].read_bytes()
    torn = tmp_path / "torn.gpkg"
    torn.write_bytes(whole[: int(left * len(whole)) if isinstance(left, float) else left])
    with pytest.raises(Exception, match="cut short"):
        whole_geopackage(torn)


_LIMITED = """
    import json, resource, signal, sys
    from pathlib import Path
    import egms_io
    bursts, bounds, wanted, out = json.loads(sys.argv[1])
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    product = egms_io.ortho(bursts, aoi=bounds)
    whole = product.write(Path(out) / "whole", formats=(wanted,))
    size, (_, most) = whole[0].stat().st_size, resource.getrlimit(resource.RLIMIT_FSIZE)
    for part in range(1, 20):
        folder = Path(out) / str(part)
        resource.setrlimit(resource.RLIMIT_FSIZE, (max(8000, size * part // 18), most))
        try:
            product.write(folder, formats=(wanted,))
            error = ""
        except Exception as failure:
            error = f"{type(failure).__name__}: {failure}"
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        left = {path.name: path.read_bytes() == (Path(out) / "whole" / path.name).read_bytes()
                for path in folder.iterdir() if not path.name.endswith(".json")}
        print(json.dumps([part, error, left]))
"""


@pytest.mark.parametrize("wanted", ["gpkg", "statistics"])
def test_a_disk_that_is_full_at_any_byte(simulated, tmp_path, wanted):
    arguments = json.dumps([[str(path) for path in simulated.paths], simulated.aoi, wanted,
                            str(tmp_path)])  # fmt: skip
    script = textwrap.dedent(_LIMITED)
    done = subprocess.run(
        [sys.executable, "-c", script, arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == 19
    for part, error, left in lines:
        assert all(left.values()), f"{part}: a torn file under its name"
        assert len(left) == 2 or error
        assert not error or ("MB are free" in error and str(tmp_path) in error), error
    assert sum(bool(error) for _, error, _ in lines) >= 12
    assert not lines[-1][1]
