"""Geoids of three formats against GDAL, plain interpolation and published values."""

import struct

import numpy as np
import pytest
import rasterio
from affine import Affine

from tiling.sentinel1.errors import MissingGeoidError, WrongHeightsError
from tiling.sentinel1.heights.geoids import geoid_differences, open_geoid

# Latitude, longitude and height of the test points that NGA gives with EGM96; its own
# interpolation is a spline, ours bilinear.
PUBLISHED = [
    (38.6281550, 269.7791550, -31.628),
    (-14.6212170, 305.0211140, -2.969),
    (46.8743190, 102.4487290, -43.575),
    (-23.6174460, 133.8747120, 15.871),
    (38.6254730, 359.9995000, 50.066),
    (-0.4667440, 0.0023000, 17.329),
]


def around(x, y, by=0.3):
    return x - by, y - by, x + by, y + by


def test_egm96_has_its_published_heights(egm96):
    geoid = open_geoid(egm96)
    assert geoid.reference == "EGM96"
    for latitude, longitude, height in PUBLISHED:
        for x in (longitude, longitude - 360):
            found = geoid.part(around(x, latitude)).at([[x]], [[latitude]])[0, 0]
            assert found == pytest.approx(height, abs=0.25), (latitude, longitude)
    node = geoid.part(around(-77, 40)).at([[-77.0]], [[40.0]])
    assert node[0, 0] == pytest.approx(-34.5047569274902, abs=1e-5)  # of gdallocationinfo


def test_parts_equal_gdal_and_plain_interpolation(egm96):
    with rasterio.open(egm96) as file:
        all_of_it = file.read(1).astype(float)
    rng = np.random.default_rng(1)
    x, y = rng.uniform(10, 12, (5, 40)), rng.uniform(-31, -29, (5, 40))
    row, col = (90 - y) / 0.25, (x + 180) / 0.25
    i, j = row.astype(int), col.astype(int)
    a, b = row - i, col - j
    v = all_of_it
    plain = (
        (1 - a) * (1 - b) * v[i, j] + (1 - a) * b * v[i, j + 1]
        + a * (1 - b) * v[i + 1, j] + a * b * v[i + 1, j + 1]
    )  # fmt: skip
    found = open_geoid(egm96).part((9.9, -31.1, 12.1, -28.9)).at(x, y)
    np.testing.assert_allclose(found, plain, atol=1e-9)


def test_a_part_across_the_antimeridian_has_no_step(egm96):
    geoid = open_geoid(egm96)
    part = geoid.part((178.0, -18.0, 182.0, -16.0))
    x = np.linspace(178.5, 181.5, 601)[None]
    y = np.full_like(x, -17.1)
    over = part.at(x, y)[0]
    assert np.abs(np.diff(over)).max() < 0.05
    west = geoid.part((-180.5, -18.0, -178.0, -16.0)).at([[-179.0]], [[-17.1]])[0, 0]
    assert over[500] == pytest.approx(west, abs=1e-9)


def as_grd(path, values):
    """Write values from the south and from 180 west as GEOTRANS: from the north and Greenwich."""
    turned = np.roll(values[::-1], -(values.shape[1] // 2), axis=1)
    closed = np.concatenate([turned, turned[:, :1]], axis=1)
    step = 360 / values.shape[1]
    head = struct.pack(">6f", -90, 90, 0, 360, step, step)
    path.write_bytes(head + closed.astype(">f4").tobytes())
    return path


def as_tif(path, values, *, tags=None, crs="EPSG:4979"):
    step = 360 / values.shape[1]
    with rasterio.open(
        path, "w", driver="GTiff", width=values.shape[1], height=values.shape[0], count=1,
        dtype="float32", crs=crs,
        transform=Affine(step, 0, -180 - step / 2, 0, -step, 90 + step / 2),
    ) as file:  # fmt: skip
        file.write(values[::-1].astype("float32"), 1)
        file.update_tags(**(tags or {}))
    return path


def test_three_formats_give_the_same_heights(egm96, tmp_path):
    values = np.fromfile(egm96, ">f4", offset=40).reshape(721, 1440)
    files = [
        egm96,
        as_grd(tmp_path / "egm96.grd", values),
        as_tif(tmp_path / "us_nga_egm96_15.tif", values),
    ]
    rng = np.random.default_rng(2)
    for west in (-180.2, -0.7, 12.3, 179.5):
        x, y = rng.uniform(west, west + 1, (3, 50)), rng.uniform(40, 41, (3, 50))
        found = [open_geoid(file).part((west, 40, west + 1, 41)).at(x, y) for file in files]
        np.testing.assert_allclose(found[1], found[0], atol=1e-6)
        np.testing.assert_allclose(found[2], found[0], atol=1e-6)


def test_the_reference_comes_from_tag_name_or_user(tmp_path, models):
    flat = np.full((19, 36), 3.0)
    tagged = as_tif(tmp_path / "mine.tif", flat, tags={"target_crs_epsg_code": "3855"})
    assert open_geoid(tagged).reference == "EGM2008"
    assert open_geoid(tagged, "egm96").reference == "EGM96"
    for name, reference in [
        ("us_nga_egm08_25.gtx", "EGM2008"), ("egm2008-1.gtx", "EGM2008"), ("egm96_15.gtx", "EGM96"),
        ("EGM84.gtx", "EGM84"), ("geoid.gtx", ""),
    ]:  # fmt: skip
        assert open_geoid(models.gtx(tmp_path / name, lambda x, y: 0 * x)).reference == reference
    assert open_geoid(tmp_path / "geoid.gtx", "EGM2008").reference == "EGM2008"
    with pytest.raises(WrongHeightsError, match="geoid_reference='NAVD'"):
        open_geoid(tmp_path / "geoid.gtx", "NAVD")


def test_a_regional_geoid_is_used_where_it_reaches(tmp_path, models):
    path = models.gtx(
        tmp_path / "part.gtx", lambda x, y: x + y, step=0.5, south=40, west=10, shape=(11, 9)
    )
    geoid = open_geoid(path, "EGM2008")
    assert geoid.around == 0
    found = geoid.part((11.1, 41.1, 12.9, 43.9)).at([[12.2]], [[43.3]])
    assert found[0, 0] == pytest.approx(55.5)
    for bounds in [(9.5, 41, 11, 42), (13, 41, 14.6, 42), (11, 39.5, 12, 41), (11, 44, 12, 45.2)]:
        with pytest.raises(WrongHeightsError, match="does not cover"):
            geoid.part(bounds)


def test_differences_of_two_geoids(tmp_path, models):
    one = open_geoid(models.gtx(tmp_path / "egm96.gtx", lambda x, y: 10 + 0 * x))
    other = open_geoid(models.gtx(tmp_path / "egm2008.gtx", lambda x, y: 10 + 0.1 * (x - 5)))
    rms, most = geoid_differences(one, other, (5.0, 40.0, 7.0, 41.0))
    assert most == pytest.approx(0.2)
    assert rms == pytest.approx(0.2 / np.sqrt(3), rel=0.02)


def cut(path):
    path.write_bytes(path.read_bytes()[:-4])


def shorten(path):
    path.write_bytes(path.read_bytes()[:30])


def empty(path):
    path.write_bytes(b"")


def swap(path):  # written by a machine of the other byte order
    path.write_bytes(np.frombuffer(path.read_bytes()[:32], ">f8").astype("<f8").tobytes())


@pytest.mark.parametrize("suffix", ["gtx", "grd", "tif"])
@pytest.mark.parametrize("damage", [cut, shorten, empty, swap])
def test_damaged_geoids_are_refused(damage, suffix, tmp_path, models):
    values = np.full((181, 360), 5.0)
    path = tmp_path / f"egm96.{suffix}"
    if suffix == "gtx":
        models.gtx(path, lambda x, y: 5 + 0 * x)
    else:
        (as_grd if suffix == "grd" else as_tif)(path, values)
    open_geoid(path).part((1, 1, 2, 2))
    damage(path)
    with pytest.raises(WrongHeightsError, match=str(path)):
        open_geoid(path)


def test_what_is_no_geoid_is_refused(tmp_path, models):
    with pytest.raises(MissingGeoidError) as caught:
        open_geoid(tmp_path / "egm96.gtx")
    assert caught.value.geoid_file == tmp_path / "egm96.gtx"
    (tmp_path / "egm96.txt").write_text("5")
    with pytest.raises(WrongHeightsError, match=r"gtx, \.grd or \.tif"):
        open_geoid(tmp_path / "egm96.txt")
    with pytest.raises(WrongHeightsError, match="in degrees"):
        open_geoid(as_tif(tmp_path / "utm.tif", np.zeros((5, 5)), crs="EPSG:32633"))
    high = models.gtx(tmp_path / "high_egm96.gtx", lambda x, y: 5000 + 0 * x)
    with pytest.raises(WrongHeightsError, match="such as no geoid has"):
        open_geoid(high).part((1, 1, 2, 2))
    void = models.gtx(tmp_path / "void_egm96.gtx", lambda x, y: np.where(x > 20, np.nan, 1.0))
    assert open_geoid(void).part((1, 1, 2, 2)).values.max() == 1
    with pytest.raises(WrongHeightsError, match="no heights"):
        open_geoid(void).part((20, 1, 22, 2))
