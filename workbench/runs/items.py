"""A table of items: one row a run, one column a parameter of the notebook.

The whole table is checked before anything is submitted, and all that is wrong with it is told at
once, with line and column.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from workbench.errors import BadFile, BadInput
from workbench.notebooks.annotations import fits
from workbench.notebooks.parameters import Parameter, notebook_parameters, parameter_value

__all__ = ["Item", "read_items"]

NAME = "name"
"""The column that names items; without it they have the numbers of their rows."""

_SAFE = re.compile(r"\w[\w.-]{0,99}")
_OURS = (".ipynb", ".json")  # what else lies in the folder of the batch
_TOLD = 20  # of what is wrong with a table


class Item(NamedTuple):
    """A row of the table."""

    name: str
    """Name of the item, which is that of its folder too."""
    values: dict[str, Any]
    """Parameters of the notebook; those of an empty cell are left out."""


class _Row(NamedTuple):
    line: int
    cells: dict[str, str]


def read_items(
    table: str | os.PathLike[str], notebook: str | os.PathLike[str], common: Mapping[str, Any]
) -> list[Item]:
    """Read a CSV of items for a notebook.

    Parameters
    ----------
    table
        Comma-separated, UTF-8, with a header: parameters that the notebook declares, and ``name``.
        Cells are read as ``-p`` reads values.
    common
        Parameters that all items share; a cell wins over them.

    Raises
    ------
    BadFile
        If it is not such a table.
    BadInput
        If a column is no parameter, a value is not of the type that is declared, a name cannot be
        that of a folder or is there twice, or several items would write to one ``output``.
    """
    known = notebook_parameters(notebook)
    columns, rows = _read(Path(table))
    items = _named(rows, known)
    wrong = _wrong_columns(columns, known) + _wrong_names(rows)
    wrong += _wrong_outputs(rows, known, common)
    for row, item in zip(rows, items, strict=True):
        wrong += _wrong_values(row, item, known)
    if wrong:
        more = [f"and {len(wrong) - _TOLD} more"] if len(wrong) > _TOLD else []
        raise BadInput("\n  ".join([f"{table} does not fit {notebook}:", *wrong[:_TOLD], *more]))
    return items


def _read(table: Path) -> tuple[list[str], list[_Row]]:
    """Return the header and the rows, which have a cell for each column."""
    try:
        lines = list(_lines(table))
    except OSError as error:
        raise BadFile(f"{table} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadFile(f"{table} is not text in UTF-8: {error}") from error
    except csv.Error as error:
        raise BadFile(f"{table} is not comma-separated: {error}") from error
    if len(lines) < 2:
        raise BadFile(f"{table} has no items: a header and a row for each are needed")
    (_, columns), *rest = lines
    if len(columns) == 1 and ";" in columns[0]:
        raise BadFile(f"{table} is separated by semicolons: save it with commas")
    for line, cells in rest:
        if len(cells) != len(columns):
            raise BadFile(f"{table}: line {line} has {len(cells)} cells, not {len(columns)}")
    rows = [_Row(line, dict(zip(columns, cells, strict=True))) for line, cells in rest]
    return columns, rows


def _lines(table: Path) -> Iterator[tuple[int, list[str]]]:
    """Give the lines that are not empty, with the number of the first line of each."""
    with table.open(encoding="utf-8-sig", newline="") as file:
        reader, begun = csv.reader(file, strict=True), 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield begun, [cell.strip() for cell in cells]
            begun = reader.line_num + 1


def _wrong_columns(columns: list[str], known: Mapping[str, Parameter]) -> list[str]:
    listed = "; ".join(map(str, known.values())) or "none"
    twice = sorted({column for column in columns if columns.count(column) > 1})
    return [f"column {column} is there {columns.count(column)} times" for column in twice] + [
        f"column {column!r} is no parameter of the notebook, which has: {listed}"
        for column in columns
        if column not in known and column != NAME
    ]


def _wrong_names(rows: list[_Row]) -> list[str]:
    wrong, seen = [], dict[str, int]()
    for row in rows:
        if (name := row.cells.get(NAME)) is None:
            break
        where = f"line {row.line}, column {NAME}: {name!r}"
        if not _SAFE.fullmatch(name) or name.lower().endswith(_OURS):
            wrong.append(
                f"{where} cannot name a folder: letters, digits, and within also . _ -, at most "
                f"100, not ending in {' or '.join(_OURS)}"
            )
        elif name.casefold() in seen:
            wrong.append(f"{where} is the name of line {seen[name.casefold()]} too")
        seen.setdefault(name.casefold(), row.line)
    return wrong


def _wrong_outputs(
    rows: list[_Row], known: Mapping[str, Parameter], common: Mapping[str, Any]
) -> list[str]:
    """Find items that would write to the same folder."""
    if "output" not in known or len(rows) < 2:
        return []
    wrong, seen = [], dict[str, int]()
    for row in rows:
        output = row.cells.get("output") or common.get("output")
        if output and str(output) in seen:
            first = seen[str(output)]
            wrong.append(f"line {row.line}: output is {str(output)!r}, as for line {first}")
        seen.setdefault(str(output), row.line)
    return wrong


def _named(rows: list[_Row], known: Mapping[str, Parameter]) -> list[Item]:
    digits = len(str(len(rows)))
    return [
        Item(
            row.cells.get(NAME, f"{number:0{digits}d}"),
            {
                column: parameter_value(text, known[column].type)
                for column, text in row.cells.items()
                if column in known and text
            },
        )
        for number, row in enumerate(rows, 1)
    ]


def _wrong_values(row: _Row, item: Item, known: Mapping[str, Parameter]) -> list[str]:
    return [
        f"line {row.line}, column {column}: {row.cells[column]!r} is not {known[column].type}, as "
        f"the notebook declares {column}"
        for column, value in item.values.items()
        if not fits(value, known[column].type)
    ]
