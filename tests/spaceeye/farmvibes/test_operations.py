"""The table of operations: parameters that are refused, and calls that functions take."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from spaceeye.errors import BadInput
from spaceeye.farmvibes import operations
from spaceeye.farmvibes.cloudremoval import remove_clouds_interpolation
from spaceeye.farmvibes.grouping import group_tile_sequence
from spaceeye.farmvibes.operations import OPERATIONS

GOOD = {
    "duration": [1, 48, 30.0], "overlap": [0.1, 1], "damping_factor": [0.3, 10],
    "tolerance": [0, 0.1], "max_iterations": [1, 7], "check_interval": [1, 5],
    "normalize_illuminance": [True, False],
}  # fmt: skip
BAD: dict[str, list[Any]] = {
    "duration": [0, 1.5, "48", [1], True], "overlap": [0, 1.5, "half"],
    "damping_factor": [0, "auto", float("nan")], "tolerance": [-1, {}],
    "max_iterations": [0, 1.5], "check_interval": [0, "5"],
    "normalize_illuminance": [1, "yes"],
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATIONS)
def test_parameters_are_checked(name: str) -> None:
    for parameter, (_, check) in OPERATIONS[name].parameters.items():
        for value in GOOD[parameter]:
            check(value)
        for value in BAD[parameter]:
            with pytest.raises(BadInput):
                check(value)


def test_functions_take_what_they_are_called_with() -> None:
    for name, operation in OPERATIONS.items():
        function = operation.function
        if name == "remove_clouds_interpolation":
            function = remove_clouds_interpolation
        known = set(inspect.signature(function).parameters)
        keywords = {keyword for keyword, _ in operation.parameters.values()}
        stopping = {"tolerance", "max_iterations", "check_interval", "normalize_illuminance"}
        assert {*keywords, *operation.options} - stopping <= known
        assert len(operation.outputs) == 1


def test_pairs_of_a_tile_are_one_call_and_in_compat_each_is(write: Any, request_of: Any) -> None:
    images, masks = zip(*(write(day) for day in (2, 30)), strict=True)
    request = request_of(40)
    inputs: dict[str, Any] = {
        "s2_products": group_tile_sequence(images, request, 20),
        "cloud_masks": group_tile_sequence(masks[::-1], request, 20)[::-1],
    }
    calls = OPERATIONS["remove_clouds_interpolation"].calls
    (whole,) = calls(inputs, {})
    assert [pair[0] for pair in whole["pairs"]] == inputs["s2_products"]
    assert [call["pairs"] for call in calls(inputs, {"mode": "compat"})] == [
        [pair] for pair in whole["pairs"]
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, None),
        ({"normalize_illuminance": True}, "region-mean"),
        ({"normalize_illuminance": False}, "none"),
        ({"normalize_illuminance": False, "illumination": "relative"}, "relative"),
    ],
)
def test_a_run_says_which_illumination(
    given: dict[str, Any], expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(
        operations, "remove_clouds_tile", lambda *arguments: seen.append(arguments[3]) or []
    )
    function = OPERATIONS["remove_clouds_interpolation"].function
    assert function(pairs=[], output="out", **given) == []
    assert seen[0].illumination == expected
