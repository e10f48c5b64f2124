"""A whole dataset from a server of objects, as a user without an account reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import xarray as xr
import yaml

from tiling.scenes import tasks, write_sample


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    write_sample(folder, scenes=3, days=1)
    return folder


def dataset(folder: Path, sample: Path, storage: dict[str, Any]) -> Path:
    """Write the meta.yaml of the sample with another storage, and a domain of 60 km."""
    meta = yaml.safe_load((sample / "goes/meta.yaml").read_text())
    meta["storage"] = storage
    meta["domain"] |= {"l_zonal": 60e3, "l_meridional": 60e3}
    meta["sampling"] = {"resolution": 1000}
    meta["aux_products"] = {"height": {"source": "goes16", "type": "ACHA", "dt_aux": "PT5M"}}
    folder.mkdir()
    (folder / "meta.yaml").write_text(yaml.safe_dump(meta))
    return folder


@pytest.mark.parametrize("mode", ["window", "mirror"])
def test_it_is_the_same_from_a_server_as_from_a_folder(
    sample: Path, tmp_path: Path, put: Any, server: Any, mode: str
) -> None:
    """Scenes side by side in threads: the library of netCDF must not be used by two at once."""
    bucket = f"whole-way-{mode}"
    for path in sorted((sample / "bucket").rglob("*.nc")):
        put(bucket, f"pre/{path.relative_to(sample / 'bucket')}", path.read_bytes())
    near = dataset(
        tmp_path / "near", sample, {"protocol": "file", "bucket": str(sample / "bucket")}
    )
    far = dataset(
        tmp_path / "far", sample,
        {"protocol": "s3", "bucket": bucket, "prefix": "pre", "endpoint_url": server.url,
         "mode": mode},
    )  # fmt: skip
    for folder in (near, far):
        outcomes = tasks.regrid(folder) + tasks.regrid(folder, aux_name="height")
        assert not any(outcome.failed for outcome in outcomes)
    names = sorted(path.relative_to(near) for path in near.glob("rect/**/*.nc"))
    assert len(names) == 6
    for name in names:
        here, there = (xr.load_dataset(folder / name) for folder in (near, far))
        assert there.equals(here)
    asked = len(server.trouble.log)
    assert [outcome.made for outcome in tasks.regrid(far)] == [0, 0]
    assert len(server.trouble.log) == asked, "a finished dataset asks the server for nothing"
