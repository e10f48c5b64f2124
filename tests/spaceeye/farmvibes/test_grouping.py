"""Groups, pairs and masks: by what files say, never by their place in a list."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from spaceeye.errors import BadInput
from spaceeye.farmvibes.grouping import (
    group_tile_sequence,
    mask_of_each,
    pair_sequences,
    split_spaceeye_sequence,
)
from spaceeye.farmvibes.records import (
    CloudMask,
    ImageSequence,
    InputData,
    MaskSequence,
    Raster,
    SpaceEyeSequence,
)

START = np.datetime64("2021-06-01", "D")
Write = Callable[..., tuple[Raster, CloudMask]]
Ask = Callable[..., InputData]


def days_of(files: Any) -> list[int]:
    return [int((file.day - START).astype(int)) for file in files]


def test_groups_by_tile_and_period(
    write: Write, request_of: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    images = [write(day)[0] for day in (-3, 2, 60, 97)] + [write(5, tile="31UDS")[0]]
    with caplog.at_level(logging.WARNING, "spaceeye"):
        groups = group_tile_sequence(images[::-1], request_of(96))
    assert [(group.tile, days_of(group.items)) for group in groups] == [
        ("31UDS", [5]), ("31UDS", []), ("31UDS", []),
        ("31UES", [2]), ("31UES", [60]), ("31UES", [60]),
    ]  # fmt: skip
    assert all(isinstance(group, ImageSequence) for group in groups)
    assert caplog.text.count("no file for the period of 31UDS") == 2
    # what lies outside of the request is not in a period, but supports its ends
    assert days_of(groups[3].series) == [-3, 2, 60, 97]


def test_several_requests_are_grouped_one_by_one(write: Write, request_of: Ask) -> None:
    image, mask = write(2)
    first, second = request_of(10), request_of(20)
    groups = group_tile_sequence([image], [first, second, request_of(10)])
    assert [group.request for group in groups] == [first, second]
    masks = group_tile_sequence([mask], [second, first])
    assert [pair[1].request for pair in pair_sequences(groups, masks)] == [first, second]


def test_grouping_refuses(write: Write, request_of: Ask) -> None:
    image, mask = write(2)
    with pytest.raises(BadInput, match="empty list"):
        group_tile_sequence([], request_of(10))
    with pytest.raises(BadInput, match="CloudMask, Raster"):
        group_tile_sequence([image, mask], request_of(10))  # type: ignore[list-item]
    with pytest.raises(BadInput, match=r"no acquisition from 2021-06-06 to 2021-06-15.*2021-06-03"):
        group_tile_sequence([image], request_of(10, 5))
    far = InputData(("2021-06-01", "2021-06-10"), (10, 51, 11, 52))
    with pytest.raises(BadInput, match=r"meets the region \(10.0"):
        group_tile_sequence([image], far)
    assert group_tile_sequence([mask], far) == []
    with pytest.raises(BadInput, match="overlap=0"):
        group_tile_sequence([image], request_of(10), 48, 0)
    with pytest.raises(BadInput, match="input_data: an empty list"):
        group_tile_sequence([image], [])


def test_pairs_by_key_and_never_by_position(
    write: Write, request_of: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    both = [write(2), write(60), write(5, tile="31UDS")]
    images = group_tile_sequence([image for image, _ in both], request_of(96))
    masks = group_tile_sequence([mask for _, mask in both], request_of(96))
    found = pair_sequences(images, masks[::-1])
    assert all(image.key == mask.key for image, mask in found)
    assert all(isinstance(mask, MaskSequence) for _, mask in found)
    only = pair_sequences(images[:4], masks[1:2])
    assert [len(mask.series) for _, mask in only] == [0, 1, 0, 0]
    caplog.clear()
    with caplog.at_level(logging.WARNING, "spaceeye"):
        assert len(pair_sequences(images[:1], masks)) == 1
    assert "masks without images" in caplog.text
    with pytest.raises(BadInput, match="two ImageSequence of 31UDS"):
        pair_sequences([*images, images[0]], masks)


def test_a_missing_mask_does_not_shift_the_others(
    write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    images, masks = map(list, zip(*(write(day) for day in (1, 6, 11, 16)), strict=True))
    del masks[1]
    found = mask_of_each(images, masks[::-1])
    assert found == [masks[0], None, masks[1], masks[2]]
    assert [mask and mask.time for mask in found] == [
        images[0].time, None, images[2].time, images[3].time,
    ]  # fmt: skip
    with caplog.at_level(logging.WARNING, "spaceeye"):
        assert len(mask_of_each(images[2:], masks)) == 2
    assert "1 masks have no image" in caplog.text
    copy = CloudMask(masks[0].path + "x", masks[0].time, masks[0].tile, masks[0].bounds)
    with pytest.raises(BadInput, match="a second mask of 31UES"):
        mask_of_each(images, [*masks, copy])


def test_split_gives_the_images_in_order(write: Write, request_of: Ask) -> None:
    images = tuple(write(day)[0] for day in (1, 6, 11))
    (group,) = group_tile_sequence(images, request_of(20))
    sequence = SpaceEyeSequence(group.tile, group.period, group.request, images)
    assert split_spaceeye_sequence(sequence) == list(images)
