"""A disk that is full at any byte: a file is whole under its name, or it is not there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from efast.sentinel3.sampleproducts import whole_product
from workbench.errors import BadFile
from workbench.rasters.stores import whole_netcdf, whole_store
from workbench.rasters.wholerasters import whole_raster
from workbench.wholefiles import whole_arrow, whole_parquet, whole_picture, whole_zip

SCRIPT = Path(__file__).with_name("limited_writers.py")
SYN = (
    "S3A_SY_2_SYN____20220101T000000_20220101T000001_20220102T030000_0001_001_001_0001_PS1_O_NT_002"
    ".SEN3"
)
DATES = ("2022-01-01Z", "2022-01-02Z")
NAMES = {
    "cogs": {"spaceeye_20220101.tif", "spaceeye_20220102.tif"},
    "syn": {SYN},
    "openeo-netCDF": {"openEO.nc"},
    "openeo-GTiff": {f"openEO_{date}.tif" for date in DATES},
    "openeo-COG": {f"openEO_{date}.tif" for date in DATES},
    "openeo-Zarr": {"openEO.zarr.zip"},
    "openeo-JSON": {"openEO.json"},
    "openeo-PNG": {f"openEO_{date}.png" for date in DATES},
}
CHECKS = {
    ".arrow": whole_arrow,
    ".gif": whole_picture,
    ".json": lambda path: json.loads(path.read_text()),
    ".nc": whole_netcdf,
    ".parquet": whole_parquet,
    ".png": whole_picture,
    ".SEN3": whole_product,
    ".tif": whole_raster,
    ".zarr": whole_store,
    ".zip": whole_zip,
}


def started(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def content(path: Path) -> object:
    """Return what a file or store holds, so that two can be compared."""
    if path.suffix == ".tif":
        import rasterio

        with rasterio.open(path) as file:
            return file.read().tobytes()
    if path.suffix in (".nc", ".zarr"):
        import xarray as xr

        with xr.open_dataset(path, engine={".nc": "netcdf4", ".zarr": "zarr"}[path.suffix]) as file:
            return {name: values.values.tobytes() for name, values in file.data_vars.items()}
    if path.is_dir():
        return {part.name: part.read_bytes() for part in path.iterdir()}
    return path.read_bytes()


@pytest.mark.parametrize(
    "kind",
    [
        *("tif", "cogs", "nc", "zarr", "json", "zip", "parquet", "arrow", "gif", "syn"),
        *(name for name in NAMES if name.startswith("openeo-")),
    ],
)
def test_whole_or_absent(tmp_path, kind):
    names = NAMES.get(kind, {f"a.{kind}"})
    done = started(kind, tmp_path)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) >= 12
    assert sum(line["error"] is not None for line in lines) >= 6
    for line in lines:
        folder = tmp_path / str(line["limit"])
        assert set(line["left"]) <= names, "something is left under a hidden name"
        if line["error"]:
            assert line["code"] == 1, line
            assert str(folder) in line["error"]
            assert "MB are free" in line["error"]
            assert "\n" not in line["error"]
            assert set(line["left"]) != names
        else:
            assert set(line["left"]) == names
        for name in names:  # those that were finished, and those of the second try
            CHECKS[Path(name).suffix](folder / name)
            assert content(folder / name) == content(tmp_path / "whole" / name), line


def test_a_real_disk_of_eighty_kilobytes(tmp_path, require):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=80k", "tmpfs", str(disk)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, check=False).returncode == 0
    require("root", mounted, "only root can mount a disk; the other tests need none")
    try:
        done = started("cogs", disk, 1 << 40)
        assert "DiskFull" in done.stderr or "DiskFull" in done.stdout, done.stderr
        assert "the disk is full: 0." in done.stderr + done.stdout
        images = [path for path in disk.rglob("*") if path.is_file()]
        assert all(not path.name.startswith(".") for path in images)
        for path in images:
            whole_raster(path)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("kind", ["tif", "cogs", "nc", "zip", "parquet", "arrow", "gif"])
def test_what_is_cut_short_is_noticed(tmp_path, kind):
    done = started(kind, tmp_path, 1 << 40)
    assert done.returncode == 0, done.stderr
    whole = next((tmp_path / "whole").iterdir())
    size = whole.stat().st_size
    for left in sorted({*np.linspace(0, size - 40, 15).astype(int)}):
        torn = tmp_path / f"torn{whole.suffix}"
        shutil.copyfile(whole, torn)
        os.truncate(torn, left)
        with pytest.raises(Exception):  # noqa: B017, PT011  whatever the format raises
            CHECKS[whole.suffix](torn)


def test_a_chunk_that_is_empty_or_garbled_is_noticed(tmp_path):
    done = started("zarr", tmp_path, 1 << 40)
    assert done.returncode == 0, done.stderr
    store = tmp_path / "whole" / "a.zarr"
    whole_store(store)
    (chunk,) = (store / "reflectance").glob("0.*")
    held = chunk.read_bytes()
    for left in (0, 10, len(held) // 2, len(held) - 1):
        whole_store(store)  # what was read before must not stand in for what is missing
        chunk.write_bytes(held[:left])
        with pytest.raises(BadFile, match=r"a\.zarr"):
            whole_store(store)
        chunk.write_bytes(held)
