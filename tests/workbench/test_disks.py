"""What a disk refuses is said in one line."""

from __future__ import annotations

import errno
import os

import pytest
import rasterio

from workbench import disks
from workbench.disks import make_folder, writing
from workbench.errors import DiskFull, NotWritten, OutputExists


def raised(error, path):
    with pytest.raises(type(error) if isinstance(error, OutputExists) else Exception) as found:
        with writing(path):
            raise error
    return found.value


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "could not be written, the disk is full: "),
        (errno.EDQUOT, "could not be written, your quota on this disk is used up: "),
        (errno.EFBIG, "could not be written, files may not become so large here"),
    ],
)
def test_no_room(tmp_path, number, words):
    path = tmp_path / "new" / "a.tif"
    error = raised(OSError(number, os.strerror(number)), path)
    assert isinstance(error, DiskFull)
    assert str(error).startswith(f"{path} {words}")
    assert f"MB are free in {tmp_path}; make room" in str(error)
    assert error.exit_code == 1


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_a_place_that_is_closed(tmp_path, number):
    path = tmp_path / "a.tif"
    error = raised(OSError(number, os.strerror(number), str(tmp_path)), path)
    assert isinstance(error, NotWritten)
    assert str(error).startswith(f"{path} cannot be written ({os.strerror(number)}): choose")
    elsewhere = OSError(number, os.strerror(number), "/other/input.csv")
    assert raised(elsewhere, path) is elsewhere


def test_a_disk_that_is_read_only(tmp_path):
    error = raised(OSError(errno.EROFS, "Read-only file system"), tmp_path / "a")
    assert f"{tmp_path}/a cannot be written, the disk is read-only: choose" in str(error)


@pytest.mark.parametrize("name", ["out", "out/deep", "out/deep/er"])
def test_a_file_where_a_folder_is_wanted(tmp_path, name):
    (tmp_path / "out").touch()
    with pytest.raises(NotWritten, match=rf"{tmp_path}/out is a file where a folder is wanted: "):
        make_folder(tmp_path / name)


@pytest.mark.parametrize(
    "error", [OutputExists("a exists"), ValueError("7"), KeyError("x"), OSError("gone")]
)
def test_other_errors_pass(tmp_path, error):
    assert raised(error, tmp_path / "a") is error


@pytest.mark.parametrize(
    "error",
    [
        rasterio.errors.RasterioIOError("Write failed. See previous exception for details."),
        SystemError("Unknown GDAL Error"),
        RuntimeError("NetCDF: HDF error"),
    ],
)
def test_libraries_that_do_not_say_why(tmp_path, error, monkeypatch):
    found = raised(error, tmp_path / "a")
    assert isinstance(found, NotWritten)
    assert not isinstance(found, DiskFull)
    assert f"{error}): " in str(found)
    full = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(disks, "_refusal", lambda path: full)
    assert isinstance(raised(error, tmp_path / "a"), DiskFull)
    assert list(tmp_path.iterdir()) == []
