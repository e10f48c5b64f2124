"""How fields lie in netCDF files: names of axes, units, times, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import netCDF4
import numpy as np
import pytest

from tiling.scenes.errors import UnusableInput
from tiling.scenes.localfiles.fields import layout_of, opened

T = ("time", [0.0, 600.0], {"units": "seconds since 2020-02-02 12:00"})
Y = ("yt", [50.0, 150.0, 250.0], {"units": "m"})
X = ("xt", [50.0, 150.0, 250.0, 350.0], {"units": "m"})


def write(
    path: Path,
    axes: Any,
    attrs: Any = None,
    kind: str = "NETCDF4",
    records: bool = False,
) -> Path:
    """A file with a field `lwp` whose values are their own index."""
    with netCDF4.Dataset(path, "w", format=kind) as file:
        file.setncatts(attrs or {})
        for name, values, attributes in axes:
            size = values if isinstance(values, int) else len(values)
            file.createDimension(name, None if records and name == "time" else size)
            if not isinstance(values, int):
                axis = file.createVariable(name, "f8", (name,))
                axis.setncatts(attributes)
                axis[:] = values
        field = file.createVariable("lwp", "f4", tuple(name for name, *_ in axes))
        field.units, field.long_name = "kg m-2", "liquid water path"
        shape = tuple(n if isinstance(n, int) else len(n) for _, n, _ in axes)
        field[:] = np.arange(np.prod(shape)).reshape(shape)
    return path


def layout(path: Path, **options: Any) -> Any:
    with opened(path) as content:
        return layout_of(content, "lwp", path.name, **options)


@pytest.mark.parametrize("kind", ["NETCDF4", "NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET"])
def test_a_simulation_with_all_its_coordinates(tmp_path, kind):
    found = layout(write(tmp_path / "a.nc", [T, Y, X], kind=kind))
    assert (found.time, found.y, found.x) == ("time", "yt", "xt")
    assert [str(t) for t in found.times.astype("M8[s]")] == [
        "2020-02-02T12:00:00",
        "2020-02-02T12:10:00",
    ]
    assert found.rows.tolist() == Y[1]
    assert found.columns.tolist() == X[1]
    assert not found.is_geographic
    assert found.notes == ()


@pytest.mark.parametrize("names", [("y", "x"), ("ym", "xt"), ("yt", "xm"), ("lat", "lon")])
def test_names_of_axes(tmp_path, names):
    axes = [T, (names[0], Y[1], {}), (names[1], X[1], {})]
    found = layout(write(tmp_path / "a.nc", axes))
    assert (found.y, found.x) == names
    assert found.is_geographic == (names[0] == "lat")
    assert len(found.notes) == (0 if found.is_geographic else 2)
    assert all(note.startswith("W060: ") for note in found.notes)


@pytest.mark.parametrize(
    "attrs",
    [
        ({"axis": "Y", "units": "km"}, {"axis": "X", "units": "km"}),
        (
            {"standard_name": "projection_y_coordinate", "units": "km"},
            {"standard_name": "projection_x_coordinate", "units": "kilometres"},
        ),
    ],
)
def test_axes_by_their_attributes(tmp_path, attrs):
    axes = [T, ("north", Y[1], attrs[0]), ("east", X[1], attrs[1])]
    found = layout(write(tmp_path / "a.nc", axes))
    assert (found.y, found.x) == ("north", "east")
    assert found.columns.tolist() == [1000 * each for each in X[1]]


def test_the_attribute_wins_over_the_name(tmp_path):
    axes = [T, ("x", Y[1], {"axis": "Y", "units": "m"}), ("y", X[1], {"axis": "X", "units": "m"})]
    found = layout(write(tmp_path / "a.nc", axes))
    assert (found.y, found.x) == ("x", "y")


def test_no_coordinates_but_a_width_of_cells(tmp_path):
    axes = [T, ("y", 3, None), ("x", 4, None)]
    said = layout(write(tmp_path / "a.nc", axes, attrs={"dx": 25.0}))
    assert said.columns.tolist() == [0, 25, 50, 75]
    assert said.rows.tolist() == [0, 25, 50]
    given = layout(write(tmp_path / "b.nc", axes), dx=10.0)
    assert given.rows.tolist() == [0, 10, 20]
    two = layout(write(tmp_path / "c.nc", axes, attrs={"dx": 25.0, "dy": 50.0}))
    assert two.rows.tolist() == [0, 50, 100]


def test_falling_rows_stay_as_they_are(tmp_path):
    found = layout(write(tmp_path / "a.nc", [T, ("y", Y[1][::-1], {"units": "m"}), X]))
    assert found.rows.tolist() == Y[1][::-1]


TIMES = [
    ("seconds since 2020-02-02 12:00", 60, "2020-02-02T12:01:00.000", 0),
    ("hours since 2020-02-02", 10.5, "2020-02-02T10:30:00.000", 0),
    ("hours since 2020-02-02", 0.1, "2020-02-02T00:06:00.000", 0),
    ("days since 2020-02-28 00:00:00 +02:00", 1.5, "2020-02-29T10:00:00.000", 0),
    ("days since 1850-01-01", 1, "1850-01-02T00:00:00.000", 0),
    ("seconds since start", 90, "2000-01-01T00:01:30.000", 1),
    ("seconds since start of simulation", 90, "2000-01-01T00:01:30.000", 1),
    ("s", 90, "2000-01-01T00:01:30.000", 1),
    ("minutes", 90, "2000-01-01T01:30:00.000", 1),
    ("", 90, "2000-01-01T00:01:30.000", 1),
    ("seconds since 2000-00-00 0000", 90, "2000-01-01T00:01:30.000", 1),
    ("hours since 2010-00-00 06:00", 1, "2010-01-01T07:00:00.000", 1),
]


@pytest.mark.parametrize(("units", "value", "expected", "notes"), TIMES)
def test_times(tmp_path, units, value, expected, notes):
    found = layout(write(tmp_path / "a.nc", [("time", [value], {"units": units}), Y, X]))
    assert str(found.times.astype("M8[ms]")[0]) == expected
    assert len(found.notes) == notes
    assert found.time == "time"


def test_each_hour_tenth_falls_on_its_second(tmp_path):
    """Fractions of hours and days that binary numbers do not hold."""
    hours = np.arange(0, 240) / 10
    found = layout(write(tmp_path / "a.nc", [("time", hours, {"units": "hours since 2020-01-01"}), Y, X]))  # noqa: E501  # fmt: skip
    exact = np.datetime64("2020-01-01", "ns") + np.arange(240) * np.timedelta64(360, "s")
    assert (found.times == exact).all()


def test_a_calendar_without_leap_days(tmp_path):
    attrs = {"units": "days since 2020-02-28", "calendar": "noleap"}
    found = layout(write(tmp_path / "a.nc", [("time", [1.0], attrs), Y, X]))
    assert str(found.times.astype("M8[D]")[0]) == "2020-03-01"


def test_a_time_of_another_name_and_one_without_dimension(tmp_path):
    path = write(tmp_path / "a.nc", [("ocean_time", T[1], T[2]), Y, X])
    assert layout(path).time == "ocean_time"
    path = write(tmp_path / "b.nc", [Y, X])
    with netCDF4.Dataset(path, "a") as file:
        file.createVariable("time", "f8", ()).units = "hours since 2020-01-01"
        file["time"][...] = 6
    found = layout(path)
    assert found.time is None
    assert str(found.times.astype("M8[h]")[0]) == "2020-01-01T06"


BAD: list[tuple[str, Any, Any, str, str]] = [
    ("no time", [Y, X], {}, "E061", "which coordinate is the time"),
    ("months", [("time", [1.0], {"units": "months since 2000-01-01"}), Y, X], {}, "E061", "months"),
    ("odd unit", [("time", [1.0], {"units": "day as %Y%m%d.%f"}), Y, X], {}, "E061", "day as"),
    ("far", [("time", [1e9], {"units": "days since 2000-01-01"}), Y, X], {}, "E061", "no date"),
    ("nan", [("time", [0, np.nan], T[2]), Y, X], {}, "E061", "missing at step 1"),
    ("no width", [T, ("y", 3, None), ("x", 4, None)], {}, "E061", "dx"),
    ("bad width", [T, ("y", 3, None), ("x", 4, None)], {"attrs": {"dx": -1}}, "E061", "dx"),
    ("names", [T, ("a", [1.0, 2], {}), ("b", [1.0, 2], {})], {}, "E061", "time, a, b"),
    ("to and fro", [T, ("y", [0.0, 2, 1], {}), X], {}, "E061", "neither rises nor falls"),
    ("nan place", [T, ("y", [0.0, np.nan, 1], {}), X], {}, "E061", "neither rises nor falls"),
    ("unit", [T, ("y", [0.0, 1], {"units": "furlong"}), X], {}, "E061", "furlong"),
    ("mixed", [T, ("lat", [0.0, 1], {"units": "degrees_north"}), X], {}, "E061", "degrees"),
    ("levels", [T, ("z", [1.0, 2, 3], {}), Y, X], {}, "E062", r"z \(3\)"),
    ("two times", [("ta", [0.0, 1], T[2]), ("tb", [0.0, 1], T[2]), Y, X], {}, "E061", "ta, tb"),
]


@pytest.mark.parametrize(("axes", "options", "code", "words"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])  # noqa: E501  # fmt: skip
def test_what_is_refused(tmp_path, axes, options, code, words):
    path = write(tmp_path / "a.nc", axes, **options)
    with pytest.raises(UnusableInput, match=words) as caught:
        layout(path)
    assert caught.value.code == code
    assert "a.nc" in str(caught.value)


def test_one_level_is_no_obstacle(tmp_path):
    found = layout(write(tmp_path / "a.nc", [T, ("z", [100.0], {}), Y, X]))
    assert (found.y, found.x) == ("yt", "xt")


def test_a_field_that_is_not_there(tmp_path):
    path = write(tmp_path / "a.nc", [T, Y, X])
    with opened(path) as content:
        with pytest.raises(UnusableInput, match="no field rlut; its fields are lwp"):
            layout_of(content, "rlut", "a.nc")


def broken(path: Path, what: str) -> Path:
    if what == "missing":
        return path.with_name("none.nc")
    body = path.read_bytes()
    content = {"text": b"time,y,x\n", "empty": b"", "half": body[: len(body) // 2]}[what]
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("kind", ["NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET"])
@pytest.mark.parametrize("lost", [1, 40])
@pytest.mark.parametrize("records", [True, False])
def test_an_old_file_that_is_cut_short_is_no_file_of_zeros(tmp_path, kind, lost, records):
    axes = [T, Y, X] if records else [Y, X, T]
    path = write(tmp_path / "a.nc", axes, kind=kind, records=records)
    assert layout(path).x == "xt"
    path.write_bytes(path.read_bytes().rstrip(b"\0")[:-lost])  # zeros fill its last block
    with pytest.raises(UnusableInput, match=r"E072.*cut short"):
        layout(path)


def test_a_damaged_chunk(tmp_path):
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as file:
        for name, size in (("time", 1), ("y", 50), ("x", 60)):
            file.createDimension(name, size)
        field = file.createVariable("lwp", "f8", ("time", "y", "x"), zlib=True, fletcher32=True)
        field[:] = np.random.default_rng(1).normal(size=(1, 50, 60))
    with h5py.File(tmp_path / "a.nc") as file:
        place = file["lwp"].id.get_chunk_info(0).byte_offset
    with (tmp_path / "a.nc").open("r+b") as file:
        file.seek(place + 500)
        file.write(bytes(500))
    with pytest.raises(UnusableInput, match=r"E074.*damaged"):
        with opened(tmp_path / "a.nc") as content:
            content["lwp"].values.sum()


@pytest.mark.parametrize(
    ("what", "code"), [("missing", "E065"), ("text", "E073"), ("empty", "E073"), ("half", "E072")]
)
def test_files_that_cannot_be_opened(tmp_path, what, code):
    path = broken(write(tmp_path / "a.nc", [T, Y, X]), what)
    with pytest.raises(UnusableInput) as caught:
        layout(path)
    assert caught.value.code == code
    assert str(path) in str(caught.value)
