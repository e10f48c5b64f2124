from __future__ import annotations

import pytest

from workbench.notebooks.annotations import fits


@pytest.mark.parametrize(
    ("annotation", "good", "bad"),
    [
        ("int", [3, -1], ["hello", 3.0, True, None, [3]]),
        ("float", [3, 2.5], ["3", False, None]),
        ("bool", [True], [1, "true", None]),
        ("str", ["", "a"], [1, None, ["a"]]),
        ("list", [[], [1, "a"]], ["ab", {}, None]),
        ("list[str]", [[], ["a"]], [[1], "a", ["a", None]]),
        ("dict", [{}, {"a": 1}], [[], "a"]),
        ("dict[str, int]", [{"a": 1}], [{"a": "b"}, {1: 1}]),
        ("tuple[float, ...]", [[1, 2.5]], [["a"], 1]),
        ("tuple[float, float]", [[1, 2.5]], [[1], [1, 2, 3]]),
        ("None", [None], [0, "", False]),
        ("str | None", ["a", None], [1, []]),
        ("int | list[int] | None", [1, [1], None], ["1", ["1"]]),
        ("Optional[float]", [None, 1], ["a"]),
        ("typing.Union[int, str]", [1, "a"], [1.5, None]),
        ("Literal['a', 'b', 3]", ["a", 3], ["c", 3.0, None]),
        ("float | Literal['auto']", [1, "auto"], ["fast"]),
        ("'int | None'", [1, None], ["1"]),
        ("List[int]", [[1]], [["a"]]),
    ],
)
def test_values_are_of_the_declared_type(annotation, good, bad):
    assert [value for value in good if not fits(value, annotation)] == []
    assert [value for value in bad if fits(value, annotation)] == []


@pytest.mark.parametrize("annotation", ["", "Path", "np.ndarray", "Annotated[int, 3]", "((", "f()"])
def test_what_is_not_understood_is_not_checked(annotation):
    assert fits("hello", annotation)
