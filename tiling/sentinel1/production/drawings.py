"""The steps of a tile as a picture: boxes in columns, each joined to those it needs."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from tiling.sentinel1.production.steps import Kind, Step
from workbench.files import atomic

__all__ = ["draw_steps"]

_COLOURS: dict[Kind, str] = {
    "image": "#d9d2e9",
    "incidence": "#fce5cd",
    "tile": "#cfe2f3",
    "mask": "#eeeeee",
    "hidden": "#d9d9d9",
    "filtered": "#d9ead3",
    "quicklook": "#fff2cc",
    "item": "#f4cccc",
}

_WIDE, _HIGH = 470, 40  # of a box, pixels
_ACROSS, _DOWN = 80, 16  # between boxes
_EDGE = 20
_LETTERS = 66  # of a name that fit into a box


def draw_steps(
    path: Path, steps: Sequence[Step], products: Sequence[str], standing: Sequence[str] = ()
) -> Path:
    """Draw steps as SVG.

    Parameters
    ----------
    path
        Of the picture; an older one is replaced.
    steps
        Of one tile.
    products
        Names of the products that it is made from, in the first column.
    standing
        Names of steps that need not be done, which are drawn pale.
    """
    columns = _columns(steps, products)
    places: dict[str, tuple[int, int]] = {}
    for number, names in enumerate(columns):
        for row, name in enumerate(names):
            left = _EDGE + number * (_WIDE + _ACROSS)
            places[name] = (left, _EDGE + row * (_HIGH + _DOWN))
    wide = 2 * _EDGE + len(columns) * (_WIDE + _ACROSS) - _ACROSS
    high = 2 * _EDGE + max((len(names) for names in columns), default=1) * (_HIGH + _DOWN)
    kinds = {step.name: step.kind for step in steps}
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" '
        f'viewBox="0 0 {wide} {high}" font-family="sans-serif" font-size="12">',
        *_arrows(steps, products, places),
        *(_box(name, kinds.get(name), place, name in standing) for name, place in places.items()),
        "</svg>",
    ]
    with atomic(path, "w", overwrite=True) as file:
        file.write("\n".join(lines) + "\n")
    return path


def _columns(steps: Sequence[Step], products: Sequence[str]) -> list[list[str]]:
    """Return the names in each column: a step stands right of all that it needs."""
    depth: dict[str, int] = dict.fromkeys(products, 0)
    for _ in range(len(steps) + 1):  # as often as a chain can be long
        for step in steps:
            depth[step.name] = 1 + max((depth.get(name, 0) for name in step.needs), default=0)
    columns: list[list[str]] = [[] for _ in range(max(depth.values(), default=0) + 1)]
    for name in (*products, *(step.name for step in steps)):
        columns[depth[name]].append(name)
    return columns


def _arrows(
    steps: Sequence[Step], products: Sequence[str], places: dict[str, tuple[int, int]]
) -> list[str]:
    lines = []
    for step in steps:
        used = [name for name in products if name in getattr(step.work, "products", ())]
        for name in (*used, *step.needs):
            if name in places:
                (x1, y1), (x2, y2) = places[name], places[step.name]
                start, end = (x1 + _WIDE, y1 + _HIGH // 2), (x2, y2 + _HIGH // 2)
                middle = (start[0] + end[0]) // 2
                lines.append(
                    f'<path d="M{start[0]},{start[1]} C{middle},{start[1]} {middle},{end[1]} '
                    f'{end[0]},{end[1]}" fill="none" stroke="#888888"/>'
                )
    return lines


def _box(name: str, kind: Kind | None, place: tuple[int, int], pale: bool) -> str:
    x, y = place
    colour = "#ffffff" if kind is None else _COLOURS[kind]
    shown = name if len(name) <= _LETTERS else f"…{name[-_LETTERS + 1 :]}"
    opacity = ' opacity="0.45"' if pale else ""
    return (
        f'<g{opacity}><rect x="{x}" y="{y}" width="{_WIDE}" height="{_HIGH}" rx="5" '
        f'fill="{colour}" stroke="#444444"/><text x="{x + 8}" y="{y + 16}" fill="#666666">'
        f"{kind or 'product'}{', done' if pale else ''}</text>"
        f'<text x="{x + 8}" y="{y + 32}">{escape(shown)}</text></g>'
    )
