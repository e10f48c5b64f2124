"""The parameters of a notebook: what it declares, and the values people give for them.

Declarations are read from the syntax of the cell tagged ``parameters``. papermill reads them line
by line and misses annotations such as ``str | None`` and values that hold an equals sign.
"""

from __future__ import annotations

import ast
import io
import json
import os
import re
import tokenize
from pathlib import Path
from typing import Any, NamedTuple

from workbench.errors import BadFile, WorkbenchError
from workbench.notebooks.annotations import fits
from workbench.safeyaml import parse_yaml, read_yaml

__all__ = ["Parameter", "notebook_parameters", "parameter_value", "read_parameters"]

_MAGIC = re.compile(r"^[%!]", re.MULTILINE)  # lines for IPython, not for Python


class Parameter(NamedTuple):
    """A parameter as the notebook declares it; every field is source text."""

    name: str
    type: str
    """Annotation, empty if there is none."""
    default: str
    help: str
    """Comment at the end of the line."""

    def __str__(self) -> str:
        kind = f": {self.type}" if self.type else ""
        return f"{self.name}{kind} = {self.default}"


def notebook_parameters(notebook: str | os.PathLike[str]) -> dict[str, Parameter]:
    """Return the parameters that a notebook declares, by name, in the order of their cell."""
    source = _parameter_cell(Path(notebook))
    try:
        statements = ast.parse(source).body
        comments = _comments(source)
    except (SyntaxError, tokenize.TokenError) as error:
        raise WorkbenchError(
            f"{notebook}: the cell of parameters is not Python: {error}"
        ) from error
    found: dict[str, Parameter] = {}
    for statement in statements:
        if isinstance(statement, ast.Assign):
            targets, annotation, value = statement.targets, None, statement.value
        elif isinstance(statement, ast.AnnAssign) and statement.value:
            targets, annotation, value = [statement.target], statement.annotation, statement.value
        else:
            continue
        kind = ast.unparse(annotation) if annotation else ""
        comment = comments.get(statement.end_lineno or 0, "")
        for target in targets:
            if isinstance(target, ast.Name):
                found[target.id] = Parameter(target.id, kind, ast.unparse(value), comment)
    return found


def _parameter_cell(notebook: Path) -> str:
    try:
        for cell in json.loads(notebook.read_text("utf-8"))["cells"]:
            if "parameters" in cell["metadata"].get("tags", ()):
                return _MAGIC.sub("#", "".join(cell["source"]))
    except OSError as error:
        raise WorkbenchError(f"{notebook} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WorkbenchError(f"{notebook} is not a notebook (format 4): {error!r}") from error
    return ""


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = (token for token in tokens if token.type == tokenize.COMMENT)
    return {token.start[0]: token.string.lstrip("# ") for token in comments}


def read_parameters(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a YAML file of parameters, a mapping of names to plain values.

    Raises
    ------
    BadFile
        If it cannot be read (see `workbench.safeyaml`) or holds anything else.
    """
    content = read_yaml(path)
    if content is None:
        return {}
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise BadFile(f"{path} holds a {type(content).__name__}, not `name: value` lines")
    return content


def parameter_value(text: str, declared: str = "") -> Any:
    """Return the value of a parameter typed on the command line, read as a YAML scalar.

    ``true`` is a bool, ``3`` an int, ``1e-3`` a float, ``null`` None, ``[1, 2]`` a list and
    ``{a: 1}`` a mapping; anything else is the text as typed, and so is everything for a parameter
    declared as ``str``, and what is not of the declared type where text is, as 007 for
    ``str | None``.
    """
    value = _scalar(text, declared)
    return text if fits(text, declared) and not fits(value, declared) else value


def _scalar(text: str, declared: str) -> Any:
    if declared == "str" or not text.strip():
        return text
    try:
        value = parse_yaml(text)
    except BadFile:
        return text
    quoted, bracketed = text[0] in "'\"", text[0] in "[{"
    if isinstance(value, str) and not quoted:
        return text
    if isinstance(value, dict | list) and not bracketed:
        return text
    return value
