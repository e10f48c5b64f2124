"""The operations that a workflow may name: their ports, their parameters, what they call.

A port takes one record at a time or a whole list. An operation whose ports take one at a time is
called for each record of the lists that arrive; where two lists arrive they are paired by what the
records say, never by their order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from spaceeye.errors import BadInput
from spaceeye.farmvibes import grouping, operations
from spaceeye.farmvibes.records import (
    CloudMask,
    ImageSequence,
    InputData,
    MaskSequence,
    Raster,
    SpaceEyeSequence,
)
from spaceeye.iteration import Iteration
from spaceeye.periods import DURATION, check_duration, check_overlap

__all__ = ["OPERATIONS", "Operation", "Port", "suggestion"]

Check = Callable[[Any], Any]
"""Raises `BadInput` where a value is out of range."""


@dataclass(frozen=True)
class Port:
    """What goes into or comes out of an operation.

    Attributes
    ----------
    record
        Type of the records.
    many
        Whether a call takes or gives a list of them.
    """

    record: type
    many: bool = False

    def takes(self, other: Port) -> bool:
        """Tell whether records of another port may go in here."""
        return issubclass(other.record, self.record)


@dataclass(frozen=True)
class Operation:
    """One operation.

    Attributes
    ----------
    function
        Called with a keyword for each input port and each parameter.
    folder
        ``op_dir`` of the workflow format.
    inputs
        Ports by name.
    outputs
        Ports by name, one.
    parameters
        Parameters of the workflow format by name, with the keyword of `function` and their check.
    options
        Further keywords that a run passes on, such as the folder of the output.
    pair
        Pairs the lists of two or more ports that take one record at a time, in the order of
        `inputs`.
    batch
        Puts pairs together that one call does in one go; it gets the pairs and the mode. Then
        `function` has the keyword ``pairs`` instead of those ports and gives a list.
    """

    function: Callable[..., Any]
    folder: str
    inputs: Mapping[str, Port]
    outputs: Mapping[str, Port]
    parameters: Mapping[str, tuple[str, Check]] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    pair: Callable[..., list[tuple[Any, ...]]] | None = None
    batch: Callable[..., list[list[tuple[Any, ...]]]] | None = None


def suggestion(word: Any, known: Iterable[str]) -> str:
    """Say what a wrong name may have meant, and what there is."""
    names = sorted(known)
    close = get_close_matches(str(word), names, n=1, cutoff=0.6)
    there = f"there is {', '.join(names)}" if names else "there is none"
    return f"did you mean {close[0]!r}? {there}" if close else there


def _alpha(value: Any) -> Any:
    return Iteration(alpha=value).alpha


def _tolerance(value: Any) -> Any:
    return Iteration(tolerance=value).tolerance


def _iterations(value: Any) -> Any:
    return Iteration(max_iterations=value).max_iterations


def _interval(value: Any) -> Any:
    return Iteration(check_interval=value).check_interval


def _truth(value: Any) -> Any:
    if not isinstance(value, bool):
        raise BadInput(f"{value!r}: true or false")
    return value


def _interpolation(
    *,
    pairs: list[operations.Pair],
    output: str,
    duration: int = DURATION,
    overwrite: bool = False,
    normalize_illuminance: bool | None = None,
    illumination: str | None = None,
    **rest: Any,
) -> list[SpaceEyeSequence]:
    """Call the interpolation; a workflow says yes or no to illumination, a run says which one."""
    if illumination is None and normalize_illuminance is not None:
        illumination = "region-mean" if normalize_illuminance else "none"
    options = operations.options_of(illumination=illumination, **rest)
    return operations.remove_clouds_tile(pairs, duration, output, options, overwrite)


def _split(*, sequences: SpaceEyeSequence) -> list[Raster]:
    """Call the split; its port has the name of a list and takes one sequence at a time."""
    return operations.split_spaceeye_sequence(sequences)


_GROUPING: Mapping[str, tuple[str, Check]] = {
    "duration": ("duration", check_duration),
    "overlap": ("overlap", check_overlap),
}

OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "group_s2_tile_sequence": Operation(
            grouping.group_s2_tile_sequence,
            "group_tile_sequence",
            {"rasters": Port(Raster, many=True), "input_data": Port(InputData, many=True)},
            {"tile_sequences": Port(ImageSequence, many=True)},
            _GROUPING,
        ),
        "group_s2cloudmask_tile_sequence": Operation(
            grouping.group_s2cloudmask_tile_sequence,
            "group_tile_sequence",
            {"rasters": Port(CloudMask, many=True), "input_data": Port(InputData, many=True)},
            {"tile_sequences": Port(MaskSequence, many=True)},
            _GROUPING,
        ),
        "remove_clouds_interpolation": Operation(
            _interpolation,
            "remove_clouds",
            {"s2_products": Port(ImageSequence), "cloud_masks": Port(MaskSequence)},
            {"spaceeye_sequence": Port(SpaceEyeSequence)},
            {
                "duration": ("duration", check_duration),
                "damping_factor": ("alpha", _alpha),
                "tolerance": ("tolerance", _tolerance),
                "max_iterations": ("max_iterations", _iterations),
                "check_interval": ("check_interval", _interval),
                "normalize_illuminance": ("normalize_illuminance", _truth),
            },
            ("output", "mode", "alpha", "illumination", "missing_mask", "offset", "overwrite"),
            grouping.pair_sequences,
            operations.batches,
        ),
        "split_spaceeye_sequence": Operation(
            _split,
            "split_sequence",
            {"sequences": Port(SpaceEyeSequence)},
            {"rasters": Port(Raster, many=True)},
        ),
    }
)
"""All operations by the name that a workflow gives as ``op``."""
