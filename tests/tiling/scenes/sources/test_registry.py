"""Which source a `meta.yaml` gets, and functions of the user."""

from __future__ import annotations

import pickle
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest

from tiling.scenes.errors import SceneError
from tiling.scenes.localfiles.source import FieldSource
from tiling.scenes.meta.model import AuxProduct, Fields, Meta, ProductType, Storage
from tiling.scenes.sources import registry
from tiling.scenes.sources.contract import Source
from tiling.scenes.sources.registry import aux_source_for, known_sources, source_for
from tiling.scenes.sources.userfunctions import UserSource

LWP = ProductType("lwp", "fields", ("lwp",))
MADE = ProductType("both", "user_function", ("lwp", "rain"))


def meta(source: str = "LES", kind: ProductType = LWP, **options: Any) -> Meta:
    return Meta(source, kind, **{"storage": None, **options})


def test_the_sources_of_this_package():
    assert known_sources()[:6] == ("goes16", "goes17", "goes18", "goes19", "LES", "netcdf")


def test_simulations(tmp_path):
    fields = Fields("run/*.nc", periodic=True, dx=25.0)
    found = source_for(meta(fields=fields), tmp_path)
    assert found == FieldSource(tmp_path, "source_data/LES", "run/*.nc", 25.0, True)


def test_an_auxiliary_product(tmp_path):
    product = AuxProduct("clouds", "netcdf", LWP, files="c/*.nc")
    found = aux_source_for(meta(aux_products={"clouds": product}), "clouds", tmp_path)
    assert found == FieldSource(tmp_path, "source_data/netcdf", "c/*.nc")
    with pytest.raises(SceneError, match=r"E055.*there are clouds"):
        aux_source_for(meta(aux_products={"clouds": product}), "rain", tmp_path)


def test_an_unknown_source_and_a_storage_of_no_use():
    with pytest.raises(SceneError, match=r"E001.*goes16, goes17"):
        source_for(meta("goes15"))
    with pytest.raises(SceneError, match="E063"):
        source_for(meta(storage=Storage("file", "x")))


def test_a_satellite_gets_its_store(monkeypatch, tmp_path):
    made: list[Any] = []
    monkeypatch.setattr(registry, "_load", lambda *_: lambda *given: made.append(given) or given)
    source_for(meta("goes18", ProductType("b", "channels", ("bt_13",)), sector="C"), tmp_path)
    name, store, sector, _ = made[0]
    assert (name, sector) == ("goes18", "C")
    assert store.root == "noaa-goes18"
    assert store.kept == tmp_path / "source_data/goes18"
    assert store.storage.anon


def plugin(given: Meta, folder: Path) -> Source:
    return FieldSource(folder, f"plugin/{given.source}")


def no_source(given: Meta, folder: Path) -> str:
    return "nothing"


def failing(given: Meta, folder: Path) -> Source:
    raise OSError("no credentials")


@pytest.fixture
def plugins(monkeypatch):
    found = {
        name: EntryPoint(name, f"{__name__}:{function}", registry.GROUP)
        for name, function in (("ceres", "plugin"), ("odd", "no_source"), ("sad", "failing"))
    }
    monkeypatch.setattr(registry, "_plugins", lambda: found)
    monkeypatch.setattr(EntryPoint, "load", lambda self: globals()[self.value.split(":")[1]])


def test_plugins(plugins, tmp_path):
    assert known_sources()[-3:] == ("ceres", "odd", "sad")
    assert source_for(meta("ceres"), tmp_path) == FieldSource(tmp_path, "plugin/ceres")
    with pytest.raises(SceneError, match=r"is no tiling\.scenes\.Source"):
        source_for(meta("odd"), tmp_path)
    with pytest.raises(SceneError, match=r"sad .* cannot be used: OSError: no credentials"):
        source_for(meta("sad"), tmp_path)


GOOD = """
from dataclasses import dataclass

@dataclass
class Settings:
    factor: float = 2.0

def both(da_lwp, da_rain):
    made = da_lwp + Settings().factor * da_rain
    return made.assign_attrs(units="kg m-2", long_name="both")
"""


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "source_data/LES"
    folder.mkdir(parents=True)
    with netCDF4.Dataset(folder / "a.nc", "w") as file:
        for name, size, unit in (
            ("time", 1, "hours since 2020-01-01"),
            ("y", 3, "m"),
            ("x", 4, "m"),
        ):
            file.createDimension(name, size)
            file.createVariable(name, "f8", (name,))[:] = np.arange(size)
            file[name].units = unit
        for name, value in (("lwp", 1.0), ("rain", 10.0)):
            file.createVariable(name, "f4", ("time", "y", "x"))[:] = value
            file[name].units = "kg m-2"
    (tmp_path / "user_functions.py").write_text(GOOD)
    return tmp_path


def composed(folder: Path, allowed: bool = True) -> Any:
    source = source_for(meta(kind=MADE), folder, allow_user_code=allowed)
    source = pickle.loads(pickle.dumps(source))
    items = source.query(source.inputs(MADE), [])
    windows = {item.input: source.open_window(item, None) for item in items}
    return source.compose(MADE, windows, None)


def test_a_function_of_the_user(dataset):
    made = composed(dataset)["both"]
    assert (made.values == 21).all()
    assert made.dtype == np.float32
    assert made.attrs["long_name"] == "both"
    assert made.attrs["time_coverage_start"] == "2020-01-01T00:00:00Z"
    source = source_for(meta(kind=MADE), dataset, allow_user_code=True)
    assert isinstance(source, UserSource)
    assert isinstance(source, Source)
    assert source.native_resolution("lwp") is None
    assert source.tolerance == FieldSource.tolerance


def test_nothing_of_it_is_run_unless_that_is_allowed(dataset):
    mark = dataset / "ran"
    (dataset / "user_functions.py").write_text(f"open({str(mark)!r}, 'w')\n{GOOD}")
    with pytest.raises(SceneError, match=r"E076.*--allow-user-code"):
        composed(dataset, allowed=False)
    assert not mark.exists()
    composed(dataset)
    assert mark.exists()


def test_a_changed_file_is_run_again(dataset):
    composed(dataset)
    import os

    path = dataset / "user_functions.py"
    path.write_text(GOOD.replace("2.0", "3.0"))
    os.utime(path, ns=(1, 1))
    assert (composed(dataset)["both"].values == 31).all()


HEAD = "def both(da_lwp, da_rain):\n    return "
ATTRS = ".assign_attrs(units='1', long_name='b')"
FAULTS = [
    ("", "no function both"),
    ("def both(:\n", "SyntaxError"),
    ("import no_such_module_at_all", "ModuleNotFoundError"),
    (f"{HEAD}1 / 0", r"line 2: both failed: ZeroDivisionError"),
    (f"{HEAD}da_lwp.values", "an xarray.DataArray, not ndarray"),
    (f"{HEAD}da_lwp.drop_attrs()", "attributes units and long_name"),
    (f"{HEAD}da_lwp.mean('x'){ATTRS}", r"dims \(y, x\)"),
    (f"{HEAD}da_lwp[1:]{ATTRS}", "on the grid of one of its inputs"),
    (f"{HEAD}da_lwp.astype(str){ATTRS}", "numbers"),
    ("def both(da_lwp):\n    return da_lwp", "TypeError"),
]


@pytest.mark.parametrize(("text", "words"), FAULTS)
def test_functions_that_are_no_use(dataset, text, words):
    (dataset / "user_functions.py").write_text(text)
    with pytest.raises(SceneError, match=words) as caught:
        composed(dataset)
    assert caught.value.code == "E077"
    assert "user_functions.py" in str(caught.value)


def test_no_file_of_functions(dataset):
    (dataset / "user_functions.py").unlink()
    with pytest.raises(SceneError, match=r"E077.*no such file"):
        composed(dataset)
