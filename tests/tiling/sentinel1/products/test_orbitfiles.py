"""Orbit files written from the vectors of a real annotation, whole and broken."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

from tiling.sentinel1.errors import BadOrbitFile, ExitCode
from tiling.sentinel1.geometry.imagemodels import image_model
from tiling.sentinel1.geometry.orbits import fit_orbit
from tiling.sentinel1.products.orbitfiles import find_orbit_file, orbit_vectors
from tiling.sentinel1.products.safefolders import Image

NAME = "S1B_OPER_AUX_POEORB_OPOD_20220112T111539_V20211222T225942_20211224T005942.EOF"

HEADER = """<?xml version="1.0" ?>
<Earth_Explorer_File>
  <Earth_Explorer_Header>
    <Fixed_Header>
      <File_Name>S1B_OPER_AUX_POEORB</File_Name>
      <Mission>Sentinel-1B</Mission>
      <File_Type>AUX_POEORB</File_Type>
    </Fixed_Header>
    <Variable_Header>
      <Ref_Frame>EARTH_FIXED</Ref_Frame>
      <Time_Reference>UTC</Time_Reference>
    </Variable_Header>
  </Earth_Explorer_Header>
  <Data_Block type="xml">
    <List_of_OSVs count="{count}">
"""

VECTOR = """      <OSV>
        <TAI>TAI={tai}</TAI>
        <UTC>UTC={utc}</UTC>
        <UT1>UT1={utc}</UT1>
        <Absolute_Orbit>+30148</Absolute_Orbit>
        <X unit="m">{x[0]:.6f}</X>
        <Y unit="m">{x[1]:.6f}</Y>
        <Z unit="m">{x[2]:.6f}</Z>
        <VX unit="m/s">{v[0]:.6f}</VX>
        <VY unit="m/s">{v[1]:.6f}</VY>
        <VZ unit="m/s">{v[2]:.6f}</VZ>
        <Quality>NOMINAL</Quality>
      </OSV>
"""

END = """    </List_of_OSVs>
  </Data_Block>
</Earth_Explorer_File>
"""


@pytest.fixture(scope="module")
def annotation(full_product):
    return Image(full_product, "vv").annotation


def written(path, annotation, *, vectors=None, late=0.0):
    """Write an orbit file of vectors, by default those of the annotation, and return its path."""
    vectors = vectors or annotation.vectors
    text = HEADER.format(count=len(vectors.times))
    for time, position, velocity in zip(
        vectors.times, vectors.positions, vectors.velocities, strict=True
    ):
        utc = annotation.first_line + np.timedelta64(round((time + late) * 1e6), "us")
        tai = utc + np.timedelta64(37, "s")
        text += VECTOR.format(utc=utc, tai=tai, x=position, v=velocity)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + END)
    return path


def test_the_vectors_of_a_file(annotation, tmp_path):
    found = orbit_vectors(written(tmp_path / NAME, annotation), annotation)
    expected = annotation.vectors
    np.testing.assert_allclose(found.times, expected.times, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.positions, expected.positions, rtol=0, atol=1e-5)
    np.testing.assert_allclose(found.velocities, expected.velocities, rtol=0, atol=1e-5)
    assert found.source == f"AUX_POEORB {NAME}"


def test_places_by_a_file_are_those_by_the_annotation(annotation, tmp_path):
    vectors = orbit_vectors(written(tmp_path / NAME, annotation), annotation)
    for key in ("line", "pixel"):
        found = image_model(annotation, vectors=vectors).residuals.nearest[key]
        expected = image_model(annotation).residuals.nearest[key]
        assert found == pytest.approx(expected, abs=1e-5)


def test_a_shifted_orbit_is_seen_in_the_residuals(annotation, tmp_path):
    """10 ms late are 6.7 lines, and nothing of the pixels beyond the turn of the Earth."""
    late = written(tmp_path / NAME, annotation, late=0.01)
    model = image_model(annotation, vectors=orbit_vectors(late, annotation), correct=False)
    found = model.residuals.nearest
    assert found["line"]["mean"] == pytest.approx(0.01 / annotation.line_interval, rel=1e-3)
    assert found["pixel"]["max"] < 0.01
    assert model.description()["orbit"]["source"].startswith("AUX_POEORB")


def test_only_vectors_around_the_image_are_taken(annotation, tmp_path):
    """A day of vectors, as real files have it, makes no difference."""
    orbit = fit_orbit(annotation.vectors)
    times = np.arange(-300.0, 330.0, 10.0) + annotation.vectors.times[0] % 10
    positions, velocities, _ = orbit.at(times)
    long = replace(annotation.vectors, times=times, positions=positions, velocities=velocities)
    path = written(tmp_path / NAME, annotation, vectors=long)
    found = orbit_vectors(path, annotation)
    last = (annotation.last_line - annotation.first_line) / np.timedelta64(1, "s")
    assert -75 <= found.times[0] < -65
    assert last + 65 < found.times[-1] <= last + 75
    narrow = orbit_vectors(path, annotation, margin=0)
    assert narrow.times[0] <= 0
    assert narrow.times[-1] >= last
    assert len(narrow.times) in (4, 5)


def test_a_file_that_ends_soon_after_the_image(annotation, tmp_path):
    kept = annotation.vectors.times < 40
    short = replace(
        annotation.vectors,
        **{name: getattr(annotation.vectors, name)[kept] for name in
           ("times", "positions", "velocities")},
    )  # fmt: skip
    found = orbit_vectors(written(tmp_path / NAME, annotation, vectors=short), annotation)
    assert len(found.times) == kept.sum()
    assert image_model(annotation, vectors=found).residuals.nearest["line"]["max"] < 0.01


def test_elements_may_have_a_namespace(annotation, tmp_path):
    path = written(tmp_path / NAME, annotation)
    text = path.read_text().replace(
        "<Earth_Explorer_File>", '<Earth_Explorer_File xmlns="http://eop-cfi.esa.int/CFI">'
    )
    path.write_text(text)
    assert len(orbit_vectors(path, annotation).times) == 16


def test_vectors_of_less_quality_are_told(annotation, tmp_path, caplog):
    path = written(tmp_path / NAME, annotation)
    path.write_text(path.read_text().replace("NOMINAL", "DEGRADED", 3))
    orbit_vectors(path, annotation)
    assert "3 of 16 vectors" in caplog.text


FIRST = "UTC=2021-12-23T05:10:21.029300"


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("</Earth_Explorer_File>", "", "malformed"),
        ("<Earth_Explorer_File>", "<!DOCTYPE a [<!ENTITY b 'c'>]><Earth_Explorer_File>",
         "document type or entity"),
        ("Sentinel-1B", "Sentinel-1A", "the orbit of 'Sentinel-1A', the image is of S1B"),
        ("AUX_POEORB</File_Type>", "MPL_ORBPRE</File_Type>", "of type 'MPL_ORBPRE'"),
        ("EARTH_FIXED", "TRUE_OF_DATE", "Ref_Frame is 'TRUE_OF_DATE'"),
        ("<Time_Reference>UTC", "<Time_Reference>TAI", "Time_Reference is 'TAI'"),
        ('count="16"', 'count="17"', "16 vectors where count says 17"),
        (FIRST, FIRST.replace("UTC=", "GPS="), "not all begin with UTC="),
        (FIRST, "UTC=yesterday", "UTC of the vectors"),
        (FIRST, "UTC=NaT", "not all are times"),
        (FIRST, FIRST.replace("05:10:21", "05:10:41"), "do not ascend"),
        (FIRST, FIRST.replace("21.029300", "21.529300"), "ahead of UTC by 36.5 to 37 s"),
        ('<X unit="m">', '<X unit="km">', "X is in km, m, not in m"),
        ('<VX unit="m/s">', '<VX unit="m/s">nan', "no number|could not convert|VX"),
        ("<Quality>NOMINAL</Quality>", "", "no element Quality"),
        ("<List_of_OSVs", "<List", "malformed|no element"),
    ],
)  # fmt: skip
def test_a_broken_file(annotation, tmp_path, old, new, match):
    path = written(tmp_path / NAME, annotation)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(BadOrbitFile, match=match) as found:
        orbit_vectors(path, annotation)
    assert str(path) in str(found.value)
    assert found.value.exit_code == ExitCode.CORRUPTED_DATA_SAFE
    assert str(pickle.loads(pickle.dumps(found.value))) == str(found.value)


def some(vectors, kept):
    names = ("times", "positions", "velocities")
    return replace(vectors, **{name: getattr(vectors, name)[kept] for name in names})


@pytest.mark.parametrize(
    ("kept", "match"),
    [
        (slice(0, 8), "it spans 2021-12-23T05:10:21.029300 to .*, the image 2021-12-23T05:11:22"),
        (slice(8, None), "it spans"),
        (slice(0, None, 5), "at most 50 s apart"),
        ([0, 2, 1, 15], "ascend"),
        ([0, 1], "2 elements OSV, not 4"),
        ([4, 5, 6, 10, 11, 12], "at most 40 s apart"),
    ],
)
def test_vectors_that_do_not_span_the_image(annotation, tmp_path, kept, match):
    path = written(tmp_path / NAME, annotation, vectors=some(annotation.vectors, kept))
    with pytest.raises(BadOrbitFile, match=match):
        orbit_vectors(path, annotation)


def test_a_missing_file(annotation, tmp_path):
    with pytest.raises(BadOrbitFile, match="no such file"):
        orbit_vectors(tmp_path / NAME, annotation)


SPAN = "20211222T225942_20211224T005942"


def name(platform="S1B", kind="POEORB", made="20220112T111539", span=SPAN):
    return f"{platform}_OPER_AUX_{kind}_OPOD_{made}_V{span}.EOF"


PRECISE = name()
RESTITUTED = name(kind="RESORB", made="20211223T090000", span="20211223T034042_20211223T065812")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], None),
        ([PRECISE], PRECISE),
        ([RESTITUTED], RESTITUTED),
        ([RESTITUTED, PRECISE], PRECISE),
        ([name(platform="S1A"), name(span="20211220T225942_20211222T005942")], None),
        ([PRECISE, name(made="20230101T000000")], name(made="20230101T000000")),
        # it ends 12 s after the image, the other later
        ([RESTITUTED, name(kind="RESORB", made="20211223T080000",
                           span="20211223T015400_20211223T051200")], RESTITUTED),
        ([name(kind="RESORB", span="20211223T015400_20211223T051200")],
         name(kind="RESORB", span="20211223T015400_20211223T051200")),
        ([name(kind="RESORB", span="20211223T015400_20211223T051140")], None),
        ([name(span="20211222T225942_20211324T005942")], None),
        (["notes.EOF", "S1B_OPER_AUX_POEORB.EOF", "S1B_OPER_AUX_PREORB_OPOD.EOF"], None),
    ],
)  # fmt: skip
def test_the_file_of_an_image(annotation, tmp_path, names, expected):
    for each in names:
        (tmp_path / each).touch()
    found = find_orbit_file(tmp_path, annotation)
    assert (found and found.name) == expected


def test_files_may_lie_in_folders(annotation, tmp_path):
    path = tmp_path / "S1B" / "2021" / PRECISE
    path.parent.mkdir(parents=True)
    path.touch()
    assert find_orbit_file(tmp_path, annotation) == path
    assert find_orbit_file(str(tmp_path), annotation) == path


def test_no_folder_has_no_file(annotation, tmp_path):
    assert find_orbit_file(tmp_path / "none", annotation) is None
