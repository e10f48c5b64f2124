"""The operations that a workflow may name: records in and out, parameters, what is called.

Between the tasks of a workflow go lists of records. An operation says how the lists that arrive
become calls, which may run side by side, and each call gives a list; the lists of all calls, one
after the other in the order of the calls, are what goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from spaceeye.errors import BadInput
from spaceeye.farmvibes.cloudremoval import batches, remove_clouds_tile
from spaceeye.farmvibes.grouping import (
    Pair,
    group_s2_tile_sequence,
    group_s2cloudmask_tile_sequence,
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
from spaceeye.farmvibes.regions import options_of
from spaceeye.iteration import Iteration
from spaceeye.periods import DURATION, check_duration, check_overlap

__all__ = ["OPERATIONS", "Keywords", "Operation", "Records"]

Records = list[Any]
Keywords = dict[str, Any]
Parameters = Mapping[str, tuple[str, Callable[[Any], Any]]]


def _together(inputs: Mapping[str, Records], options: Mapping[str, Any]) -> list[Keywords]:
    """Make one call of whole lists."""
    return [dict(inputs)]


@dataclass(frozen=True)
class Operation:
    """One operation.

    Attributes
    ----------
    function
        Called with keywords: what `calls` gives, parameters and options. Gives a list of records.
    folder
        ``op_dir`` of the workflow format.
    inputs, outputs
        Type of the records of each port, by name; there is one output.
    parameters
        By the name of the workflow format: the keyword of `function`, and what raises `BadInput`
        where a value is out of bounds.
    options
        Further keywords that a run may pass on, such as the folder of the images.
    calls
        Gives the keywords of each call from the lists of the inputs and the options of the run.
    """

    function: Callable[..., Records]
    folder: str
    inputs: Mapping[str, type]
    outputs: Mapping[str, type]
    parameters: Parameters = field(default_factory=dict)
    options: tuple[str, ...] = ()
    calls: Callable[[Mapping[str, Records], Mapping[str, Any]], list[Keywords]] = _together


def _batches(inputs: Mapping[str, Records], options: Mapping[str, Any]) -> list[Keywords]:
    """Pair images with their masks, and make a call of what is read together."""
    pairs = pair_sequences(inputs["s2_products"], inputs["cloud_masks"])
    return [{"pairs": some} for some in batches(pairs, options.get("mode", "full"))]


def _remove_clouds(
    *,
    pairs: list[Pair],
    output: str,
    duration: int = DURATION,
    overwrite: bool = False,
    normalize_illuminance: bool | None = None,
    illumination: str | None = None,
    **rest: Any,
) -> list[SpaceEyeSequence]:
    """Interpolate; a workflow says yes or no to illumination, a run says which one."""
    if illumination is None and normalize_illuminance is not None:
        illumination = "region-mean" if normalize_illuminance else "none"
    options = options_of(illumination=illumination, **rest)
    return remove_clouds_tile(pairs, duration, output, options, overwrite)


def _each(inputs: Mapping[str, Records], options: Mapping[str, Any]) -> list[Keywords]:
    """Make a call of each sequence."""
    return [{"sequence": sequence} for sequence in inputs["sequences"]]


def _check_truth(value: Any) -> None:
    if not isinstance(value, bool):
        raise BadInput(f"{value!r}: true or false")


_GROUPING: Parameters = {
    "duration": ("duration", check_duration),
    "overlap": ("overlap", check_overlap),
}

OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "group_s2_tile_sequence": Operation(
            group_s2_tile_sequence,
            "group_tile_sequence",
            {"rasters": Raster, "input_data": InputData},
            {"tile_sequences": ImageSequence},
            _GROUPING,
        ),
        "group_s2cloudmask_tile_sequence": Operation(
            group_s2cloudmask_tile_sequence,
            "group_tile_sequence",
            {"rasters": CloudMask, "input_data": InputData},
            {"tile_sequences": MaskSequence},
            _GROUPING,
        ),
        "remove_clouds_interpolation": Operation(
            _remove_clouds,
            "remove_clouds",
            {"s2_products": ImageSequence, "cloud_masks": MaskSequence},
            {"spaceeye_sequence": SpaceEyeSequence},
            {
                "duration": ("duration", check_duration),
                "damping_factor": ("alpha", lambda value: Iteration(alpha=value)),
                "tolerance": ("tolerance", lambda value: Iteration(tolerance=value)),
                "max_iterations": ("max_iterations", lambda value: Iteration(max_iterations=value)),
                "check_interval": ("check_interval", lambda value: Iteration(check_interval=value)),
                "normalize_illuminance": ("normalize_illuminance", _check_truth),
            },
            ("output", "mode", "alpha", "illumination", "missing_mask", "offset", "overwrite"),
            _batches,
        ),
        "split_spaceeye_sequence": Operation(
            split_spaceeye_sequence,
            "split_sequence",
            {"sequences": SpaceEyeSequence},
            {"rasters": Raster},
            calls=_each,
        ),
    }
)
"""All operations by the name that a workflow gives as ``op``."""
