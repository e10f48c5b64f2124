"""Names and tags of the files of a tile, against those that S1Tiling documents."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tiling.sentinel1.errors import ConfigurationError
from tiling.sentinel1.outputs.acquisitions import Acquisition, acquisition
from tiling.sentinel1.outputs.names import Names
from tiling.sentinel1.outputs.tags import filtered_tags, incidence_tags, mask_tags, tile_tags
from tiling.sentinel1.products.manifests import read_manifest
from workbench.errors import BadInput

STARTS = (np.datetime64("2020-01-08T04:41:50"), np.datetime64("2020-01-08T04:42:15"))
PRODUCTS = (
    "S1A_IW_GRDH_1SDV_20200108T044150_20200108T044215_030704_038506_C7F5",
    "S1A_IW_GRDH_1SDV_20200108T044215_20200108T044240_030704_038506_D953",
)
PAIR = Acquisition("S1A", "vh", "DES", 30704, 7, PRODUCTS, STARTS)
ONE = PAIR.alone(0)

NAMED = Names(Path("OUT"), Path("TMP"), Path("LIA"), Path("IA"), Path("AREA"), filter="lee")
NORMLIM = replace(NAMED, calibration="normlim")
RTC = replace(NAMED, calibration="gamma_naught_rtc")
MEASURED = "s1a-iw-grd-vh-20200108t044150-20200108t044215-030704-038506-002.tiff"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (NAMED.tile("33NWB", PAIR), "OUT/33NWB/s1a_33NWB_vh_DES_007_20200108txxxxxx.tif"),
        (NAMED.tile("33NWB", ONE), "OUT/33NWB/s1a_33NWB_vh_DES_007_20200108t044150.tif"),
        (NORMLIM.tile("33NWB", PAIR), "OUT/33NWB/s1a_33NWB_vh_DES_007_20200108txxxxxx_NormLim.tif"),
        (
            RTC.tile("33NWB", ONE),
            "OUT/33NWB/s1a_33NWB_vh_DES_007_20200108t044150_GammaNaughtRTC.tif",
        ),
        (
            NAMED.mask("33NWB", PAIR),
            "OUT/33NWB/s1a_33NWB_vh_DES_007_20200108txxxxxx_BorderMask.tif",
        ),
        (
            NAMED.filtered("33NWB", PAIR),
            "OUT/filtered/33NWB/s1a_33NWB_vh_DES_007_20200108txxxxxx_filtered.tif",
        ),
        (
            NORMLIM.filtered("33NWB", PAIR),
            "OUT/filtered/33NWB/s1a_33NWB_vh_DES_007_20200108txxxxxx_NormLim_filtered.tif",
        ),
        (
            NAMED.single("33NWB", ONE),
            "TMP/S2/33NWB/s1a_33NWB_vh_DES_007_20200108t044150_sigma.tif",
        ),
        (
            NORMLIM.single("33NWB", ONE, "beta"),
            "TMP/S2/33NWB/s1a_33NWB_vh_DES_007_20200108t044150_beta.tif",
        ),
        (NAMED.incidence("33NWB", PAIR), "LIA/sin_LIA_s1a_33NWB_DES_007.tif"),
        (NAMED.incidence("33NWB", PAIR, "LIA"), "LIA/LIA_s1a_33NWB_DES_007.tif"),
        (NAMED.incidence("33NWB", PAIR, "cos_IA"), "IA/cos_IA_33NWB_007.tif"),
        (NAMED.incidence("33NWB", PAIR, "IA"), "IA/IA_33NWB_007.tif"),
        (NAMED.area("33NWB", PAIR), "AREA/GAMMA_AREA_33NWB_007.tif"),
        (
            replace(NAMED, names={"gamma_area": "area_{orbit}.tif"}).area("33NWB", PAIR),
            "AREA/area_007.tif",
        ),
        (
            NAMED.quicklook("33NWB", PAIR),
            "OUT/_QL/s1a_33NWB_vh_DES_007_20200108txxxxxx_quicklook.png",
        ),
        (
            replace(NAMED, folders={"quicklook": "{eof_dir}"}).quicklook("33NWB", ONE),
            "_EOF/s1a_33NWB_vh_DES_007_20200108t044150_quicklook.png",
        ),
        (
            NAMED.hidden("33NWB", ONE),
            "OUT/33NWB/s1a_33NWB_vh_DES_007_20200108t044150_LayoverShadowMask.tif",
        ),
        (
            NAMED.image(f"raw/{MEASURED}", "sigma"),
            f"TMP/S1/{MEASURED.removesuffix('.tiff')}_sigma_OrthoReady.tiff",
        ),
    ],
)
def test_usual_names(found, expected):
    assert found == Path(expected)


def test_formats_of_the_configuration():
    """The name that the guide of S1Tiling gives as an example."""
    names = replace(
        NAMED,
        names={
            "concatenation": "{flying_unit_code!u}_L1ORT_{tile_name}_{polarisation!u}_"
            "{calibration_type!u:.3}_{orbit_direction}_{orbit}_{acquisition_start}.tif",
            "filtered": "deep/{filter_method!c}_{flying_unit_code_short!l}_{acquisition_day}.tif",
            "cut_borders": "{polarless_rootname}.tiff",
        },
        folders={"tiled": "{out_dir}/{tile_name!l}/tiles", "mask": "{tmp_dir}/masks"},
    )
    assert names.tile("31TCH", PAIR) == Path(
        "OUT/31tch/tiles/S1A_L1ORT_31TCH_VH_SIG_DES_007_20200108t044150.tif"
    )
    assert names.mask("31TCH", PAIR) == Path(
        "TMP/masks/S1A_L1ORT_31TCH_VH_SIG_DES_007_20200108t044150_BorderMask.tif"
    )
    assert names.filtered("31TCH", PAIR) == Path(
        "OUT/filtered/31TCH/deep/Lee_1a_20200108txxxxxx.tif"
    )
    assert names.image(MEASURED, "beta").name == MEASURED.replace("-vh-", "-")


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{tile}.tif", "no field 'tile'.*tile_name"),
        ("{tile_name", "expected '}'"),
        ("{tile_name.__class__}.tif", "no field"),
        ("{tile_name[0]}.tif", "no field"),
        ("{}.tif", "no field"),
        ("{tile_name:d}.tif", "format code"),
        ("../{tile_name}.tif", "leads out"),
        ("/{tile_name}.tif", "leads out"),
        ("", "no name"),
        ("{tile_name}/", "no name"),
        ("{tile_name}" + 300 * "x", "too long"),
        ("{tile_name!x}.tif", "conversion"),
    ],
)
def test_formats_that_are_none(template, words):
    names = replace(NAMED, names={"concatenation": template})
    with pytest.raises(ConfigurationError, match=words) as caught:
        names.tile("33NWB", PAIR)
    assert "Processing.fname_fmt.concatenation" in str(caught.value)


def test_a_folder_format_that_is_none():
    with pytest.raises(ConfigurationError, match=r"dname_fmt\.tiled.*no field 'tile'"):
        replace(NAMED, folders={"tiled": "{tile}"}).tile("33NWB", PAIR)
    with pytest.raises(ConfigurationError, match=r"dname_fmt\.tiled is empty"):
        replace(NAMED, folders={"tiled": ""}).tile("33NWB", PAIR)


def test_names_of_a_configuration():
    cfg = SimpleNamespace(
        output_preprocess="/data/out", tmpdir="/data/tmp", calibration_type="sigma",
        fname_fmt={}, lia_directory=None,
    )  # fmt: skip
    assert Names.of(cfg).tile("33NWB", PAIR) == Path(
        "/data/out/33NWB/s1a_33NWB_vh_DES_007_20200108txxxxxx.tif"
    )
    assert Names.of(cfg).lia == Path("/data/out/_LIA")
    assert Names.of(cfg).gamma_area == Path("/data/out/_GAMMA_AREA")
    cfg.lia_directory = "/data/lia"
    assert Names.of(cfg).incidence("33NWB", PAIR).parent == Path("/data/lia")


def test_what_makes_a_tile_needless(tmp_path):
    names = replace(NAMED, output=tmp_path)
    assert names.standing("33NWB", ONE) is None
    merged = names.tile("33NWB", PAIR)
    merged.parent.mkdir(parents=True)
    merged.touch()
    assert names.standing("33NWB", ONE) == merged
    assert names.standing("33NWB", PAIR) == merged
    merged.unlink()
    names.tile("33NWB", ONE).touch()
    assert names.standing("33NWB", ONE) == names.tile("33NWB", ONE)
    assert names.standing("33NWB", PAIR) is None


def test_acquisitions_of_real_products(older_products, full_product):
    both = [read_manifest(older_products[end]) for end in ("3768", "CEAB")]
    found = acquisition(both, "VH")
    assert [name[-4:] for name in found.products] == ["CEAB", "3768"]
    assert (found.stamp, found.first) == ("20150222txxxxxx", "20150222t170725")
    assert found.alone(1).stamp == "20150222t170750"
    assert (found.orbit, found.relative_orbit, found.direction) == (4739, 117, "ASC")
    with pytest.raises(BadInput, match="one platform"):
        acquisition([*both, read_manifest(full_product)], "vv")
    with pytest.raises(BadInput, match="no product"):
        acquisition([], "vv")
    with pytest.raises(BadInput, match="has no hh"):
        acquisition(both, "hh")


def test_single_names_are_of_one_image():
    with pytest.raises(ValueError, match="2 images"):
        NAMED.single("33NWB", PAIR)


def test_tags_of_a_tile():
    """Those that S1Tiling's own end-to-end test expects, with the specification's two changes."""
    tags = tile_tags(
        PAIR, "33NWB", calibration="sigma", resolution=10, noise_removed=False, lower=1e-7,
        interpolation="nn", dem_info="SRTM_30_hgt", created=datetime(2020, 2, 1, tzinfo=UTC),
    )  # fmt: skip
    software, version = tags.pop("TIFFTAG_SOFTWARE"), tags.pop("ENGINE_VERSION")
    assert software == f"eo-workbench {version}"
    assert tags == {
        "ACQUISITION_DATETIME": "2020:01:08T04:41:50Z",
        "ACQUISITION_DATETIME_1": "2020:01:08T04:41:50Z",
        "ACQUISITION_DATETIME_2": "2020:01:08T04:42:15Z",
        "CALIBRATION": "sigma",
        "DEM_INFO": "SRTM_30_hgt",
        "FLYING_UNIT_CODE": "s1a",
        "IMAGE_TYPE": "GRD",
        "INPUT_S1_IMAGES": ", ".join(PRODUCTS),
        "NOISE_REMOVED": "False",
        "ORBIT_DIRECTION": "DES",
        "ORBIT_NUMBER": "030704",
        "ORTHORECTIFICATION_INTERPOLATOR": "nn",
        "ORTHORECTIFIED": "true",
        "POLARIZATION": "vh",
        "RELATIVE_ORBIT_NUMBER": "007",
        "S2_TILE_CORRESPONDING_CODE": "33NWB",
        "SPATIAL_RESOLUTION": "10.0",
        "TIFFTAG_DATETIME": "2020:02:01 00:00:00",
        "TIFFTAG_IMAGEDESCRIPTION": "sigma calibrated orthorectified Sentinel-1A IW GRD",
    }


def test_tags_of_what_is_made_of_a_tile():
    tags = tile_tags(
        ONE, "33NWB", calibration="normlim", resolution=20, noise_removed=True, lower=1e-7,
        dems=["N01E014", "N01E015"], lia_file="sin_LIA.tif", srgr="linear", orbit_source="POEORB",
        further={"CONTACT": "me", "IMAGE_TYPE": "", "CALIBRATION": "normlim of ours"},
    )  # fmt: skip
    assert "ACQUISITION_DATETIME_1" not in tags
    assert (tags["LOWER_SIGNAL_VALUE"], tags["NOISE_REMOVED"]) == ("1e-07", "True")
    assert (tags["DEM_LIST"], tags["LIA_FILE"]) == ("N01E014, N01E015", "sin_LIA.tif")
    assert (tags["SRGR_MODE"], tags["ORBIT_SOURCE"]) == ("linear", "POEORB")
    assert (tags["CONTACT"], tags["CALIBRATION"]) == ("me", "normlim of ours")
    assert "IMAGE_TYPE" not in tags  # an empty value takes a key away
    mask = mask_tags(tags)
    assert mask["TIFFTAG_IMAGEDESCRIPTION"] == (
        "Orthorectified Sentinel-1A IW GRD smoothed border mask S2 tile"
    )
    lee, frost = filtered_tags(tags, "lee", 2, looks=1), filtered_tags(tags, "frost", 3, deramp=0.1)
    assert set(lee) - set(tags) == {
        "FILTERED", "FILTERING_METHOD", "FILTERING_WINDOW_RADIUS", "FILTERING_NBLOOKS",
    }  # fmt: skip
    assert (lee["FILTERING_NBLOOKS"], frost["FILTERING_DERAMP"]) == ("1.0", "0.1")
    assert "FILTERING_NBLOOKS" not in frost


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("LIA", "100 * degree(LIA)"),
        ("sin_LIA", "SIN(LIA)"),
        ("IA", "100 * degree(IA)"),
        ("cos_IA", "COS(IA)"),
        ("GAMMA_AREA", "GAMMA_AREA"),
    ],
)
def test_tags_of_maps_of_the_terrain(kind, data):
    tags = incidence_tags(PAIR, "33NWB", kind, resolution=10, dems=["N01E014"])
    assert tags["DATA_TYPE"] == data
    assert "POLARIZATION" not in tags
    assert tags["DEM_LIST"] == "N01E014"
