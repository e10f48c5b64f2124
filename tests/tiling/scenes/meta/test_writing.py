from __future__ import annotations

import pytest

from tiling.scenes import checked_meta, starter
from workbench.errors import OutputExists


def test_the_file_to_begin_with_is_good(tmp_path):
    path = starter(tmp_path)
    assert path == tmp_path / "meta.yaml"
    meta, problems = checked_meta(tmp_path)
    assert problems == []
    assert meta.sampling.triplets.counts == {"train": 100, "study": 20}


def test_an_existing_file_is_kept(tmp_path):
    path = starter(tmp_path / "new" / "mine.yaml")
    path.write_text("mine")
    with pytest.raises(OutputExists):
        starter(path)
    assert path.read_text() == "mine"
    starter(path, overwrite=True)
    assert path.read_text().startswith("# A dataset")


def test_what_stands_behind_a_remark_is_good_too(tmp_path):
    """Each line that begins with ``# key:`` may be switched on."""
    path = starter(tmp_path)
    text = path.read_text()
    for old, new in [
        ("# sector: F", "sector: F"),
        ("# storage:", "storage:"),
        ("# hour: [14", "hour: [14"),
        ("# method:", "method:"),
        ("# scene_collections_splitting:", "scene_collections_splitting:"),
        ("# seed: 0", "seed: 0"),
        ("# rect-slidingwindow:", "rect-slidingwindow:"),
        ("# aux_products:", "aux_products:"),
        ("#   cloud_top_height:", "  cloud_top_height:"),
        ("# db_type:", "db_type:"),
    ]:
        assert text.count(old) == 1
        text = text.replace(old, new)
    path.write_text(text)
    meta, problems = checked_meta(path)
    assert problems == []
    assert meta.aux_products["cloud_top_height"].seconds == 600
