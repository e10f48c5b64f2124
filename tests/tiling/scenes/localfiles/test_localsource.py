"""netCDF files as a source: times across files, windows on planes and around the Earth."""

from __future__ import annotations

import logging
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from tiling.scenes.errors import SceneError, UnusableInput
from tiling.scenes.localfiles.source import FieldSource
from tiling.scenes.meta.model import Interval, ProductType
from tiling.scenes.sources.contract import Source

LWP = ProductType("singlechannel__lwp", "fields", ("lwp",))


def write(
    path: Path,
    minutes: list[float],
    fields: dict[str, Any] | None = None,
    rows: Any = (25, 75, 125),
    columns: Any = (25, 75, 125, 175),
    names: tuple[str, str] = ("yt", "xt"),
) -> Path:
    """A field `value = 1000 row + column + 0.001 minute`, and others as given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    units = ("degrees_north", "degrees_east") if names[0] == "lat" else ("m", "m")
    rows, columns = np.asarray(rows, float), np.asarray(columns, float)
    with netCDF4.Dataset(path, "w") as file:
        for name, values, unit in zip(
            ("time", *names),
            (minutes, rows, columns),
            ("minutes since 2020-02-02 12:00", *units),
            strict=True,
        ):
            file.createDimension(name, len(values))
            axis = file.createVariable(name, "f8", (name,))
            axis.units, axis[:] = unit, values
        truth = 1000 * rows[:, None] + (columns % 360 if names[0] == "lat" else columns)
        for name, change in (fields or {"lwp": 0}).items():
            field = file.createVariable(name, "f8", ("time", *names), fill_value=-9e9)
            field.units, field.long_name = "kg m-2", f"field {name}"
            field[:] = truth + change + 1e-3 * np.asarray(minutes)[:, None, None]
    return path


@pytest.fixture
def source(tmp_path: Path) -> FieldSource:
    folder = tmp_path / "source_data/LES"
    write(folder / "a.nc", [0, 10])
    write(folder / "b.nc", [20, 30])
    return FieldSource(tmp_path, "source_data/LES")


def interval(start: str, end: str) -> Interval:
    return Interval(np.datetime64(start, "ns"), np.datetime64(end, "ns"))


def test_it_is_a_source(source):
    assert isinstance(source, Source)
    assert pickle.loads(pickle.dumps(source)) == source
    assert source.inputs(LWP) == ("lwp",)
    with pytest.raises(SceneError, match="E002"):
        source.inputs(ProductType("truecolor_rgb", "truecolor", ()))


def test_time_steps_of_all_files(source):
    found = source.query(["lwp"], [])
    assert [item.key for item in found] == [
        f"source_data/LES/{name}.nc#{number}" for name in "ab" for number in (0, 1)
    ]
    assert [str(item.start)[11:16] for item in found] == ["12:00", "12:10", "12:20", "12:30"]
    some = source.query(["lwp"], [interval("2020-02-02T12:10", "2020-02-02T12:20")])
    assert [item.key[-6:] for item in some] == ["a.nc#1", "b.nc#0"]
    for item in found:
        window = source.open_window(item, None)
        minute = (item.start - found[0].start) / np.timedelta64(1, "m")
        expected = 1000 * window.y.values[:, None] + window.x.values + 1e-3 * minute
        assert np.array_equal(window.values, expected.astype("f4"))
        assert window.dtype == np.float32
        assert window.attrs["units"] == "kg m-2"
        assert window.attrs["time_coverage_start"] == str(item.start)[:19] + "Z"
        assert "grid_mapping" not in window.attrs
        assert window.dims == ("y", "x")


def test_one_variable_in_a_file_of_its_own(tmp_path):
    for name in ("lwp", "rain"):
        write(tmp_path / "d" / f"{name}.nc", [0, 10], {name: 7})
    source = FieldSource(tmp_path, "d")
    found = source.query(["rain", "lwp"], [])
    assert [(str(i.start)[11:16], i.input) for i in found] == [
        ("12:00", "lwp"), ("12:00", "rain"), ("12:10", "lwp"), ("12:10", "rain"),
    ]  # fmt: skip
    with pytest.raises(UnusableInput, match=r"rlut: no such field in the 2 files .* lwp, rain"):
        source.query(["lwp", "rlut"], [])


def test_a_time_in_two_files_is_refused(tmp_path):
    write(tmp_path / "d/a.nc", [0, 10])
    write(tmp_path / "d/b.nc", [10, 20])
    with pytest.raises(SceneError, match=r"E090: d/a.nc#1 and d/b.nc#0 both hold lwp"):
        FieldSource(tmp_path, "d").query(["lwp"], [])


@pytest.mark.parametrize("files", ["*.nc", "x/*.nc", "**x", "/nowhere/at/all/*.nc"])
def test_no_files(tmp_path, files):
    with pytest.raises(SceneError, match="E075"):
        FieldSource(tmp_path, "source_data/LES", files).query(["lwp"], [])


def test_files_elsewhere_and_unfinished_ones(tmp_path):
    path = write(tmp_path / "far/sub/a.nc", [0])
    (path.parent / ".part-host-1-00000000~a.nc").write_bytes(b"half")
    source = FieldSource(tmp_path / "dataset", "source_data/LES", f"{tmp_path}/far/**/*.nc")
    (item,) = source.query(["lwp"], [])
    assert item.key == f"{path}#0"
    assert source.open_window(item, None).shape == (3, 4)


def test_a_file_that_changed_is_not_read_as_another_time(source, tmp_path):
    item = source.query(["lwp"], [])[1]
    minute = replace(item, start=item.start + np.timedelta64(59, "s"))
    assert source.open_window(minute, None).attrs["time_coverage_start"] == "2020-02-02T12:10:00Z"
    write(tmp_path / "source_data/LES/a.nc", [0, 11])
    with pytest.raises(UnusableInput, match=r"E065.*has changed"):
        source.open_window(item, None)


def test_what_was_assumed_is_said_once_and_goes_with_the_data(tmp_path, caplog):
    for name, minute in (("a", 0), ("b", 10)):
        path = write(tmp_path / f"d/{name}.nc", [minute])
        with netCDF4.Dataset(path, "a") as file:
            file["xt"].units = ""
    source = FieldSource(tmp_path, "d")
    with caplog.at_level(logging.WARNING):
        items = source.query(["lwp"], [])
    assert [r.message for r in caplog.records] == ["W060: xt has no units and is taken for metres"]
    assert "W060" in source.open_window(items[0], None).attrs["note"]


def test_missing_values_and_packing(tmp_path):
    path = write(tmp_path / "d/a.nc", [0])
    with netCDF4.Dataset(path, "a") as file:
        packed = file.createVariable("q", "i2", ("time", "yt", "xt"), fill_value=-999)
        packed.scale_factor, packed.add_offset = 0.5, 10.0
        packed[0] = np.full((3, 4), 11.5)
        packed[0, 1, 2] = np.ma.masked
    source = FieldSource(tmp_path, "d")
    window = source.open_window(source.query(["q"], [])[0], None)
    assert np.isnan(window.values[1, 2])
    assert (np.delete(window.values.ravel(), 6) == 11.5).all()
    assert window.attrs["units"] == ""


def test_a_part_of_a_plane(tmp_path):
    axis = np.arange(100) * 50 + 25.0
    write(tmp_path / "d/a.nc", [0], rows=axis[::-1], columns=axis)
    source = FieldSource(tmp_path, "d")
    (item,) = source.query(["lwp"], [])
    grid = GeoBox((20, 10), Affine(50, 0, 2000, 0, 50, 1000), None)
    window = source.open_window(item, grid, pad=0.1)
    assert window.x.values[[0, -1]].tolist() == [1825, 2675]  # four cells on each side
    assert window.y.values[[0, -1]].tolist() == [2175, 825]  # as in the file: falling
    assert np.array_equal(window.values, (1000 * window.y + window.x).values.astype("f4"))
    assert "note" not in window.attrs
    beyond = GeoBox((20, 10), Affine(50, 0, 4800, 0, 50, 1000), None)
    assert "W081" in source.open_window(item, beyond).attrs["note"]
    with pytest.raises(SceneError, match=r"E080.*nothing of the domain"):
        source.open_window(item, GeoBox((5, 5), Affine(50, 0, 9000, 0, 50, 0), None))
    whole = FieldSource(tmp_path, "d", periodic=True).open_window(item, beyond)
    assert whole.shape == (100, 100)


def plane(lat: float, lon: float, half: float) -> GeoBox:
    crs = f"+proj=laea +lat_0={lat} +lon_0={lon} +datum=WGS84 +units=m"
    return GeoBox((20, 20), Affine(half / 10, 0, -half, 0, half / 10, -half), crs)


def test_a_plane_and_the_earth_do_not_mix(source, tmp_path):
    item = source.query(["lwp"], [])[0]
    with pytest.raises(SceneError, match=r"lies on a plane|on a plain plane, the domain on the"):
        source.open_window(item, plane(0, 0, 1e5))


@pytest.fixture(scope="module")
def globes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[FieldSource, Any]]:
    """The whole Earth in degrees, counted in several ways."""
    folder = tmp_path_factory.mktemp("globes")
    lat = np.arange(-89.5, 90)
    ways = {
        "east": (lat, np.arange(0, 360.0)),
        "both": (lat, np.arange(-180, 180.0)),
        "falling": (lat[::-1], np.arange(0.5, 360)),
        "backwards": (lat, np.arange(-180, 180.0)[::-1]),
    }
    found = {}
    for name, (rows, columns) in ways.items():
        write(folder / name / "a.nc", [0], None, rows, columns, ("lat", "lon"))
        source = FieldSource(folder, name)
        found[name] = (source, source.query(["lwp"], [])[0])
    return found


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    way=st.sampled_from(["east", "both", "falling", "backwards"]),
    lat=st.floats(-90, 90),
    lon=st.floats(-180, 360),
    half=st.floats(5e4, 2e6),
)
def test_a_window_covers_its_domain_anywhere(globes, way, lat, lon, half):
    """Each cell holds what its place says; all pixels of the domain lie inside; no jump in x."""
    from pyproj import Transformer

    source, item = globes[way]
    grid = plane(lat, lon, half)
    window = source.open_window(item, grid)
    x, y = window.x.values, window.y.values
    assert np.allclose(np.abs(np.diff(x)), 1)
    assert (np.diff(x) > 0).all()
    expected = 1000 * y[:, None] + (x + 1e-9) % 360
    assert np.allclose(window.values, expected, rtol=1e-6, atol=1e-2)
    columns, rows = np.meshgrid(np.arange(20) + 0.5, np.arange(20) + 0.5)
    places = (grid.affine.c + grid.affine.a * columns, grid.affine.f + grid.affine.e * rows)
    east, north = Transformer.from_crs(str(grid.crs), "EPSG:4326", always_xy=True).transform(
        *places
    )
    beyond = (east - x[0]) % 360  # from the western edge on
    assert beyond.max() <= x[-1] - x[0] + (len(x) == 360)  # the last cell meets the first
    assert north.min() >= max(y.min(), -89.5) - 0.5
    assert north.max() <= min(y.max(), 89.5) + 0.5
    assert window.coords["crs"].attrs["grid_mapping_name"] == "latitude_longitude"
    assert window.attrs["grid_mapping"] == "crs"
    assert "note" not in window.attrs


def test_a_regional_file_on_another_count_of_longitudes(tmp_path):
    """A file of 280 to 320 degrees east, a domain at -60."""
    lat, lon = np.arange(0, 30, 0.25), np.arange(280, 320, 0.25)
    write(tmp_path / "d/a.nc", [0], None, lat, lon, ("lat", "lon"))
    source = FieldSource(tmp_path, "d")
    (item,) = source.query(["lwp"], [])
    inside = source.open_window(item, plane(13.3, -57.72, 2e5))
    assert "note" not in inside.attrs
    assert inside.x.values.min() < -59.5 < -56 < inside.x.values.max()
    assert "W081" in source.open_window(item, plane(13.3, -80, 2e5)).attrs["note"]
    for there in (plane(13.3, 60, 2e5), plane(-40, -57.72, 2e5)):
        with pytest.raises(SceneError, match="E080"):
            source.open_window(item, there)


def test_a_hole_at_the_date_line_is_not_bridged(tmp_path):
    lat, lon = np.arange(-10, 10.0), np.arange(-170, 171.0)
    write(tmp_path / "d/a.nc", [0], None, lat, lon, ("lat", "lon"))
    source = FieldSource(tmp_path, "d")
    (item,) = source.query(["lwp"], [])
    window = source.open_window(item, plane(0, 175, 1e6))
    assert "W081" in window.attrs["note"]
    assert np.allclose(np.diff(window.x), 1)


def test_side_by_side(source, tmp_path):
    kind = ProductType("multichannel__a__b", "fields", ("a", "b"))
    item = source.query(["lwp"], [])[0]
    window = source.open_window(item, None)
    made = source.compose(kind, {"a": window, "b": window + 1}, None)
    assert list(made) == ["a", "b"]
    assert made["a"].dims == made["b"].dims == ("y", "x")
    other = window.assign_coords(x=window.x + 25)
    apart = source.compose(kind, {"a": window, "b": other}, None)
    assert apart["b"].dims == ("y_b", "x_b")
    assert np.array_equal(apart["x_b"], other.x)
    assert source.native_resolution("a") is None
