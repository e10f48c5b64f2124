"""Exit codes: of counts, of errors, and of full disks."""

from __future__ import annotations

import errno
import pickle

import pytest

from tiling.sentinel1 import Situation
from tiling.sentinel1 import errors as known
from tiling.sentinel1.situation import exit_code
from workbench.disks import writing
from workbench.errors import DiskFull, FolderInUse, OutputExists

COUNTS = [  # computation errors, search failures, download failures, time-outs among them
    ((0, 0, 0, 0), 0),
    ((1, 0, 0, 0), 66),
    ((1, 2, 3, 3), 66),
    ((0, 1, 0, 0), 67),
    ((0, 0, 2, 1), 67),
    ((0, 1, 1, 1), 67),
    ((0, 0, 2, 2), 68),
    ((0, 0, 1, 2), 68),
]


@pytest.mark.parametrize(("counts", "code"), COUNTS)
def test_codes_of_counts(counts, code):
    found = Situation(*counts)
    assert found.code == code
    assert pickle.loads(pickle.dumps(found)) == found


ERRORS = [
    (known.ConfigurationError("no such option", "a.cfg"), 72),
    (known.CorruptedDataSAFEError("S1A.SAFE", "no manifest"), 71),
    (known.DownloadS1FileError("33TTG"), 67),
    (known.DownloadEOFFileError("no orbits"), 67),
    (known.BadOrbitFile("no orbits"), 71),
    (known.NoS2TileError(), 73),
    (known.NoS1ImageError(), 74),
    (known.MissingDEMError(), 75),
    (known.MissingGeoidError("egm96.gtx"), 76),
    (known.MissingApplication("otb"), 77),
    (known.InvalidOTBVersionError("7"), 72),
    (known.NotCompatibleInput("x"), 78),
    (known.WrongHeightsError("ellipsoidal"), 72),
    (known.Error("something"), 78),
    (ValueError("nobody foresaw this"), 78),
    (FolderInUse("out"), 1),
]


@pytest.mark.parametrize(("error", "code"), ERRORS, ids=lambda each: type(each).__name__)
def test_codes_of_errors(error, code):
    assert exit_code(error) == code
    assert exit_code(pickle.loads(pickle.dumps(error))) == code


def test_a_subclass_has_the_code_of_its_base():
    class NoGeoidHere(known.MissingGeoidError):
        pass

    assert exit_code(NoGeoidHere("x")) == 76


def test_every_error_is_tried():
    classes = {each for each in vars(known).values() if isinstance(each, type)}
    wanted = {each for each in classes if issubclass(each, known.Error)}
    assert wanted <= {type(error) for error, _ in ERRORS}


def no_room(path) -> OSError:
    return OSError(errno.ENOSPC, "No space left on device", str(path))


@pytest.fixture
def folders(tmp_path):
    return {"output": tmp_path / "out", "tmp": tmp_path / "tmp"}


@pytest.mark.parametrize(("name", "code"), [("out/33TTG/a.tif", 69), ("tmp/S1/a.tif", 70)])
def test_a_full_disk_is_told_by_the_folder(tmp_path, folders, name, code):
    path = tmp_path / name
    assert exit_code(no_room(path), **folders) == code
    with pytest.raises(DiskFull) as caught, writing(path):
        raise no_room(path)
    assert exit_code(caught.value, **folders) == code
    with pytest.raises(known.Error) as failed:
        raise known.Error("a task failed") from caught.value
    assert exit_code(failed.value, **folders) == code
    assert exit_code(failed.value) == 69  # nothing is known of folders


def test_one_folder_in_the_other(tmp_path):
    outer, inner = tmp_path / "a", tmp_path / "a/b"
    assert exit_code(no_room(inner / "x"), output=inner, tmp=outer) == 69
    assert exit_code(no_room(outer / "x"), output=inner, tmp=outer) == 70
    assert exit_code(no_room(inner / "x"), output=outer, tmp=inner) == 70


def test_another_place_is_told_by_its_disk(tmp_path, folders, monkeypatch):
    from tiling.sentinel1 import situation

    disks = {folders["output"]: 1, folders["tmp"]: 2, tmp_path / "raw/x": 2}
    monkeypatch.setattr(situation, "_disk", disks.get)
    assert exit_code(no_room(tmp_path / "raw/x"), **folders) == 70
    disks[folders["tmp"]] = disks[tmp_path / "raw/x"] = 1
    assert exit_code(no_room(tmp_path / "raw/x"), **folders) == 69


def test_an_error_that_was_dealt_with_does_not_count(folders):
    with pytest.raises(known.MissingDEMError) as caught:
        try:
            raise no_room(folders["tmp"] / "x")
        except OSError:
            raise known.MissingDEMError() from None
    assert exit_code(caught.value, **folders) == 75
    assert exit_code(OutputExists("out/a.tif"), **folders) == 1
