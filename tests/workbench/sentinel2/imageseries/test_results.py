"""Names that are promised are those that are found again; what is removed is one's own."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.errors import BadInput
from workbench.manifests import Manifest
from workbench.sentinel2.imageseries.kinds import SeriesKind, checked_formats
from workbench.sentinel2.imageseries.results import clear_other, of_paths, promised

KIND = SeriesKind("sea", "the sea", "how deep it is", {"depth": "metres"})
TIMES = np.array(["2023-04-01", "2023-04-02T10:30:00"], "datetime64[ns]")


@pytest.mark.parametrize("formats", [{"cog"}, {"zarr"}, {"cog", "zarr", "netcdf"}])
def test_a_result_is_known_by_its_paths(tmp_path, formats):
    result = promised(KIND, tmp_path, TIMES, formats, ["ndvi", "gcc"])
    assert of_paths(tmp_path, result.paths) == result
    if "cog" in formats:
        assert [path.name for path in result.images] == [
            "sea_20230401.tif", "sea_20230402T103000.tif"
        ]  # fmt: skip
        assert result.indices["gcc"][0] == tmp_path / "indices" / "gcc_20230401.tif"


def test_only_what_is_its_own_is_removed(tmp_path):
    result = promised(KIND, tmp_path, TIMES, {"cog", "zarr", "netcdf"}, ["ndvi"])
    others = [tmp_path / name for name in ("notes.txt", "images/lake_20230401.tif", "lake.nc")]
    for path in (*result.paths, *others):
        path.parent.mkdir(exist_ok=True)
        path.touch() if path.suffix != ".zarr" else path.mkdir()
    manifest = Manifest((), {"wind": 3}, "1")
    manifest.save(tmp_path / "manifest.json")
    clear_other(KIND, tmp_path, manifest, ["ndvi"])
    assert all(path.exists() for path in result.paths)
    clear_other(KIND, tmp_path, Manifest((), {"wind": 4}, "1"), ["ndvi"])
    assert not any(path.exists() for path in (*result.paths, tmp_path / "manifest.json"))
    assert all(path.exists() for path in others)


@pytest.mark.parametrize(
    ("name", "layers", "words"),
    [
        ("a/b", {"depth": ""}, "'a/b' cannot name files"),
        ("", {"depth": ""}, "'' cannot name files"),
        ("sea", {}, "sea: images without layers"),
    ],
)
def test_what_is_no_kind_is_refused(name, layers, words):
    with pytest.raises(BadInput, match=words):
        SeriesKind(name, "", "", layers)


def test_one_format_or_several():
    assert checked_formats("cog") == {"cog"}
    assert checked_formats(iter(["cog", "zarr"])) == {"cog", "zarr"}
