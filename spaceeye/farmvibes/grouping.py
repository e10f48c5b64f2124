"""From lists of files to sequences and back: what is read together, and what belongs together.

Images and masks are matched by tile and acquisition time, their sequences by tile, period and
request. The place of anything in a list means nothing.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar, overload

import numpy as np

from spaceeye.errors import BadInput
from spaceeye.farmvibes.records import (
    CloudMask,
    ImageSequence,
    InputData,
    MaskSequence,
    Raster,
    SpaceEyeSequence,
)
from spaceeye.periods import DURATION, OVERLAP, periods

__all__ = [
    "check_pair",
    "group_s2_tile_sequence",
    "group_s2cloudmask_tile_sequence",
    "group_tile_sequence",
    "mask_of_each",
    "pair_sequences",
    "split_spaceeye_sequence",
]

logger = logging.getLogger(__name__)

Requests = InputData | Sequence[InputData]
Pair = tuple[ImageSequence, MaskSequence]
Files = TypeVar("Files", Raster, CloudMask)
Sequences = TypeVar("Sequences", ImageSequence, MaskSequence)


@overload
def group_tile_sequence(
    rasters: Iterable[Raster], input_data: Requests, duration: int = ..., overlap: float = ...
) -> list[ImageSequence]: ...
@overload
def group_tile_sequence(
    rasters: Iterable[CloudMask], input_data: Requests, duration: int = ..., overlap: float = ...
) -> list[MaskSequence]: ...
def group_tile_sequence(
    rasters: Iterable[Raster] | Iterable[CloudMask],
    input_data: Requests,
    duration: int = DURATION,
    overlap: float = OVERLAP,
) -> list[ImageSequence] | list[MaskSequence]:
    """Group images, or masks, by tile and period of a request.

    Parameters
    ----------
    rasters
        All of one kind, in any order.
    input_data
        Days and region wanted, one or several.
    duration, overlap
        See `spaceeye.periods.periods`; the periods divide the days of a request.

    Returns
    -------
    list
        `ImageSequence` or `MaskSequence`, by request, tile and period. A period in which a tile has
        no file is among them, empty.

    Raises
    ------
    BadInput
        If a parameter is out of bounds, a list is empty or mixes kinds, or no image of a request
        lies in its days and meets its region.
    """
    files: list[Any] = list(rasters)
    if not files:
        raise BadInput("rasters: an empty list, nothing to group")
    if all(isinstance(file, Raster) for file in files):
        return group_s2_tile_sequence(files, input_data, duration, overlap)
    if all(isinstance(file, CloudMask) for file in files):
        return group_s2cloudmask_tile_sequence(files, input_data, duration, overlap)
    kinds = sorted({type(file).__name__ for file in files})
    raise BadInput(f"rasters: a list of {', '.join(kinds)}; all must be Raster or all CloudMask")


def group_s2_tile_sequence(
    rasters: Iterable[Raster],
    input_data: Requests,
    duration: int = DURATION,
    overlap: float = OVERLAP,
) -> list[ImageSequence]:
    """Group images by tile and period; a tile without an image in range is left out.

    Parameters and errors are those of `group_tile_sequence`.
    """
    images, groups = list(rasters), []
    for request in _requests(input_data):
        first, last = request.time_range
        near = _by_tile(images, request)
        used = {
            tile: series
            for tile, series in near.items()
            if any(first <= image.day <= last for image in series)
        }
        if not used:
            days = sorted(image.day for image in images)
            have = f"; there are {len(days)} from {days[0]} to {days[-1]}" if days else ""
            raise BadInput(
                f"no acquisition from {first} to {last} meets the region {request.bounds}{have}"
            )
        groups += _sequences(ImageSequence, used, request, duration, overlap)
    return groups


def group_s2cloudmask_tile_sequence(
    rasters: Iterable[CloudMask],
    input_data: Requests,
    duration: int = DURATION,
    overlap: float = OVERLAP,
) -> list[MaskSequence]:
    """Group masks by tile and period; there may be none.

    Parameters and errors are those of `group_tile_sequence`.
    """
    masks = list(rasters)
    return [
        group
        for request in _requests(input_data)
        for group in _sequences(MaskSequence, _by_tile(masks, request), request, duration, overlap)
    ]


def _requests(input_data: Requests) -> list[InputData]:
    """Return each request once."""
    given = [input_data] if isinstance(input_data, InputData) else list(input_data)
    if not given:
        raise BadInput("input_data: an empty list; give days and region as InputData")
    return list({request.key: request for request in given}.values())


def _by_tile(files: Iterable[Files], request: InputData) -> dict[str, tuple[Files, ...]]:
    """Return the files that meet the region by tile, ascending in time; tiles sorted."""
    found: dict[str, list[Files]] = defaultdict(list)
    for file in files:
        if request.meets(file.bounds):
            found[file.tile].append(file)
    return {
        tile: tuple(sorted(found[tile], key=lambda file: (file.time, file.path)))
        for tile in sorted(found)
    }


def _sequences(
    kind: type[Sequences],
    by_tile: Mapping[str, Any],
    request: InputData,
    duration: int,
    overlap: float,
) -> list[Sequences]:
    """Return a sequence for each tile and period."""
    first, last = request.time_range
    pieces = periods(first, last, duration, overlap)
    groups = []
    for tile, series in by_tile.items():
        for period in pieces:
            low, high = max(period.read.first, first), min(period.read.stop - 1, last)
            items = tuple(file for file in series if low <= file.day <= high)
            group = kind(tile, period, request, items, series)
            if not items:
                logger.warning("%s has no file for the period of %s", kind.__name__, group.name)
            groups.append(group)
    return groups


def pair_sequences(
    s2_products: Iterable[ImageSequence], cloud_masks: Iterable[MaskSequence]
) -> list[Pair]:
    """Match sequences of images and of masks by tile, period and request.

    Parameters
    ----------
    s2_products, cloud_masks
        In any order.

    Returns
    -------
    list of (ImageSequence, MaskSequence)
        In the order of the images. Images without a sequence of masks get an empty one; masks
        without images are left out with a warning.

    Raises
    ------
    BadInput
        If two sequences of one kind have the same tile, period and request.
    """
    images, masks = _by_key(s2_products), _by_key(cloud_masks)
    unused = [group.name for key, group in masks.items() if key not in images]
    if unused:
        logger.warning("masks without images are not used: %s", ", ".join(unused))
    return [
        (group, masks.get(key) or MaskSequence(group.tile, group.period, group.request, (), ()))
        for key, group in images.items()
    ]


def _by_key(groups: Iterable[Sequences]) -> dict[Any, Sequences]:
    found: dict[Any, Sequences] = {}
    for group in groups:
        if group.key in found:
            raise BadInput(
                f"two {type(group).__name__} of {group.name} for one request: group each list once"
            )
        found[group.key] = group
    return found


def check_pair(images: ImageSequence, masks: MaskSequence) -> None:
    """Refuse sequences that do not belong together.

    Parameters
    ----------
    images, masks
        Of one tile, period and request.

    Raises
    ------
    BadInput
        Naming both.
    """
    if images.key != masks.key:
        raise BadInput(
            f"images of {images.name} with masks of {masks.name}: tile, period and request must be "
            "the same; pair lists of sequences with pair_sequences"
        )


def mask_of_each(images: Sequence[Raster], masks: Sequence[CloudMask]) -> list[CloudMask | None]:
    """Find the mask of each image by tile and acquisition time, to the second.

    Parameters
    ----------
    images, masks
        In any order. A mask without an image is left out with a warning.

    Returns
    -------
    list of CloudMask or None
        For each image its mask, None if it has none.

    Raises
    ------
    BadInput
        If two masks claim one acquisition.
    """

    def key(file: Raster | CloudMask) -> tuple[str, np.datetime64]:
        return file.tile, file.time.astype("datetime64[s]")

    by_key: dict[Any, CloudMask] = {}
    for mask in masks:
        other = by_key.setdefault(key(mask), mask)
        if other.path != mask.path:
            raise BadInput(
                f"{mask.path}: a second mask of {mask.tile} at {mask.time} beside {other.path}: "
                "remove one"
            )
    found = [by_key.pop(key(image), None) for image in images]
    if by_key:
        names = ", ".join(sorted(mask.path for mask in by_key.values()))
        logger.warning("%d masks have no image and are not used: %s", len(by_key), names)
    return found


def split_spaceeye_sequence(sequence: SpaceEyeSequence) -> list[Raster]:
    """Take a sequence of daily images apart.

    Parameters
    ----------
    sequence
        What `spaceeye.farmvibes.cloudremoval.remove_clouds_interpolation` gave.

    Returns
    -------
    list of Raster
        Its images one by one, ascending in time.
    """
    return list(sequence.rasters)
