"""GOES as a source: what is found in folders, and windows of it from files and from objects."""

import pickle
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from tiling.scenes.abi.source import AbiSource
from tiling.scenes.errors import SceneError, UnusableInput
from tiling.scenes.imagery.regridding import on_grid
from tiling.scenes.meta.model import Image, Interval, ProductType, Storage
from tiling.scenes.sources.contract import Source
from tiling.scenes.sources.filesystems import Disk
from tiling.scenes.sources.storage import Store

COLOUR = ProductType("truecolor_rgb", "truecolor", ("refl_1", "refl_2", "refl_3"))


def interval(start, end):
    return Interval(
        np.datetime64(f"2020-02-02T{start}", "ns"), np.datetime64(f"2020-02-02T{end}", "ns")
    )


def name(band, start, created="20200331420000", sector="F", satellite=16, mode=6):
    return (
        f"OR_ABI-L1b-Rad{sector}-M{mode}C{band:02d}_G{satellite}_s2020033{start}"
        f"_e20200331430000_c{created}.nc"
    )


@pytest.fixture
def lists(tmp_path):
    """`lists(sector, files)`: a source whose folder holds empty files of these names."""

    def make(files, sector="F", satellite="goes16"):
        for file in files:
            level, product = file.split("-")[1:3]
            hour = file.split("_s")[1][:9]
            folder = (
                tmp_path / f"ABI-{level}-{product.rstrip('12')}" / hour[:4] / hour[4:7] / hour[7:9]
            )
            folder.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(b"x" * 5)
        return AbiSource(satellite, Store(Storage("file", str(tmp_path))), sector)

    return make


def found(source, inputs, *spans):
    return [(i.input, Path(i.key).name) for i in source.query(inputs, spans)]


def test_it_is_a_source(lists):
    source = lists([])
    assert isinstance(source, Source)
    assert pickle.loads(pickle.dumps(source)).tolerance == np.timedelta64(30, "s")


def test_bands_and_times(lists):
    files = [name(b, t) for b in (1, 2, 13) for t in ("1400201", "1410201", "1500201")]
    source = lists([*files, "index.html".replace("index", "OR_ABI-L1b-RadF_s202003314")])
    items = source.query(["rad_1", "refl_2"], [interval("14:00", "15:00:30")])
    assert [i.input for i in items] == ["rad_1", "refl_2"] * 3
    assert items[0].start == np.datetime64("2020-02-02T14:00:20.1")
    assert items[0].size == 5
    assert items == sorted(items, key=lambda i: i.start)
    assert all(source.store.path(i.key).is_file() for i in items)


def test_a_missing_hour_is_no_error(lists):
    source = lists([name(13, "1400201")])
    assert found(source, ["bt_13"], interval("03:00", "23:00"))
    assert found(source, ["bt_13"], interval("16:00", "17:00")) == []


def test_an_hour_is_looked_into_that_begins_before_the_interval(lists):
    source = lists([name(13, "1359598"), name(13, "1400201")])
    assert len(found(source, ["bt_13"], interval("13:50", "14:30"))) == 2
    assert len(found(source, ["bt_13"], interval("13:59:59.8", "14:30"))) == 2
    assert len(found(source, ["bt_13"], interval("14:00", "14:30"))) == 1


def test_the_newest_of_two_counts(lists):
    old, new = (name(13, "1400201", created=f"2020033142{m}000") for m in ("0", "5"))
    assert found(lists([new, old]), ["bt_13"], interval("14:00", "15:00")) == [("bt_13", new)]


def test_modes_sectors_and_satellites(lists):
    files = [
        name(13, "1400201", mode=3),
        name(13, "1405201", mode=4),
        name(13, "1400301", sector="M1"),
        name(13, "1400302", sector="M2"),
        name(13, "1401001", satellite=17),
    ]
    span = interval("14:00", "15:00")
    assert found(lists(files), ["bt_13"], span) == [("bt_13", files[0]), ("bt_13", files[1])]
    assert found(lists(files, "M1"), ["bt_13"], span) == [("bt_13", files[2])]
    assert found(lists(files, "M2"), ["bt_13"], span) == [("bt_13", files[3])]
    assert found(lists(files, satellite="goes17"), ["bt_13"], span) == [("bt_13", files[4])]


def test_a_scene_belongs_to_the_interval_of_its_first_band(lists):
    """Starts of bands differ by tenths: over the end of the interval, and over its beginning."""
    files = [
        name(1, "1359599"), name(2, "1400002"),
        name(1, "1410001"), name(2, "1409599"),
        name(1, "1430000"), name(2, "1430005"),
        name(1, "1440000"), name(2, "1440005"),
    ]  # fmt: skip
    got = found(lists(files), ["rad_1", "rad_2"], interval("14:00", "14:30"))
    assert {file for _, file in got} == set(files[2:6])


def test_overlapping_intervals_give_each_item_once(lists):
    source = lists([name(13, "1400201")])
    spans = [interval("13:00", "14:10"), interval("14:00", "15:00")]
    assert len(source.query(["bt_13"], spans)) == 1


def test_without_an_interval_there_would_be_no_end(lists):
    with pytest.raises(SceneError, match="E010"):
        lists([]).query(["bt_13"], [])


def test_a_band_of_the_cloud_product_is_not_guessed(lists):
    def product(band):
        return name(band, "1400201").replace("L1b-RadF", "L2-CMIPF")

    span = interval("14:00", "15:00")
    assert found(lists([product(2)]), ["CMIP"], span) == [("CMIP", product(2))]
    source = lists([product(13)])
    with pytest.raises(SceneError, match=r"E062.*2, 13"):
        source.query(["CMIP"], [span])
    assert found(source, ["CMIP__13"], span) == [("CMIP__13", product(13))]


@pytest.mark.parametrize(
    ("satellite", "sector", "code"), [("goes15", "F", "E001"), ("goes16", "X", "E006")]
)
def test_settings_that_there_are_not(satellite, sector, code):
    with pytest.raises(SceneError, match=code):
        AbiSource(satellite, Store(Storage("file", ".")), sector)


@pytest.mark.parametrize(
    ("kind", "inputs", "sector", "code"),
    [
        ("channels", ("bt_5",), "F", "E004"),
        ("channels", ("rad_0",), "F", "E003"),
        ("fields", ("rlut",), "F", "E002"),
        ("level2", ("RSR",), "M1", "E006"),
    ],
)
def test_types_that_there_are_not(kind, inputs, sector, code):
    source = AbiSource("goes16", Store(Storage("file", ".")), sector)
    with pytest.raises(SceneError, match=code):
        source.inputs(ProductType("x", kind, inputs))


def test_resolutions():
    source = AbiSource("goes16", Store(Storage("file", ".")))
    names = ("refl_2", "rad_1", "rad_5", "bt_13", "ACHA", "CMIP__3")
    assert [source.native_resolution(n) for n in names] == [500, 1000, 1000, 2000, None, 1000]


@pytest.fixture(scope="module")
def bucket(bands, tmp_path_factory):
    """The simulated scan in the folders that it has in the cloud."""
    root = tmp_path_factory.mktemp("bucket")
    folder = root / "ABI-L1b-RadF/2020/033/14"
    folder.mkdir(parents=True)
    for file in bands.values():
        shutil.copy(file, folder)
    return root


@pytest.mark.parametrize("resolution", [2e3, 20e3, 32e3, 53e3])
@pytest.mark.parametrize("pad", [0, 0.1])
def test_a_window_holds_what_cells_at_the_edge_are_means_of(bucket, domain, resolution, pad):
    """Cells may be many pixels long, and blocks of pixels begin anywhere before the edge."""
    source = AbiSource("goes16", Store(Storage("file", str(bucket))))
    (item,) = source.query(["bt_13"], [interval("14:00", "14:30")])
    for lat in (16.7, 17.1):
        grid = domain(lat, -85, 160, resolution)
        found = on_grid(source.open_window(item, grid, pad), grid)
        assert np.isfinite(found).all()


@pytest.mark.parametrize(("resolution", "side"), [(2000.0, 1), (500.0, 2), (None, 2)])
@pytest.mark.parametrize("air", ["none", "simple", "tables"])
def test_true_colour_of_a_domain(bucket, domain, resolution, side, air):
    store = Store(Storage("file", str(bucket)))
    source = AbiSource("goes16", store, image=Image(rayleigh=air))
    items = source.query(source.inputs(COLOUR), [interval("14:00", "14:30")])
    windows = {i.input: source.open_window(i, domain(17, -85, 100)) for i in items}
    made = source.compose(COLOUR, windows, resolution)
    colours = made["truecolor_rgb"]
    assert colours.shape == (3, *(side * n for n in windows["refl_1"].shape))
    assert np.isfinite(colours).all()
    assert colours.attrs["rayleigh"] == ("simple" if air == "simple" else "none")
    assert ("W070" in colours.attrs.get("rayleigh_note", "")) == (air == "tables")
    clear = AbiSource("goes16", store).compose(COLOUR, windows, resolution)["truecolor_rgb"]
    taken = (clear - colours).mean(["y", "x"])
    if air == "simple":
        assert taken[2] > taken[1] > taken[0] > 0.003
    else:
        assert (taken == 0).all()


def test_bands_of_one_grid_and_of_several(bucket, domain):
    source = AbiSource("goes16", Store(Storage("file", str(bucket))))
    names = ("bt_13", "refl_1", "rad_3")
    items = source.query(names, [interval("14:00", "14:30")])
    windows = {i.input: source.open_window(i, domain(17, -85, 100)) for i in items}
    mixed = source.compose(ProductType("x", "channels", names), windows, 1000)
    assert list(mixed.data_vars) == list(names)
    assert mixed["bt_13"].dims == ("y_bt_13", "x_bt_13")
    same = source.compose(ProductType("x", "channels", names[1:]), windows, 1000)
    assert same["rad_3"].dims == ("y", "x")
    assert same["rad_3"].attrs["grid_mapping"] in same.coords
    one = source.compose(ProductType("x", "channels", names[:1]), windows, 1000)
    assert one["bt_13"].dims == ("y", "x")
    x = windows["bt_13"]["x"].values
    np.testing.assert_allclose(windows["refl_1"]["x"].values.reshape(-1, 2).mean(axis=1), x)


class Objects(Disk):
    """Files of a folder as if they lay on a server."""

    def path(self, address):
        return None


def test_windows_of_objects_are_kept(bucket, domain, tmp_path):
    store = Store(Storage("file", str(bucket)), kept=tmp_path)
    store.files, store.is_local = Objects(Path()), False
    source = AbiSource("goes16", store)
    here = AbiSource("goes16", Store(Storage("file", str(bucket))))
    grid = domain(17, -85, 60)
    (item,) = source.query(["refl_2"], [interval("14:00", "14:30")])
    first = source.open_window(item, grid)
    assert 0 < store.bytes_read < item.size / 2
    assert first.identical(here.open_window(item, grid))
    fetched = store.bytes_read
    assert source.open_window(item, grid).identical(first)
    assert store.bytes_read == fetched
    (kept,) = tmp_path.rglob("*.nc")
    assert kept.name == Path(item.key).name
    source.open_window(item, domain(17, -84.5, 60))
    assert len(list(tmp_path.rglob("*.nc"))) == 2
    kept.write_bytes(b"not whole")
    assert source.open_window(item, grid).identical(first)
    assert store.bytes_read > fetched


@pytest.mark.parametrize("mode", ["window", "mirror"])
def test_a_file_of_another_band_than_its_name_says(bucket, tmp_path, domain, mode):
    """Radiances would be those of the wrong band without a word."""
    folder = tmp_path / "ABI-L1b-RadF/2020/033/14"
    shutil.copytree(bucket / "ABI-L1b-RadF/2020/033/14", folder)
    (one,), (other,) = folder.glob("*C01*"), folder.glob("*C13*")
    shutil.copy(other, one)
    source = AbiSource("goes16", Store(Storage("file", str(tmp_path), mode=mode)))
    for quantity in ("rad_1", "refl_1"):
        (item,) = source.query([quantity], [interval("14:00", "14:30")])
        with pytest.raises(UnusableInput, match=r"C01.*band 1 by its name, of band 13") as error:
            source.open_window(item, domain(17, -85, 60))
        assert str(one) in str(error.value), "the whole path, for who has to look at the file"


def test_a_file_without_what_calibration_needs_is_named(bucket, tmp_path, domain):
    folder = tmp_path / "ABI-L1b-RadF/2020/033/14"
    shutil.copytree(bucket / "ABI-L1b-RadF/2020/033/14", folder)
    (path,) = folder.glob("*C01*")
    path.chmod(0o644)
    with h5py.File(path, "a") as file:
        del file["esun"], file["kappa0"]
    source = AbiSource("goes16", Store(Storage("file", str(tmp_path))))
    (item,) = source.query(["refl_1"], [interval("14:00", "14:30")])
    with pytest.raises(UnusableInput, match=f"{path.name}: .* neither esun nor kappa0"):
        source.open_window(item, domain(17, -85, 60))


@pytest.mark.parametrize("end", [0, 100, 40_000, -1000])
def test_a_file_that_is_cut_short(bucket, tmp_path, domain, end):
    folder = tmp_path / "ABI-L1b-RadF/2020/033/14"
    shutil.copytree(bucket / "ABI-L1b-RadF/2020/033/14", folder)
    for file in folder.iterdir():
        file.chmod(0o644)
        file.write_bytes(file.read_bytes()[:end])
    source = AbiSource("goes16", Store(Storage("file", str(tmp_path))))
    (item,) = source.query(["bt_13"], [interval("14:00", "14:30")])
    with pytest.raises(UnusableInput, match="E07"):
        source.open_window(item, domain(17, -85, 100))


def test_a_file_with_wrong_bytes_is_refused_or_the_same(write_abi, tmp_path, domain):
    """Whatever bytes are changed where checksums are: no other error, and no other values."""
    folder = tmp_path / "ABI-L1b-RadF/2020/033/14"
    path = write_abi(folder, 13, win=(2000, 1600, 300, 300))
    good, grid = path.read_bytes(), domain(18, -86, 200)
    source = AbiSource("goes16", Store(Storage("file", str(tmp_path))))
    (item,) = source.query(["bt_13"], [interval("14:00", "14:30")])
    expected = source.open_window(item, grid)
    with h5py.File(path) as file:
        data = file["Rad"].id
        chunks = [data.get_chunk_info(i) for i in range(data.get_num_chunks())]
    rng = np.random.default_rng(5)
    ends = []
    for trial in range(60):
        content = bytearray(good)
        for _ in range(rng.integers(1, 5)):
            chunk = chunks[rng.integers(len(chunks))]
            inside = chunk.byte_offset + int(rng.integers(chunk.size))
            place = inside if trial % 2 else int(rng.integers(min(30_000, len(good))))
            content[place] = rng.integers(256)
        path.write_bytes(content)
        try:
            found = source.open_window(item, grid)
            ends.append("same")
            if trial % 2:
                np.testing.assert_array_equal(found, expected)
        except SceneError as error:
            ends.append(error.code)
    assert set(ends) <= {"same", "E061", "E072", "E073", "E074", "E080"}
    assert ends.count("E074") > 20
