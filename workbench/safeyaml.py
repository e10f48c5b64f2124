"""YAML that comes from outside: plain values, no key twice, nothing larger than it should be.

Values are text, numbers, booleans, null, dates, lists and mappings. Tags that would make objects
are refused, and so are documents that are small to read and huge to walk through: what an alias
stands for counts each time. Where YAML 1.1 differs from JSON and Python they win: 1e-3 is a number.
Every error is one line that names the file, the line in it and the reason.
"""

from __future__ import annotations

import os
import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from workbench.errors import BadFile

__all__ = ["LARGEST_YAML", "parse_yaml", "read_yaml"]

LARGEST_YAML = 1_000_000
"""Bytes of a file; files of settings and workflows have a few thousand."""

_MOST_VALUES = 1_000_000  # in a document, each alias counted as what it stands for


def read_yaml(
    path: str | os.PathLike[str],
    *,
    error: type[Exception] = BadFile,
    largest: int = LARGEST_YAML,
) -> Any:
    """Read a YAML file of plain values.

    Parameters
    ----------
    error
        What is raised, if not `workbench.errors.BadFile`; it is given the message.
    largest
        Bytes that the file may have.

    Returns
    -------
    Any
        The value; None if the file is empty.

    Raises
    ------
    BadFile
        If the file is missing, unreadable, too large, not UTF-8 or not YAML of plain values.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(largest + 1)
        text = content.decode("utf-8")
    except FileNotFoundError as reason:
        raise error(f"{path}: no such file") from reason
    except OSError as reason:
        raise error(f"{path}: cannot be read: {reason.strerror}") from reason
    except UnicodeDecodeError as reason:
        raise error(f"{path}: not UTF-8 text: {reason}") from reason
    if len(content) > largest:
        raise error(f"{path}: larger than {largest:,} bytes, the limit")
    return parse_yaml(text, str(path), error=error, largest=largest)


def parse_yaml(
    text: str,
    name: str = "the text",
    *,
    error: type[Exception] = BadFile,
    largest: int = LARGEST_YAML,
) -> Any:
    """Return the value of a YAML text; arguments and errors as for `read_yaml`.

    Parameters
    ----------
    name
        What the text is called in errors.
    """
    if len(text) > largest:
        raise error(f"{name}: {len(text):,} characters, the limit is {largest:,}")
    try:
        return _load(text)
    except yaml.MarkedYAMLError as reason:
        mark = reason.problem_mark or reason.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise error(f"{name}{line}: {_said(reason)}") from reason
    except yaml.reader.ReaderError as reason:
        number = text.count("\n", 0, reason.position) + 1
        raise error(f"{name}, line {number}: not text: {reason.reason}") from reason
    except RecursionError as reason:
        raise error(f"{name}: lists or mappings are nested too deeply") from reason


def _load(text: str) -> Any:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _weigh(node, {})
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _said(reason: yaml.MarkedYAMLError) -> str:
    if isinstance(reason, _Refused):
        return str(reason.problem)
    words = " ".join(word for word in (reason.context, reason.problem) if word)
    return f"not YAML of plain values: {words}"


class _Refused(yaml.MarkedYAMLError):  # type: ignore[misc]
    """What YAML allows and this module does not; the problem is the whole message."""

    def __init__(self, problem: str, mark: yaml.Mark) -> None:
        super().__init__(problem=problem, problem_mark=mark)


def _weigh(node: yaml.Node, known: dict[yaml.Node, int | None]) -> int:
    """Return the number of values below a node and refuse more than are sensible."""
    if node in known:
        size = known[node]
        if size is None:
            raise _Refused("not YAML of plain values: it contains itself", node.start_mark)
        return size
    known[node] = None
    parts: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        parts = [part for pair in node.value for part in pair]
    elif isinstance(node, yaml.SequenceNode):
        parts = node.value
    size = 1 + sum(_weigh(part, known) for part in parts)
    if size > _MOST_VALUES:
        raise _Refused(f"more than {_MOST_VALUES:,} values, aliases counted", node.start_mark)
    known[node] = size
    return size


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Plain values, no key twice, numbers as in JSON; errors bear the line."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Construct what a node stands for; 2020-13-45 looks like a date and is none."""
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, OverflowError) as reason:
            raise _Refused(f"{node.value!r} cannot be read: {reason}", node.start_mark) from reason
        except (AttributeError, LookupError) as reason:  # what PyYAML lets pass of !!bool maybe
            problem = f"{node.value!r} is not a value of tag {node.tag.rpartition(':')[2]}"
            raise _Refused(problem, node.start_mark) from reason

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Construct a mapping whose keys are different."""
        if not isinstance(node, yaml.MappingNode):  # of a tag such as !!map
            raise _Refused("the tag is that of a mapping, the value is not", node.start_mark)
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":  # <<: brings defaults, keys win
                continue
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable):  # what is not is refused below
                if key in seen:
                    problem = f"{key!r} stands twice: rename or remove one"
                    raise _Refused(problem, key_node.start_mark)
                seen.add(key)
        found: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return found


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)
