"""The FarmVibes.AI layout: pairing, policies, bad files, and blocks that do not matter."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import cloudpickle
import numpy as np
import pytest

from spaceeye.errors import BadFile, BadInput
from workbench.sentinel2.bands import BANDS, L1C_BANDS, L2A_BANDS
from workbench.sentinel2.geotiffs import read_folder
from workbench.sentinel2.identity import parse_name


def image_paths(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.tif") if "_mask" not in path.name)


def rename_to_day(path: Path, day: str, clock: str = "105211") -> Path:
    return path.with_name(f"S2_31UDS_{day}T{clock}.tif")


def test_round_trip(folder, series):
    stack = read_folder(folder)
    assert stack["reflectance"].chunks is not None
    got, expected = stack.compute(), series.stack
    np.testing.assert_array_equal(got["reflectance"], expected["reflectance"])
    np.testing.assert_array_equal(got["weight"], expected["weight"])
    assert got["reflectance"].attrs == expected["reflectance"].attrs
    for name in ("time", "band", "y", "x"):
        np.testing.assert_array_equal(got[name], expected[name])
    assert got.odc.geobox == series.scene.geobox


def test_clear_pixels_are_close_to_the_truth(folder, series):
    stack = read_folder(folder, bands=["B04", "B08"]).compute()
    truth = series.truth(stack["time"].values).sel(band=["B04", "B08"])
    error = (stack["reflectance"] * 1e-4 - truth) / truth
    clear = error.where(stack["weight"] == 1).values
    assert np.isfinite(clear).sum() > 500
    assert np.nanpercentile(np.abs(clear), 90) < 0.15


@pytest.mark.parametrize("chunks", [7, 16, 31, 256])
@pytest.mark.parametrize("dilate", [0, 35])
def test_blocks_do_not_matter(folder, chunks, dilate):
    whole = read_folder(folder, chunks=None, dilate=dilate)
    assert whole.identical(read_folder(folder, chunks=chunks, dilate=dilate).compute())


def test_a_region_is_a_crop_even_where_clouds_outside_reach_in(folder, series):
    whole = read_folder(folder, chunks=None, dilate=50)
    box = series.scene.geobox[5:20, 8:30]
    part = read_folder(folder, geobox=box, dilate=50, chunks=4).compute()
    crop = whole.isel(y=slice(5, 20), x=slice(8, 30))
    np.testing.assert_array_equal(part["weight"], crop["weight"])
    np.testing.assert_array_equal(part["reflectance"], crop["reflectance"])
    bounds = box.pad(-2).extent.to_crs("EPSG:4326").boundingbox
    by_degrees = read_folder(folder, aoi=tuple(bounds)).compute()
    assert set(by_degrees["x"].values) <= set(crop["x"].values)
    assert by_degrees.sizes["y"] >= 11


def test_block_reads_only_its_window(folder, monkeypatch):
    import rasterio.io

    seen = []
    plain = rasterio.io.DatasetReader.read

    class Spy:
        def __init__(self, file):
            self.file = file

        def __getattr__(self, name):
            return getattr(self.file, name)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.file.close()

        def read(self, *args, window, **kwargs):
            seen.append((window, self.file))
            return plain(self.file, *args, window=window, **kwargs)

    stack = read_folder(folder, chunks=8)
    opened = rasterio.open
    monkeypatch.setattr(rasterio, "open", lambda *a, **k: Spy(opened(*a, **k)))
    stack.isel(y=slice(8, 16), x=slice(16, 24)).compute(scheduler="synchronous")
    assert len(seen) == 8  # four images, four masks
    for (rows, cols), file in seen:
        assert rows[1] - rows[0] <= 10
        assert cols[1] - cols[0] <= 10
        assert file.closed


@pytest.mark.parametrize(("layout", "count"), [(L2A_BANDS, 12), (L1C_BANDS, 13)])
def test_product_stacks_by_position(tmp_path, write_tif, layout, count):
    values = np.stack([np.full((4, 4), 100 + at, np.uint16) for at in range(count)])
    write_tif(tmp_path / "S2_31UDS_20210105T105211.tif", values)
    stack = read_folder(tmp_path, missing_mask="clear", offset=0).compute()
    expected = [100 + layout.index(band) for band in BANDS]
    np.testing.assert_array_equal(stack["reflectance"][0, :, 0, 0], expected)


def test_labels_decide_the_order(tmp_path, write_tif):
    labels = ("S2", "S1", "N2", "N", "RE3", "RE2", "RE1", "R", "G", "B")
    values = np.stack([np.full((4, 4), 100 + at, np.uint16) for at in range(10)])
    write_tif(tmp_path / "S2_31UDS_20210105T105211.tif", values, labels=labels)
    stack = read_folder(tmp_path, missing_mask="clear", offset=0).compute()
    np.testing.assert_array_equal(stack["reflectance"][0, :, 0, 0], 109 - np.arange(10))


@pytest.mark.parametrize(
    ("name", "time", "tile", "baseline"),
    [
        ("S2_31UDS_20220130T105211.tif", "2022-01-30T10:52:11", "31UDS", None),
        ("S2B_T31UDS_20220130T105211_x.tif", "2022-01-30T10:52:11", "31UDS", None),
        ("S2A_MSIL2A_20220130T105211_N0400_R051_T31UDS_20220130T133042.SAFE",
         "2022-01-30T10:52:11", "31UDS", "0400"),
        ("3f2504e0-4f89.tif", None, "", None),
        ("S2_31UDS_20220130T105211garbage.tif", None, "", None),
    ],
)  # fmt: skip
def test_names(name, time, tile, baseline):
    named = parse_name(name)
    assert named.time == (None if time is None else np.datetime64(time, "ns"))
    assert (named.tile, named.baseline) == (tile, baseline)


def test_a_name_with_an_impossible_date_is_refused():
    with pytest.raises(BadFile, match="20221350"):
        parse_name("S2_31UDS_20221350T105211.tif")


def test_time_and_tile_from_tags(tmp_path, write_tif, series):
    frame = series.frames[2]
    tags = {
        "ACQUISITION_TIME": "2022-01-30T11:52:11+01:00",
        "MGRS_TILE": "T31UDS",
        "PROCESSING_BASELINE": "04.00",
    }
    write_tif(tmp_path / "images" / "3f2504e0.tif", frame.stacked(), tags=tags)
    write_tif(tmp_path / "clouds" / "9c1185a5.tif", frame.cloudy(), tags=tags)
    stack = read_folder(tmp_path / "images", tmp_path / "clouds").compute()
    assert stack["time"].values[0] == np.datetime64("2022-01-30T10:52:11")
    np.testing.assert_array_equal(stack["weight"][0], 1 - frame.cloudy())


def test_baseline_from_the_product_name(tmp_path, write_tif):
    values = np.full((10, 4, 4), 3000, np.uint16)
    for day, baseline in (("20210105", "0214"), ("20220130", "0400")):
        name = f"S2A_MSIL2A_{day}T105211_N{baseline}_R051_T31UDS_{day}T133042"
        write_tif(tmp_path / f"{name}.tif", values)
    stack = read_folder(tmp_path, missing_mask="clear").compute()
    np.testing.assert_array_equal(stack["reflectance"][:, 0, 0, 0], [3000, 2000])


# defect 2.6(2) of the reference: pairing by position


def test_a_missing_mask_in_the_middle_drops_its_image_only(folder, series, caplog):
    gone = sorted(folder.glob("*_mask.tif"))[1]
    gone.unlink()
    with caplog.at_level(logging.WARNING, "workbench"):
        stack = read_folder(folder).compute()
    assert [r.getMessage() for r in caplog.records] == [
        f"dropped 1 images that have no mask: {gone.name.replace('_mask', '')}"
    ]
    expected = series.stack.isel(time=[0, 2, 3])
    np.testing.assert_array_equal(stack["time"], expected["time"])
    np.testing.assert_array_equal(stack["weight"], expected["weight"])
    np.testing.assert_array_equal(stack["reflectance"], expected["reflectance"])


def test_a_missing_mask_can_be_an_error_or_clear(folder, series):
    sorted(folder.glob("*_mask.tif"))[1].unlink()
    with pytest.raises(BadFile, match=r"no mask for 1 of 4 images: S2_31UDS_20220120T105211\.tif"):
        read_folder(folder, missing_mask="error")
    stack = read_folder(folder, missing_mask="clear").compute()
    assert (stack["weight"][1] == 1).all()
    np.testing.assert_array_equal(stack["weight"][2], series.stack["weight"][2])


def test_a_mask_without_image_is_ignored_with_a_warning(folder, series, caplog):
    image_paths(folder)[1].unlink()
    with caplog.at_level(logging.WARNING, "workbench"):
        stack = read_folder(folder).compute()
    assert "ignored 1 masks that have no image: S2_31UDS_20220120T105211_mask.tif" in caplog.text
    np.testing.assert_array_equal(stack["weight"], series.stack["weight"].isel(time=[0, 2, 3]))


def test_a_mask_of_another_tile_is_not_taken(folder):
    mask = sorted(folder.glob("*_mask.tif"))[0]
    mask.rename(mask.with_name(mask.name.replace("31UDS", "31UDT")))
    assert read_folder(folder).sizes["time"] == 3


# defect 2.6(3): two acquisitions on one day


def test_two_acquisitions_on_one_day_keep_their_times(tmp_path, write_tif):
    for clock, level in (("105211", 2000), ("123211", 3000)):
        write_tif(
            tmp_path / f"S2_31UDS_20210105T{clock}.tif", np.full((10, 4, 4), level, np.uint16)
        )
    stack = read_folder(tmp_path, missing_mask="clear", offset=0).compute()
    np.testing.assert_array_equal(stack["reflectance"][:, 0, 0, 0], [2000, 3000])
    assert np.diff(stack["time"].values)[0] == np.timedelta64(100, "m")


def test_pieces_of_one_pass_become_one_image(tmp_path, write_tif):
    """Two strips seconds apart: each gives what the other lacks, the clearer one wins."""
    masks = {"105211": 1, "105225": 0}
    for clock, level in (("105211", 2000), ("105225", 3000)):
        values = np.full((10, 4, 6), level, np.uint16)
        values[:, :, : 2 if clock == "105225" else 0] = 0
        name = f"S2_31UDS_20210105T{clock}"
        write_tif(tmp_path / f"{name}.tif", values)
        write_tif(tmp_path / f"{name}_mask.tif", np.full((4, 6), masks[clock], np.uint8))
    stack = read_folder(tmp_path, offset=0).compute()
    assert stack.sizes["time"] == 1
    np.testing.assert_array_equal(stack["reflectance"][0, 0, 0], [2000] * 2 + [3000] * 4)
    np.testing.assert_array_equal(stack["weight"][0, 0], [0] * 2 + [1] * 4)


def test_the_same_acquisition_twice_is_refused_or_skipped(folder, caplog):
    first = image_paths(folder)[0]
    shutil.copy(first, first.with_name(first.name.replace(".tif", "_copy.tif")))
    with pytest.raises(BadFile, match=r"_copy\.tif: the same acquisition"):
        read_folder(folder)
    with caplog.at_level(logging.WARNING, "workbench"):
        assert read_folder(folder, on_error="skip").sizes["time"] == 4
    assert "_copy.tif" in caplog.text


def test_a_second_mask_is_refused(folder):
    mask = sorted(folder.glob("*_mask.tif"))[0]
    shutil.copy(mask, mask.with_name(mask.name.replace("_mask", "_cloud")))
    with pytest.raises(BadFile, match="a second mask"):
        read_folder(folder)


# section 6


def test_range_is_closed_and_widened_by_the_buffer(folder, series):
    days = ("2022-01-20", "2022-01-30")
    exact = read_folder(folder, time_range=days, buffer_days=0)
    np.testing.assert_array_equal(exact["time"], series.stack["time"][1:3])
    wider = read_folder(folder, time_range=days, buffer_days=9)
    np.testing.assert_array_equal(wider["time"], series.stack["time"][:3])
    assert read_folder(folder, time_range=days).sizes["time"] == 4


def test_no_acquisition_in_range_names_range_and_region(folder):
    with pytest.raises(BadInput, match=r"2023-01-01 to 2023-02-01.*region.*there are 4"):
        read_folder(folder, time_range=("2023-01-01", "2023-02-01"))
    with pytest.raises(BadInput, match=r"\(10, 45, 11, 46\)"):
        read_folder(folder, aoi=(10, 45, 11, 46))


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ({"time_range": ("2022-02-01", "2022-01-01")}, "end is before"),
        ({"time_range": ("soon", "later")}, "not a time"),
        ({"time_range": "2022"}, "first, last|not a time"),
        ({"time_range": ("2022-01-01", "2022-02-01"), "buffer_days": -1}, "buffer_days=-1"),
        ({"aoi": (11, 45, 10, 46)}, "aoi="),
        ({"aoi": "here"}, "aoi="),
        ({"bands": ["B01"]}, "B01"),
        ({"bands": []}, "bands="),
        ({"bands": ["B02", "B02"]}, "at most once"),
        ({"missing_mask": "guess"}, "missing_mask="),
        ({"missing": "some"}, "missing="),
        ({"on_error": "ignore"}, "on_error="),
        ({"chunks": 0}, "chunks=0"),
        ({"resolution": -10}, "resolution=-10"),
        ({"mask_kind": "cloud"}, "kind="),
    ],
)
def test_bad_arguments(folder, argument, words):
    with pytest.raises(BadInput, match=words):
        read_folder(folder, **argument)


@pytest.mark.parametrize(("missing", "weight"), [("any", 0), ("all", 1)])
def test_one_band_without_data(tmp_path, write_tif, missing, weight):
    values = np.full((10, 4, 4), 2000, np.uint16)
    values[3, 1, 1] = 0
    values[:, 2, 2] = 0
    write_tif(tmp_path / "S2_31UDS_20210105T105211.tif", values)
    stack = read_folder(tmp_path, missing_mask="clear", offset=0, missing=missing).compute()
    assert stack["weight"][0, 1, 1] == weight
    assert stack["reflectance"][0, 0, 1, 1] == 2000 * weight
    assert stack["weight"][0, 2, 2] == 0
    assert int(stack["weight"].sum()) == 14 + weight


def test_unknown_baseline_is_an_error_unless_the_offset_is_given(tmp_path, write_tif):
    path = tmp_path / "S2_31UDS_20220130T105211.tif"
    write_tif(path, np.full((10, 4, 4), 3000, np.uint16))
    with pytest.raises(BadInput, match=r"20220130T105211\.tif: nothing tells.*offset=1000"):
        read_folder(tmp_path, missing_mask="clear")
    stack = read_folder(tmp_path, missing_mask="clear", offset=1000).compute()
    assert (stack["reflectance"] == 2000).all()


def test_the_tag_says_that_the_offset_is_out(tmp_path, write_tif):
    tags = {"PROCESSING_BASELINE": "04.00", "BOA_OFFSET_APPLIED": "1"}
    path = tmp_path / "S2_31UDS_20220130T105211.tif"
    write_tif(path, np.full((10, 4, 4), 3000, np.uint16), tags=tags)
    stack = read_folder(tmp_path, missing_mask="clear").compute()
    assert (stack["reflectance"] == 3000).all()


@pytest.mark.parametrize("coarse", [20, 160])
def test_coarse_masks_are_regridded(tmp_path, write_tif, coarse):
    size, factor = 32, coarse // 10
    mask = np.random.default_rng(1).integers(0, 2, (size // factor,) * 2).astype(np.uint8)
    mask[0, 0] = 1
    write_tif(tmp_path / "S2_31UDS_20210105T105211.tif", np.full((10, size, size), 9, np.uint16))
    write_tif(tmp_path / "S2_31UDS_20210105T105211_mask.tif", mask, resolution=coarse)
    stack = read_folder(tmp_path, offset=0, regrid=False, chunks=5).compute()
    expected = 1 - mask.repeat(factor, 0).repeat(factor, 1)
    np.testing.assert_array_equal(stack["weight"][0], expected)


def test_a_shifted_mask_needs_regrid(tmp_path, write_tif):
    write_tif(tmp_path / "S2_31UDS_20210105T105211.tif", np.full((10, 8, 8), 9, np.uint16))
    path = tmp_path / "S2_31UDS_20210105T105211_mask.tif"
    write_tif(path, np.zeros((6, 6), np.uint8), resolution=20, corner=(447_993.0, 5_412_007.0))
    with pytest.raises(BadInput, match=r"_mask\.tif: its grid.*regrid=True"):
        read_folder(tmp_path, offset=0, regrid=False)
    assert read_folder(tmp_path, offset=0).compute()["weight"].all()


def test_soft_weights_from_probability_files(tmp_path, write_tif):
    write_tif(tmp_path / "S2_31UDS_20210105T105211.tif", np.full((10, 4, 4), 9, np.uint16))
    chance = np.arange(16, dtype=np.uint8).reshape(4, 4) * 5
    write_tif(tmp_path / "masks" / "S2_31UDS_20210105T105211.tif", chance)
    soft = read_folder(tmp_path, offset=0, mask_kind="probability").compute()
    assert soft["weight"].dtype == np.float32
    np.testing.assert_allclose(soft["weight"][0], 1 - chance / 100, atol=1e-6)
    hard = read_folder(tmp_path, offset=0, mask_kind="probability", threshold=0.4).compute()
    np.testing.assert_array_equal(hard["weight"][0], chance <= 40)


# bad files: each is refused with its name, or skipped and named in one warning


def truncate(path, write_tif):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def header_only(path, write_tif):
    path.write_bytes(path.read_bytes()[:6])


def empty(path, write_tif):
    path.write_bytes(b"")


def text(path, write_tif):
    path.write_text("no raster")


def other_format(path, write_tif):
    real = path.with_suffix(".real")
    path.rename(real)
    path.write_text(
        '<VRTDataset rasterXSize="32" rasterYSize="32"><VRTRasterBand dataType="UInt16" band="1">'
        f"<SimpleSource><SourceFilename>{real}</SourceFilename></SimpleSource>"
        "</VRTRasterBand></VRTDataset>"
    )


def degrees(path, write_tif):
    write_tif(path, np.ones((10, 4, 4), np.uint16), crs="EPSG:4326", resolution=0.1, corner=(2, 48))


def no_crs(path, write_tif):
    write_tif(path, np.ones((10, 4, 4), np.uint16), crs=None)


def floats(path, write_tif):
    write_tif(path, np.ones((10, 4, 4), np.float32))


def few_bands(path, write_tif):
    write_tif(path, np.ones((9, 4, 4), np.uint16))


def wrong_label(path, write_tif):
    labels = ("B01", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")
    write_tif(path, np.ones((10, 4, 4), np.uint16), labels=labels)


def other_time(path, write_tif):
    tags = {"ACQUISITION_TIME": "2020-01-01T00:00:00Z"}
    write_tif(path, np.ones((10, 4, 4), np.uint16), tags=tags)


def other_tile(path, write_tif):
    write_tif(path, np.ones((10, 4, 4), np.uint16), tags={"MGRS_TILE": "10SGF"})


def no_time(path, write_tif):
    path.rename(path.with_name("mystery.tif"))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (truncate, "cut short|not a readable"),
        (header_only, "not a readable"),
        (empty, "empty"),
        (text, "not a readable GTiff"),
        (other_format, "not a readable GTiff"),
        (degrees, "projection in metres"),
        (no_crs, "not georeferenced"),
        (floats, "float32"),
        (few_bands, "9 bands"),
        (wrong_label, "B02"),
        (other_time, "the tag ACQUISITION_TIME"),
        (other_tile, "the tag MGRS_TILE"),
        (no_time, "mystery.tif: neither its name"),
    ],
)
def test_bad_images(folder, write_tif, caplog, damage, words):
    path = image_paths(folder)[1]
    damage(path, write_tif)
    with pytest.raises(BadFile, match=words) as caught:
        read_folder(folder, offset=0)
    assert ".tif" in str(caught.value)
    with caplog.at_level(logging.WARNING, "workbench"):
        stack = read_folder(folder, offset=0, on_error="skip")
    skips = [r.getMessage() for r in caplog.records if "skipped" in r.getMessage()]
    assert len(skips) == 1
    assert str(folder) in skips[0]
    assert stack.compute().sizes["time"] == 3


@pytest.mark.parametrize(
    ("damage", "words"),
    [(truncate, "cut short|not a readable"), (empty, "empty"), (few_bands, "one band")],
)
def test_bad_masks(folder, write_tif, damage, words):
    path = sorted(folder.glob("*_mask.tif"))[1]
    damage(path, write_tif)
    with pytest.raises(BadFile, match=words):
        read_folder(folder)
    assert read_folder(folder, on_error="skip").sizes["time"] == 3


def test_damage_inside_a_file(tmp_path, write_tif, client):
    """Bytes changed in the middle: found when read, or at the door with `verify`."""
    rng = np.random.default_rng(1)
    for day in ("05", "10"):
        values = rng.integers(1, 9000, (10, 64, 64)).astype(np.uint16)
        path = tmp_path / f"S2_31UDS_202101{day}T105211.tif"
        write_tif(path, values, compress="deflate", tiled=True, blockxsize=16, blockysize=16)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    path.write_bytes(content)
    lazy = read_folder(tmp_path, missing_mask="clear", offset=0)
    with pytest.raises(BadFile, match=r"20210110T105211\.tif: cannot read.*verify=True"):
        lazy.compute(scheduler="threads")
    with pytest.raises(BadFile, match=r"20210110T105211\.tif: cannot read.*verify=True"):
        client.compute(lazy).result()
    with pytest.raises(BadFile, match="20210110"):
        read_folder(tmp_path, missing_mask="clear", offset=0, verify=True)
    kept = read_folder(tmp_path, missing_mask="clear", offset=0, verify=True, on_error="skip")
    assert kept.compute()["time"].values == [np.datetime64("2021-01-05T10:52:11")]


def test_if_all_are_broken_the_first_error_is_raised(folder):
    for path in image_paths(folder):
        path.write_bytes(b"")
    with pytest.raises(BadFile, match="empty"):
        read_folder(folder, on_error="skip")


@pytest.mark.parametrize(
    "name", ["/vsizip/x.zip/a.tif", "../../etc/passwd", "NETCDF:x.tif", "nowhere"]
)
def test_hostile_paths(tmp_path, name):
    with pytest.raises(BadFile, match="no such"):
        read_folder(name)
    with pytest.raises(BadFile, match=r"no such file|not a readable GTiff"):
        read_folder([name], missing_mask="clear")


def test_odd_names_in_the_folder_are_only_names(folder, write_tif):
    odd = "S2_31UDS_20220301T105211_GTIFF_DIR:1:x;rm -rf $HOME.tif"
    write_tif(folder / odd, np.full((10, 32, 32), 3000, np.uint16))
    (folder / "notes.txt").write_text("ignored")
    (folder / ".hidden.tif").write_text("ignored")
    stack = read_folder(folder, missing_mask="clear", offset=0)
    assert stack.sizes["time"] == 5
    assert (stack["reflectance"][4].compute() == 3000).all()


def test_empty_folder(tmp_path):
    with pytest.raises(BadFile, match="no GeoTIFF"):
        read_folder(tmp_path)


def test_nothing_stays_open(folder):
    handles = Path("/proc/self/fd")
    if not handles.is_dir():
        pytest.skip("open files are counted in /proc")
    read_folder(folder).compute(scheduler="synchronous")
    before = len(list(handles.iterdir()))
    read_folder(folder, chunks=8).compute(scheduler="synchronous")
    assert len(list(handles.iterdir())) <= before


def test_what_a_block_knows_is_sent_once(folder):
    """The list of files is one node of the graph, not a part of every task."""
    few, many = (read_folder(folder, chunks=chunks) for chunks in (16, 4))
    blocks = many["weight"].data.npartitions - few["weight"].data.npartitions
    more = len(cloudpickle.dumps(many)) - len(cloudpickle.dumps(few))
    assert more / blocks < 0.5 * len(cloudpickle.dumps(image_paths(folder))) + 3000
