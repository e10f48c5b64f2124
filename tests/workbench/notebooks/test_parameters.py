from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import WorkbenchError
from workbench.notebooks.parameters import notebook_parameters, parameter_value, read_parameters

CELL = """
%matplotlib inline
aoi: str | None = None  # bounds or name
bursts: list[str] = [
    "a=b.zip",  # first
    "c.zip",
]  # input files
n_blocks = 8
label = "x == y"
start: "date" = None
folder: str
import os
a, b = 1, 2
"""


@pytest.fixture
def notebook(tmp_path):
    """Write a notebook whose second cell holds the given source, and return its path."""

    def write(source: str, tags: tuple[str, ...] = ("parameters",)):
        cells = [
            {"cell_type": "markdown", "metadata": {}, "source": ["# Title"]},
            {
                "cell_type": "code",
                "metadata": {"tags": list(tags)},
                "source": source.splitlines(keepends=True),
                "outputs": [],
                "execution_count": None,
            },
        ]
        path = tmp_path / "some.ipynb"
        path.write_text(
            json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
        )
        return path

    return write


def test_declarations_are_read_as_python_reads_them(notebook):
    found = notebook_parameters(notebook(CELL))
    assert [tuple(parameter) for parameter in found.values()] == [
        ("aoi", "str | None", "None", "bounds or name"),
        ("bursts", "list[str]", "['a=b.zip', 'c.zip']", "input files"),
        ("n_blocks", "", "8", ""),
        ("label", "", "'x == y'", ""),
        ("start", "'date'", "None", ""),
    ]
    assert str(found["aoi"]) == "aoi: str | None = None"
    assert str(found["n_blocks"]) == "n_blocks = 8"


def test_a_notebook_without_the_tag_has_none(notebook):
    assert notebook_parameters(notebook(CELL, tags=())) == {}


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"cells": 3}', '{"cells": [{}]}', "\x00"])
def test_what_is_no_notebook_is_named(tmp_path, content):
    path = tmp_path / "x.ipynb"
    path.write_text(content)
    with pytest.raises(WorkbenchError, match=r"x\.ipynb is not a notebook"):
        notebook_parameters(path)


def test_a_missing_notebook_is_named(tmp_path):
    with pytest.raises(WorkbenchError, match=r"x\.ipynb cannot be read"):
        notebook_parameters(tmp_path / "x.ipynb")


def test_a_cell_that_is_no_python_is_named(notebook):
    with pytest.raises(WorkbenchError, match="cell of parameters is not Python"):
        notebook_parameters(notebook("a = (1,"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("null", None),
        ("3", 3),
        ("-2.5", -2.5),
        ("1e-3", 1e-3),
        ("2.E5", 2e5),
        ("[1, 2.5, a]", [1, 2.5, "a"]),
        ("{a: 1}", {"a": 1}),
        ("E45N17", "E45N17"),
        ("'3'", "3"),
        ("", ""),
        (" ", " "),
        ("*.zip", "*.zip"),
        ("[unclosed", "[unclosed"),
        ("East: velocity", "East: velocity"),
        ("- a", "- a"),
        ("a #b", "a #b"),
        ("s3://bucket/{x}", "s3://bucket/{x}"),
        ("@home", "@home"),
        ("1e", "1e"),
        ("!!python/object/apply:os.getcwd []", "!!python/object/apply:os.getcwd []"),
    ],
)
def test_values_are_yaml_scalars(text, value):
    found = parameter_value(text)
    assert found == value
    assert type(found) is type(value)


def test_text_stays_where_it_is_what_is_declared():
    assert parameter_value("007", "str | None") == "007"
    assert parameter_value("null", "str | None") is None
    assert parameter_value("007", "int | str") == 7
    assert parameter_value("auto", "float | Literal['auto']") == "auto"


@given(st.text())
def test_any_text_gives_a_value_and_declared_text_stays(text):
    parameter_value(text)
    assert parameter_value(text, "str") == text


@given(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_json_scalars_keep_value_and_type(value):
    found = parameter_value(json.dumps(value))
    assert found == value
    assert type(found) is type(value)


def test_files_hold_plain_values(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text("cell: 100\nrate: 1e-3\nflag: true\nday: 2020-01-05\nbursts: [a, b]\n")
    found = read_parameters(path)
    assert found["rate"] == 0.001
    assert found["flag"] is True
    assert found["day"].isoformat() == "2020-01-05"
    path.write_text("")
    assert read_parameters(path) == {}


@pytest.mark.parametrize(
    "content", ["- a", "just text", "1: a", "a: [", "a: !!python/object/apply:os.getcwd []"]
)
def test_other_files_are_refused_by_name(tmp_path, content):
    path = tmp_path / "p.yaml"
    path.write_text(content)
    with pytest.raises(WorkbenchError, match=r"p\.yaml"):
        read_parameters(path)
    with pytest.raises(WorkbenchError, match=r"absent\.yaml"):
        read_parameters(tmp_path / "absent.yaml")
