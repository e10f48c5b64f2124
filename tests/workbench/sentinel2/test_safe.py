"""SAFE folders: metadata, offsets, resolutions, versions, and what is broken."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from spaceeye.errors import BadFile, BadInput
from spaceeye.sample import CROP, SCENE
from workbench.sentinel2.bands import BANDS, RESOLUTION
from workbench.sentinel2.cloudweights import ClearRule
from workbench.sentinel2.offsets import remove_offset
from workbench.sentinel2.safe import find_products, read_metadata, read_safe


@pytest.fixture
def safe(sample: Path, tmp_path: Path) -> Path:
    """A copy of the products of the sample that may be damaged."""
    return Path(shutil.copytree(sample / "safe", tmp_path / "safe"))


def edit(product: Path, old: str, new: str) -> None:
    path = product / "MTD_MSIL2A.xml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def one(product: Path, pattern: str) -> Path:
    (path,) = product.glob(f"GRANULE/*/{pattern}")
    return path


def test_round_trip(weigh, sample):
    stack = read_safe(sample / "safe", dilate=0).compute()
    assert stack.sizes == {"time": 3, "band": 10, "y": CROP, "x": CROP}
    for at, time in enumerate(stack["time"].values):
        frame = SCENE.observe(time)
        harmonised = remove_offset(frame.stacked(), frame.offset)
        inner = (slice(None), slice(0, CROP - 1), slice(0, CROP - 1))  # a border of 20 m bands
        np.testing.assert_array_equal(
            stack["reflectance"][at][inner], harmonised[:, : CROP - 1, : CROP - 1]
        )
        scl = frame.scl.repeat(2, 0).repeat(2, 1)[:CROP, :CROP]
        np.testing.assert_array_equal(stack["weight"][at], weigh(ClearRule(dilate=0), scl))


def test_default_widening_is_forty_metres(weigh, sample):
    stack = read_safe(sample / "safe").compute()
    scl = np.stack([SCENE.observe(time).scl for time in stack["time"].values])
    fine = scl.repeat(2, 1).repeat(2, 2)
    expected = weigh(ClearRule(dilate=40), fine[:, : CROP + 8, : CROP + 8])
    inner = slice(0, CROP - 4)  # beyond the file nothing is known
    np.testing.assert_array_equal(stack["weight"][:, inner, inner], expected[:, inner, inner])


@pytest.mark.parametrize("chunks", [27, 40])
@pytest.mark.parametrize("resolution", [10, 20])
def test_blocks_do_not_matter(sample, chunks, resolution):
    arguments = {"resolution": resolution, "bands": ["B02", "B05", "B12"]}
    whole = read_safe(sample / "safe", chunks=None, **arguments)
    assert whole.identical(read_safe(sample / "safe", chunks=chunks, **arguments).compute())


def test_twenty_metres(sample):
    stack = read_safe(sample / "safe", resolution=20, bands=["B02", "B05"]).compute()
    half = CROP // 2
    frame = SCENE.observe(stack["time"].values[0])
    fine = frame.band("B02")[:CROP, :CROP].astype(int).reshape(half, 2, half, 2)
    np.testing.assert_array_equal(stack["reflectance"][0, 0], (fine.sum((1, 3)) + 2) // 4)
    np.testing.assert_array_equal(stack["reflectance"][0, 1], frame.band("B05")[:half, :half])


def test_metadata(sample):
    products = find_products(sample / "safe")
    first, last = (read_metadata(products[at] / "MTD_MSIL2A.xml") for at in (0, 2))
    assert (first.baseline, first.offsets) == ("03.01", {})
    assert last.baseline == "04.00"
    assert {last.offsets[band] for band in BANDS} == {1000}
    assert str(last.time).startswith("2022-01-")


def test_one_product_its_metadata_and_a_list(sample):
    products = find_products(sample / "safe")
    assert find_products(products[0]) == [products[0]]
    assert find_products(products[0] / "MTD_MSIL2A.xml") == [products[0]]
    assert read_safe(products[1:]).sizes["time"] == 2


def test_offsets_are_those_of_the_metadata_band_by_band(safe):
    product = find_products(safe)[2]
    plain = read_safe(product).compute()
    edit(product, '<BOA_ADD_OFFSET band_id="1">-1000', '<BOA_ADD_OFFSET band_id="1">-900')
    changed = read_safe(product).compute()
    difference = changed["reflectance"].astype(int) - plain["reflectance"].astype(int)
    assert (difference.sel(band="B02") == 100).all()
    assert (difference.sel(band=list(BANDS[1:])) == 0).all()


def test_baseline_decides_where_the_list_is_missing(safe):
    product = find_products(safe)[0]
    edit(product, "<PROCESSING_BASELINE>03.01", "<PROCESSING_BASELINE>99.99")
    with pytest.raises(BadInput, match=r"99\.99"):
        read_safe(product)
    assert read_safe(product, offset=0).sizes["time"] == 1


def test_the_newer_of_two_versions_is_used(safe, caplog):
    old = find_products(safe)[0]
    new = old.with_name(old.name.replace("N0301", "N0500"))
    shutil.copytree(old, new)
    edit(new, "<PROCESSING_BASELINE>03.01", "<PROCESSING_BASELINE>05.00")
    with caplog.at_level(logging.INFO, "workbench"):
        both = read_safe([old, new]).compute()
    assert f"{new} replaces the earlier version {old}" in caplog.text
    assert both.identical(read_safe(new).compute())
    assert not both.identical(read_safe(old).compute())


def test_weights_from_cloud_probability(safe):
    product = find_products(safe)[0]
    folder = one(product, "IMG_DATA").parent / "QI_DATA"
    folder.mkdir()
    chance = np.zeros((CROP // 2, CROP // 2), np.uint8)
    chance[3, 4] = 60
    with rasterio.open(
        folder / "MSK_CLDPRB_20m.jp2", "w", driver="JP2OpenJPEG", count=1, dtype="uint8",
        height=CROP // 2, width=CROP // 2, crs="EPSG:32631", QUALITY="100", REVERSIBLE="YES",
        transform=Affine(20, 0, 448_000, 0, -20, 5_412_000),
    ) as file:  # fmt: skip
        file.write(chance, 1)
    soft = read_safe(product, weights="probability").compute()["weight"][0]
    np.testing.assert_allclose(soft[5:9, 7:11], np.pad(np.full((2, 2), 0.4), 1, constant_values=1))
    hard = read_safe(product, weights="probability", threshold=0.5).compute()["weight"][0]
    assert int((hard == 0).sum()) == 4
    with pytest.raises(BadInput, match="weights="):
        read_safe(product, weights="classes")


def test_missing_scl_follows_the_policy(safe):
    one(find_products(safe)[1], "IMG_DATA/R20m/*_SCL_20m.jp2").unlink()
    assert read_safe(safe).sizes["time"] == 2
    with pytest.raises(BadFile, match="no mask for 1 of 3"):
        read_safe(safe, missing_mask="error")
    stack = read_safe(safe, missing_mask="clear").compute()
    assert (stack["weight"][1] == 1).all()


def missing_band(product):
    one(product, "IMG_DATA/R20m/*_B11_20m.jp2").unlink()


def double_band(product):
    path = one(product, "IMG_DATA/R20m/*_B11_20m.jp2")
    shutil.copy(path, path.with_name(f"X{path.name}"))


def cut_band(product):
    path = one(product, "IMG_DATA/R10m/*_B04_10m.jp2")
    path.write_bytes(path.read_bytes()[: path.stat().st_size - 100])


def empty_band(product):
    one(product, "IMG_DATA/R10m/*_B04_10m.jp2").write_bytes(b"")


def text_band(product):
    one(product, "IMG_DATA/R10m/*_B04_10m.jp2").write_text("not JPEG 2000")


def tif_band(product):
    path = one(product, "IMG_DATA/R10m/*_B04_10m.jp2")
    values = np.ones((CROP, CROP), np.uint16)
    profile = {"crs": "EPSG:32631", "transform": Affine(10, 0, 448_000, 0, -10, 5_412_000)}
    with rasterio.open(
        path, "w", driver="GTiff", count=1, dtype="uint16", height=CROP, width=CROP, **profile
    ) as file:
        file.write(values, 1)


def byte_band(product):
    shutil.copy(
        one(product, "IMG_DATA/R20m/*_SCL_20m.jp2"), one(product, "IMG_DATA/R20m/*_B11_20m.jp2")
    )


def no_metadata(product):
    (product / "MTD_MSIL2A.xml").unlink()


def cut_metadata(product):
    path = product / "MTD_MSIL2A.xml"
    path.write_text(path.read_text()[:400])


def no_baseline(product):
    edit(product, "PROCESSING_BASELINE>", "OTHER>")


def no_date(product):
    edit(product, "<DATATAKE_SENSING_START>2", "<DATATAKE_SENSING_START>x")


def other_scale(product):
    edit(product, ">10000</BOA_Q", ">1000</BOA_Q")


def entity(product):
    head = '<!DOCTYPE x [<!ENTITY secret SYSTEM "file:///etc/passwd">]>'
    edit(product, '<?xml version="1.0" encoding="UTF-8"?>', f'<?xml version="1.0"?>{head}')
    edit(product, "<SPACECRAFT_NAME>", "<SPACECRAFT_NAME>&secret;")


def laughs(product):
    bomb = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "ha"}">' for n in range(9))
    edit(product, '<?xml version="1.0" encoding="UTF-8"?>', f"<!DOCTYPE x [{bomb}]>")


def no_granule(product):
    shutil.rmtree(product / "GRANULE")


def other_zone(product):
    (path,) = product.glob("GRANULE/*/IMG_DATA/R10m/*_B04_10m.jp2")
    with rasterio.open(path) as file:
        values, place = file.read(), {"transform": file.transform, "crs": "EPSG:32632"}
    path.unlink()
    height, width = values.shape[1:]
    with rasterio.open(path, "w", "JP2OpenJPEG", width, height, 1, dtype="uint16", **place) as file:
        file.write(values)
    path.with_name(path.name + ".aux.xml").unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (other_zone, "_B04_10m.jp2: in EPSG:32632, but tile 31UDS lies in .* 31, EPSG:32631"),
        (missing_band, "band B11: 0 files"),
        (double_band, "band B11: 2 files"),
        (cut_band, "_B04_10m.jp2: (cut short|not a readable)"),
        (empty_band, "_B04_10m.jp2: the file is empty"),
        (text_band, "_B04_10m.jp2: not a readable JP2OpenJPEG"),
        (tif_band, "_B04_10m.jp2: not a readable JP2OpenJPEG"),
        (byte_band, "_B11_20m.jp2: 1 bands of uint8"),
        (no_metadata, "MTD_MSIL2A.xml: no such file"),
        (cut_metadata, "XML is malformed"),
        (no_baseline, "no PROCESSING_BASELINE"),
        (no_date, "is not a time"),
        (other_scale, "BOA_QUANTIFICATION_VALUE is 1000"),
        (entity, "declares a document type or entity"),
        (laughs, "declares a document type or entity"),
        (no_granule, "0 folders in GRANULE"),
    ],
)
def test_bad_products(safe, caplog, damage, words):
    product = find_products(safe)[1]
    damage(product)
    with pytest.raises(BadFile, match=words) as caught:
        read_safe(safe)
    assert product.name in str(caught.value)
    with caplog.at_level(logging.WARNING, "workbench"):
        assert read_safe(safe, on_error="skip").sizes["time"] == 2
    assert [r.getMessage().startswith("skipped 1 ") for r in caplog.records] == [True]
    assert product.name in caplog.text


def test_no_product(tmp_path):
    with pytest.raises(BadFile, match="not a SAFE folder"):
        read_safe(tmp_path)
    with pytest.raises(BadFile, match="not a SAFE folder"):
        read_safe(tmp_path / "nowhere")


def test_native_resolutions():
    assert [RESOLUTION[band] for band in BANDS] == [10, 10, 10, 20, 20, 20, 10, 20, 20, 20]
