"""Real products: what is read of them, and what is said of broken ones."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from tiling.sentinel1.errors import CorruptedDataSAFEError
from tiling.sentinel1.products.annotations import read_annotation
from tiling.sentinel1.products.manifests import read_manifest
from tiling.sentinel1.products.names import parse_name, relative_orbit
from tiling.sentinel1.products.radiometrictables import read_calibration, read_noise
from tiling.sentinel1.products.safefolders import Image, open_image, processor_version


def test_a_manifest(full_product):
    found = read_manifest(full_product)
    assert (found.platform, found.orbit, found.relative_orbit) == ("S1B", 30148, 22)
    assert (found.direction, found.polarisations, found.processor) == (
        "DES",
        ("vv", "vh"),
        "003.40",
    )
    assert found.start == np.datetime64("2021-12-23T05:11:22.594441")
    assert found.footprint.bounds == (11.865704, 40.876698, 15.321935, 42.780445)
    assert {role for role, _ in found.files} == {
        "annotation", "calibration", "noise", "measurement",
    }  # fmt: skip


def test_names_and_manifests_agree(full_product, relief_product, older_products):
    for folder in (full_product, relief_product, *older_products.values()):
        name, manifest = parse_name(folder.name), read_manifest(folder)
        assert name is not None
        assert name.relative_orbit == manifest.relative_orbit
        assert name.polarisations == manifest.polarisations
        assert abs(name.start - manifest.start) < np.timedelta64(1, "s")
        assert (name.platform, name.orbit) == (manifest.platform, manifest.orbit)


@pytest.mark.parametrize(
    "name",
    ["", "S1A", "S2A_MSIL1C_20210403T101021_N0300_R022_T33TUM_20210403T110551.SAFE",
     "S1B_IW_GRDH_1SDV_20211323T051122_20211223T051147_030148_039993_5371.SAFE"],
)  # fmt: skip
def test_what_is_no_name_of_a_product(name):
    assert parse_name(name) is None


def test_orbits_of_a_platform_that_is_not_known():
    assert relative_orbit("S1D", 100) is None


def test_an_annotation(full_product):
    image = Image(full_product, "vv")
    found = image.annotation
    assert found.shape == (16705, 26102)
    assert (found.polarisation, found.direction, found.vectors.source) == ("vv", "DES", "Auxiliary")
    assert (len(found.vectors.times), len(found.ranges.times), len(found.grid.lines)) == (
        16,
        28,
        210,
    )
    np.testing.assert_allclose(np.linalg.norm(found.vectors.positions, axis=1), 7.07e6, rtol=2e-3)
    last = (found.last_line - found.first_line) / np.timedelta64(1, "s")
    np.testing.assert_allclose(last, (found.shape[0] - 1) * found.line_interval, atol=1e-5)
    assert found.grid.slant_times[0] == found.near_range
    assert image.processor == (3, 40)


def test_tables(full_product, older_products):
    image = Image(full_product, "vv")
    rows = image.calibration("betaNought")
    assert [row.line for row in rows[:4]] == [0, 668, 1336, 2005]
    assert rows[-1].line == 17373  # beyond the last line
    assert all((row.values == 473.9733).all() for row in rows)
    assert len(image.noise.rows) == 27
    assert image.noise.blocks[0].samples == (0, 8889)
    old = Image(older_products["6D00"], "vh")
    assert old.noise.blocks == ()
    assert len(old.noise.rows) == 27
    assert old.processor == (2, 70)  # there is no measurement, the manifest says it


@pytest.fixture
def broken(full_product, tmp_path):
    """`broken(kind, old, new)`: the full product with a file in which a text is another."""

    def copy(kind: str, old: str, new: str) -> Image:
        folder = tmp_path / full_product.name
        shutil.copytree(full_product, folder, copy_function=shutil.copyfile)
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755)
        image = Image(folder, "vv")
        path = folder / "manifest.safe" if kind == "manifest" else image.path(kind)
        text = path.read_text()
        assert old in text
        Path(path).write_text(text.replace(old, new, 1))
        return Image(folder, "vv")

    return copy


ENTITY = '<!DOCTYPE a [<!ENTITY b "c">]><product>'
TIME = "<time>2021-12-23T05:10:21.029300"
STEP, LENGTH = "<azimuthTimeInterval>", "srgrCoefficients count"


@pytest.mark.parametrize(
    ("kind", "old", "new", "match"),
    [
        ("annotation", "<product>", "<product", "malformed"),
        ("annotation", "<product>", ENTITY, "malformed|document type"),
        ("annotation", f"{STEP}1", f"{STEP}-1", "Interval is -0.00"),
        ("annotation", "<numberOfLines>16705", "<numberOfLines>many", "numberOfLines is 'many'"),
        ("annotation", "<numberOfLines>16705", "<numberOfLines>9999999", "9,999,999"),
        ("annotation", "<x>4.657064978530000e+06", "<x>nan", "not a finite number"),
        ("annotation", "Earth Fixed", "Earth", "the orbit is in"),
        ("annotation", "Ground Range", "Slant Range", "not in ground range"),
        ("annotation", TIME, TIME.replace("23T", "24T"), "ascend"),
        ("annotation", f'{LENGTH}="9"', f'{LENGTH}="8"', "where count says 8"),
        ("annotation", "<productFirstLineUtcTime>2021", "<productFirstLineUtcTime>x", "Time is 'x"),
        ("calibration", 'pixel count="654">0 40', 'pixel count="654">40 0', "do not ascend"),
        ("calibration", "<betaNought", "<betaNothing", "malformed|no element betaNought"),
        ("calibration", "4.739733e+02", "-4.739733e+02", "not positive"),
        ("noise", "<line>668", "<line>0", "line 0 comes after 0"),
        ("manifest", "DESCENDING", "SIDEWAYS", "pass is 'SIDEWAYS'"),
        ("manifest", "40.876698,14.925448", "40.876698", "coordinates"),
        ("manifest", 'href="./measurement/', 'href="../measurement/', "a file of it is"),
    ],
)  # fmt: skip
def test_a_broken_file_is_named_with_what_is_wrong(broken, kind, old, new, match):
    image = broken(kind, old, new)
    with pytest.raises(CorruptedDataSAFEError, match=match) as found:
        _ = image.annotation, image.calibration("betaNought"), image.noise, image.measurement
    assert str(image.folder) in str(found.value)
    back = pickle.loads(pickle.dumps(found.value))
    assert (str(back), back.details) == (str(found.value), found.value.details)


def test_what_is_missing(full_product, tmp_path):
    with pytest.raises(CorruptedDataSAFEError, match="no such file"):
        open_image(tmp_path / "none.SAFE", "vv")
    with pytest.raises(CorruptedDataSAFEError, match="no such file"):
        open_image(full_product, "vh")
    with pytest.raises(CorruptedDataSAFEError, match="lists no annotation of hh"):
        open_image(full_product, "hh")


def test_a_measurement_of_another_size(broken):
    image = broken("annotation", "<numberOfLines>16705", "<numberOfLines>16704")
    with pytest.raises(CorruptedDataSAFEError, match=r"16705, .*not \(16704, .*as annotated"):
        _ = image.measurement


def test_a_measurement_that_is_cut_off(broken):
    image = broken("manifest", "DESCENDING", "DESCENDING")
    path = image.path("measurement")
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(CorruptedDataSAFEError):
        _ = image.measurement


@pytest.mark.parametrize(
    ("text", "version"), [("003.40", (3, 40)), ("2.9", (2, 9)), ("", ()), ("dev", ())]
)
def test_versions(text, version):
    assert processor_version(text) == version


def test_readers_take_paths_as_texts(full_product):
    image = Image(full_product, "vv")
    assert read_annotation(str(image.path("annotation"))).shape == image.annotation.shape
    assert len(read_calibration(str(image.path("calibration")), "gamma")) == 27
    assert len(read_noise(str(image.path("noise"))).blocks) == 3
