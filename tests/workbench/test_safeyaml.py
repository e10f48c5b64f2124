from __future__ import annotations

import datetime as dt
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import BadFile
from workbench.safeyaml import LARGEST_YAML, parse_yaml, read_yaml

LAUGHS = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    + [f"a{n}: &a{n} [{', '.join(10 * [f'*a{n - 1}'])}]" for n in range(1, 9)]
)


def test_values_are_plain():
    text = """
    text: a b
    number: 3
    small: 1e-3
    large: 2.E5
    flag: true
    nothing: null
    day: 2020-01-05
    list: [a, {b: 1}]
    block: |
      two
      lines
    """
    assert parse_yaml(text) == {
        "text": "a b",
        "number": 3,
        "small": 0.001,
        "large": 2e5,
        "flag": True,
        "nothing": None,
        "day": dt.date(2020, 1, 5),
        "list": ["a", {"b": 1}],
        "block": "two\nlines\n",
    }


def test_an_empty_text_is_none():
    assert parse_yaml("") is None
    assert parse_yaml("# a remark\n") is None


def test_anchors_and_merged_defaults_are_plain_too():
    text = "base: &b {cell: 100, name: x}\nours:\n  <<: *b\n  name: y\nagain: *b\n"
    found = parse_yaml(text)
    assert found["ours"] == {"cell": 100, "name": "y"}
    assert found["again"] == {"cell": 100, "name": "x"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1\nb: 2\n", "line 2: not YAML of plain values: while parsing a flow sequence"),
        ("a: 1\n b: 2\n", "line 2: not YAML of plain values: mapping values are not allowed"),
        ("a: 1\n\tb: 2\n", "line 2: not YAML"),
        ("a: 1\n---\nb: 2\n", "line 2: not YAML"),
        ("a: 1\nb: *none\n", "line 2: not YAML.*undefined alias"),
        ("a: 1\nb: !!python/object/apply:os.getcwd []\n", "line 2: not YAML.*python/object"),
        ("a: 1\nb: !mine {}\n", "line 2: not YAML.*!mine"),
        ("a: &a [*a]\n", "line 1: not YAML of plain values: it contains itself"),
        ("a: &a\n  b: *a\n", "line 1: not YAML of plain values: it contains itself"),
        ("x:\n  a: {op: x}\n  a: {op: y}\n", "line 3: 'a' stands twice"),
        ("1: a\n1.0: b\n", "line 2: 1.0 stands twice"),
        ("? [a]\n: b\n", "line 1: not YAML.*unhashable key"),
        ("a: !!bool maybe\n", "line 1: 'maybe' is not a value of tag bool"),
        ("a: 1\nb: !!timestamp soon\n", "line 2: 'soon' is not a value of tag timestamp"),
        ('a: !!int ""\n', "line 1: '' is not a value of tag int"),
        ("a: !!float -\n", "line 1: not YAML|line 1: '-' is not a value of tag float"),
        ("a: !!map [1]\n", "line 1: the tag is that of a mapping"),
        ("a: !!set [1]\n", "line 1: the tag is that of a mapping"),
        ("day: 1\nof: 2020-13-45\n", r"line 2: '2020-13-45' cannot be read: month"),
        ("a: 1\nb: \x00\n", "line 2: not text"),
        (LAUGHS, r"more than 1,000,000 values, aliases counted"),
        ("[" * 5000, "nested too deeply"),
        ("x" * (LARGEST_YAML + 1), r"1,000,001 characters, the limit is 1,000,000"),
    ],
)
def test_anything_else_is_refused_in_one_line(text, said):
    with pytest.raises(BadFile, match=rf"^p\.yaml.*{said}") as caught:
        parse_yaml(text, "p.yaml")
    assert "\n" not in str(caught.value)


def test_a_file_is_named(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text("a: ä\n", "utf-8")
    assert read_yaml(path) == {"a": "ä"}
    path.write_text("a: 1\na: 2\n")
    with pytest.raises(BadFile, match=r"p\.yaml, line 2: 'a' stands twice"):
        read_yaml(path)


def test_what_cannot_be_read_is_named(tmp_path):
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "large.yaml").write_text("# " + "x" * 20)
    for name, said in {
        "none.yaml": "no such file",
        ".": "cannot be read: Is a directory",
        "bytes.yaml": "not UTF-8 text",
        "large.yaml": "larger than 10 bytes",
    }.items():
        with pytest.raises(BadFile, match=said) as caught:
            read_yaml(tmp_path / name, largest=10)
        assert str(caught.value).startswith(str(tmp_path / name))


def test_the_error_is_the_callers():
    with pytest.raises(KeyError, match="stands twice"):
        parse_yaml("{a: 1, a: 2}", error=KeyError)


# JSON writes what lies beyond as two halves, which YAML leaves apart.
words = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]))
# YAML takes no key of more than 1,024 characters, and JSON writes one of them as six.
keys = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=150)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
plain = st.recursive(
    st.none() | st.booleans() | numbers | words,
    lambda inner: st.lists(inner) | st.dictionaries(keys, inner),
)


@given(plain)
def test_json_is_yaml(value):
    assert parse_yaml(json.dumps(value)) == value


@given(st.text())
def test_any_text_gives_a_value_or_one_error(text):
    with suppress(BadFile):
        parse_yaml(text, "p.yaml")
