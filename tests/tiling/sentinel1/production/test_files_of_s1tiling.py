"""Configuration files of S1Tiling, of which only places and days are changed, make their tiles."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
import rasterio

from tiling.sentinel1 import s1_process

_SPEC = importlib.util.spec_from_file_location(
    "test_releases", Path(__file__).parents[1] / "configuration" / "test_releases.py"
)
releases = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(releases)

CASES = {
    "OLDEST": ["Europe/32TPL/s1a_32TPL_vv_DES_053_20230612txxxxxx.tif"],
    "MIDDLE": [
        "lia/LIA_s1a_32TPL_053.tif", "lia/sin_LIA_s1a_32TPL_053.tif",
        "out/32TPL/s1a_32TPL_vv_DES_053_20230612txxxxxx_NormLim.tif",
        "out/32TPL/s1a_32TPL_vv_DES_053_20230612txxxxxx_NormLim_BorderMask.tif",
        "out/filtered/32TPL/s1a_32TPL_vv_DES_053_20230612txxxxxx_NormLim_filtered.tif",
    ],
    "NEWEST": [
        "area/GAMMA_AREA_32TPL_053.tif",
        "out/32TPL/32TPL_vv_20230612txxxxxx_RTC.tif",
        "out/32TPL/32TPL_vv_20230612txxxxxx_RTC_BorderMask.tif",
        "out/filtered/32TPL/32TPL_VV_20230612t052013_053.tif",
    ],
}  # fmt: skip


@pytest.mark.parametrize(("name", "files"), CASES.items())
def test_a_file_of_a_release(simulated, tmp_path, caplog, name, files):
    text = getattr(releases, name).format(folder=tmp_path)
    for option, value in {
        "s1_?images": simulated / "S1", "srtm|dem_dir": simulated / "DEM",
        "dem_database": simulated / "DEM" / "dem.gpkg", "dem_format": "{id}.tif",
        "geoid_?file": next((simulated / "Geoid").glob("*.gtx")), "download": False,
        "platform_list": "S1A", "relative_orbit_list": 53, "tile_to_product_overlap_ratio": 0,
        "roi_by_tiles|tiles": "32TPL", "first_date": "2023-06-12", "last_date": "2023-06-12",
        "output_?spatial_?resolution": 1800,
    }.items():  # fmt: skip
        text = re.sub(rf"(?mi)^({option}) *[:=].*$", rf"\1 : {value}", text)
    if name == "OLDEST":
        text = text.replace("[DataSource]", "dem_database : {}\ndem_format : {{id}}.tif\n"
                            "[DataSource]".format(simulated / "DEM" / "dem.gpkg"), 1)  # fmt: skip
    path = tmp_path / "S1Processor.cfg"
    path.write_text(text)
    assert s1_process(path, debug_otb=True).code == 0
    made = [file.relative_to(tmp_path).as_posix() for file in sorted(tmp_path.rglob("*.tif"))]
    assert made == files
    for each in made:
        with rasterio.open(tmp_path / each) as file:
            assert file.read(1).any()
    assert "has no effect: " in caplog.text
