from __future__ import annotations

import functools
import operator
import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.tasks.calls import LARGEST_ARGUMENT, Call, _estimate, carry_out, refuse_heavy


@dataclass
class Spec:
    path: Path
    values: object


def check(function, *args, **kwargs):
    refuse_heavy(Call(function, args, kwargs), LARGEST_ARGUMENT)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (np.zeros(LARGEST_ARGUMENT + 1, "uint8"), r"ndarray\) weighs 100,001 bytes"),
        (bytes(LARGEST_ARGUMENT), r"bytes\) weighs 100,0\d\d bytes"),
        ("ä" * 60_000, r"str\) weighs 120,0\d\d bytes"),
        (list(range(100_000)), "list"),
        ({"nested": np.zeros((200, 200))}, "dict"),
        (Spec(Path("a"), [np.zeros(20_000)]), "Spec"),
        ([["text"] * 1000 for _ in range(1000)], "list"),
    ],
)
def test_heavy_arguments_are_refused(value, shown):
    with pytest.raises(ValueError, match=rf"argument 2 \({shown}.*pass a path or a spec"):
        check(print, 1, value)
    with pytest.raises(ValueError, match=rf"argument table \({shown}"):
        check(print, table=value)


def test_functions_that_carry_much_are_refused():
    table = np.zeros(100_000)
    for function in (functools.partial(np.add, table), lambda: table.sum()):
        with pytest.raises(ValueError, match="argument 0"):
            check(function)


def test_what_shares_its_parts_weighs_what_is_sent():
    shared = "x" * 50_000
    check(print, [shared] * 10)
    check(print, (1, 2.0, None, True, Path("a/b"), {"a": [b"c"]}, np.ones(100), operator.add))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
)


@given(values)
def test_the_estimate_is_near_what_pickle_makes(value):
    weight = len(pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL))
    assert _estimate(value, LARGEST_ARGUMENT) >= weight / 3 - 30


@pytest.mark.parametrize("mark", ["", ".", "..", "a/b", "/a", "a/"])
def test_a_mark_is_the_name_of_a_file(mark):
    with pytest.raises(ValueError, match="not the name of a file"):
        Call(print, mark=mark)


def test_the_mark_is_made_when_the_call_has_ended_well(tmp_path):
    mark = tmp_path / "mark"

    def work(fail):
        assert not mark.exists()
        if fail:
            raise OSError("no")
        return 3

    with pytest.raises(OSError, match="no"):
        carry_out(work, (True,), {}, str(mark))
    assert not mark.exists()
    assert carry_out(work, (), {"fail": False}, str(mark)) == 3
    assert mark.exists()
