"""Which products a run puts on one tile: those of a day, each acquisition once."""

from __future__ import annotations

import json
import logging
import re
import shutil

import numpy as np
import pytest
import rasterio

from tiling.sentinel1.production.running import process

MERGED = "s1a_32TPL_vv_DES_053_20230612txxxxxx.tif"


@pytest.fixture
def raw(simulated, tmp_path):
    """The two products of the first pass, to be renamed and copied."""
    for path in (simulated / "S1").glob("*_20230612T*"):
        shutil.copytree(path, tmp_path / "raw" / path.name)
    return tmp_path / "raw"


def tiles(folder):
    """Pixels and tags of the tiles that a run made, by their names."""
    found = {}
    for path in sorted((folder / "32TPL").glob("*.tif")):
        with rasterio.open(path) as file:
            found[path.name] = file.read(1), file.tags()
    return found


def run(configured, raw, folder, **changes):
    cfg = configured(
        raw_directory=raw, output_preprocess=folder, mask_cond=False, out_spatial_res=300.0,
        first_date="2023-06-11", **changes,
    )  # fmt: skip
    assert process(cfg, debug_otb=True).code == 0
    return tiles(folder)


def test_of_two_processings_the_newest_is_put_on_the_tile(configured, raw, tmp_path, caplog):
    """Cut a second later, it would be a third image of the pass."""
    before = run(configured, raw, tmp_path / "out")
    first = min(raw.glob("*.SAFE"))
    newer = raw / first.name.replace("T052013_", "T052014_").replace(first.stem[-4:], "0000")
    shutil.copytree(first, newer)
    manifest = newer / "manifest.safe"
    text, found = re.subn(r'(<safe:processing [^>]*stop=")2023', r"\g<1>2024", manifest.read_text())
    assert found
    manifest.write_text(text)
    with caplog.at_level(logging.WARNING):
        after = run(configured, raw, tmp_path / "again")
    assert list(after) == list(before) == [MERGED]
    assert newer.stem in after[MERGED][1]["INPUT_S1_IMAGES"]
    assert first.stem not in after[MERGED][1]["INPUT_S1_IMAGES"]
    np.testing.assert_array_equal(after[MERGED][0], before[MERGED][0])
    assert caplog.text.count(f"{first.stem} is left out: {newer.stem} is of the same") == 1
    told = json.loads((tmp_path / "again" / "summary.json").read_text())
    assert told["values"]["replaced"] == {first.stem: newer.stem}
    assert told["counts"]["products"] == 2


def test_a_pass_over_midnight_makes_a_tile_of_each_day(configured, raw, tmp_path):
    """As with S1Tiling; neither is written over the other, and together they are the pass."""
    together = run(configured, raw, tmp_path / "out")[MERGED][0]
    first = min(raw.glob("*.SAFE"))
    manifest = first / "manifest.safe"
    text = re.sub(r"(<safe:startTime>)[^<]*", r"\g<1>2023-06-11T23:59:58.5", manifest.read_text())
    manifest.write_text(text)
    first.rename(raw / first.name.replace("20230612T052013_", "20230611T235958_"))
    found = run(configured, raw, tmp_path / "midnight")
    names = [f"s1a_32TPL_vv_DES_053_{at}.tif" for at in ("20230611t235958", "20230612t052015")]
    assert list(found) == names
    before, after = (found[name][0] for name in names)
    np.testing.assert_array_equal(np.where(before == 0, after, before), together)
    assert (before > 0).any()
    assert (after > 0).any()
