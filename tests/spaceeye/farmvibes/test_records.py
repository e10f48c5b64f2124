"""Records: what a file says of itself, and what a request may be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spaceeye.errors import BadFile, BadInput
from spaceeye.farmvibes.records import CloudMask, InputData, Raster

Write = Callable[..., tuple[Raster, CloudMask]]


def test_open_reads_name_and_tags(write: Write) -> None:
    image, mask = write(3)
    assert image.time == mask.time == np.datetime64("2021-06-04T10:30:00", "ns")
    assert image.day == np.datetime64("2021-06-04", "D")
    assert image.tile == mask.tile == "31UES"
    assert image.bounds[0] == pytest.approx(3.0, abs=1e-6)
    other = Path(image.path).with_name("nothing.tif")
    Path(image.path).rename(other)
    with pytest.raises(BadFile, match="ACQUISITION_TIME"):
        Raster.open(other)
    assert Raster.open(other, time="2021-06-04", tile="T31UES").tile == "31UES"


def test_open_says_what_is_not_known(write: Write) -> None:
    image, mask = write(3, ACQUISITION_TIME="2021-06-04T10:30:00")
    other = Path(image.path).with_name("nothing.tif")
    Path(image.path).rename(other)
    with pytest.raises(BadFile, match="say the tile it was acquired"):
        Raster.open(other)
    with pytest.raises(BadFile, match="say when it was acquired"):
        CloudMask.open(Path(mask.path).rename(other.with_name("mask.tif")), tile="31UES")


def test_bounds_are_checked() -> None:
    with pytest.raises(BadInput, match="west < east"):
        Raster("a.tif", np.datetime64("2021-06-04"), "31UES", (4.0, 51.0, 3.0, 52.0))


@pytest.mark.parametrize(
    "geometry",
    [(3, 51, 2, 52), "region", {"type": "Point", "coordinates": [3, 51]}, (500_000,) * 4],
)
def test_request_refuses_what_is_no_region(geometry: Any) -> None:
    with pytest.raises(BadInput, match="geometry="):
        InputData(("2021-01-01", "2021-02-01"), geometry)


def test_request_takes_geojson() -> None:
    ring = [[3, 51], [4, 51], [4, 52], [3, 51]]
    request = InputData(("2021-01-01", "2021-02-01"), {"type": "Polygon", "coordinates": [ring]})
    assert request.bounds == (3, 51, 4, 52)
    assert not request.meets((3.0, 51.6, 3.3, 52.0))  # inside its bounds, outside of itself


@pytest.mark.parametrize(
    ("days", "words"), [(("2021-02-01", "2021-01-01"), "end is before"), ("2021", "give .first")]
)
def test_request_refuses_what_is_no_range(days: Any, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        InputData(days, (3, 51, 4, 52))
