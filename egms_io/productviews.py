"""A product at a glance: a few lines of text, and the same with maps for notebooks."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from egms_io.finished import FinishedProduct
from egms_io.formats.cellfields import VELOCITY_RAMP
from egms_io.formats.l3 import COMPONENTS
from egms_io.method.seriesmodels import DETERMINED

_PIXELS = 240  # of the longer side of a map
_SHOWN = 30  # bursts, outputs or warnings; what is more is counted

# Grey that is seen on light and dark pages, and no other colour: text is that of the page.
_EDGE = "border:1px solid rgba(128,128,128,.45)"
_CELL = f"{_EDGE};padding:2px 8px;text-align:left;vertical-align:top"


def text_view(product: FinishedProduct, report: Mapping[str, Any], written: Sequence[Path]) -> str:
    """Return the facts of a product, one a line.

    Parameters
    ----------
    report
        Of the product.
    written
        Its files, as far as they are known.
    """
    facts = _facts(product, report, written)
    width = max(map(len, facts))
    lines = [f"  {name:<{width}}  {value}" for name, value in facts.items()]
    return "\n".join([f"<{type(product).__name__} {product.area.name}>", *lines])


def html_view(product: FinishedProduct, report: Mapping[str, Any], written: Sequence[Path]) -> str:
    """Return the facts as HTML, with maps of velocity; parameters as for `text_view`."""
    facts = _facts(product, report, written)
    rows = "".join(_row(name, value) for name, value in facts.items())
    parts = [
        f"<strong>{escape(type(product).__name__)} {escape(product.area.name)}</strong>",
        f'<table style="border-collapse:collapse">{rows}</table>',
        '<div style="display:flex;flex-wrap:wrap;gap:16px;margin:8px 0">',
        *(_map(product, component) for component in COMPONENTS if product.cells),
        "</div>",
        _bursts(report["bursts"]),
        _list("warnings", report["warnings"]),
        _list("files", map(str, written)),
    ]
    return f"<div>{''.join(parts)}</div>"


def _facts(
    product: FinishedProduct, report: Mapping[str, Any], written: Sequence[Path]
) -> dict[str, str]:
    lattice, dates = product.area.lattice, product.method.dates
    west, south, east, north = lattice.bounds
    counts = dict(report["cells"])
    solved = counts.pop("cells", 0)
    fields = {f"no {name}" for name in DETERMINED}
    left_out = [f"{n} ({why})" for why, n in counts.items() if n and why not in fields]
    used = {entry["name"]: entry["pass"] for entry in report["bursts"] if entry["used"]}
    passes = [f"{list(used.values()).count(way)} {way}" for way in ("ascending", "descending")]
    looked_at = len({entry["name"] for entry in report["bursts"]})
    first, last = (f"{date[:4]}-{date[4:6]}-{date[6:]}" for date in (dates[0], dates[-1]))
    facts = {
        "area": f"{west:.0f} to {east:.0f} E, {south:.0f} to {north:.0f} N (m, EPSG:3035)",
        "dates": f"{len(dates)}, {first} to {last}",
        "cells": f"{solved:,} of {lattice.cell_m:g} m",
        "bursts": f"{len(used)} of {looked_at} used: {', '.join(passes)}",
    }
    if left_out:
        facts["cells"] += f"; left out: {', '.join(left_out)}"
    for component, word in COMPONENTS.items():
        speeds = product.velocities(component)
        known = speeds[~np.isnan(speeds)]
        if len(known):
            low, middle, high = np.percentile(known, [0, 50, 100])
            facts[f"{word} velocity"] = f"{low:.1f} to {high:.1f}, median {middle:.1f} mm / yr"
    for name in ("skipped", "warnings"):
        if report[name]:
            facts[name] = str(len(report[name]))
    facts["files"] = f"{len(written)} written" if written else "none yet: write(folder)"
    return facts


def _row(name: str, value: str) -> str:
    return (
        f'<tr><th style="{_CELL}">{escape(name)}</th><td style="{_CELL}">{escape(value)}</td></tr>'
    )


def _map(product: FinishedProduct, component: str) -> str:
    limit = product.velocity_limit
    words = f"{COMPONENTS[component]} velocity, {-limit:g} (red) to {limit:g} (blue) mm / yr"
    data = base64.b64encode(velocity_picture(product, component)).decode()
    return (
        f'<figure style="margin:0"><img alt="{escape(words)}" style="background:#c8c8c8;{_EDGE}" '
        f'src="data:image/png;base64,{data}">'
        f'<figcaption style="font-size:smaller">{escape(words)}</figcaption></figure>'
    )


def velocity_picture(product: FinishedProduct, component: str) -> bytes:
    """Return a small map of mean velocity over the cells as PNG, transparent where there is none.

    A pixel that holds several cells shows their mean.
    """
    from matplotlib import colormaps
    from matplotlib.image import imsave

    lattice, limit = product.area.lattice, product.velocity_limit
    keys = np.concatenate([block.table(component, ["cell"])["cell"] for block in product.blocks])
    row, column = np.divmod(keys, lattice.columns)
    row, column = row.max() - row, column - column.min()
    step = -(-int(max(row.max(), column.max()) + 1) // _PIXELS)
    shape = int(row.max()) // step + 1, int(column.max()) // step + 1
    speeds = product.velocities(component)
    known = ~np.isnan(speeds)
    place = np.ravel_multi_index((row[known] // step, column[known] // step), shape)
    count = np.bincount(place, minlength=shape[0] * shape[1])
    total = np.bincount(place, speeds[known], minlength=len(count))
    with np.errstate(invalid="ignore"):
        mean = np.ma.masked_invalid(total / count).reshape(shape)
    enlarged = np.ma.repeat(np.ma.repeat(mean, _scale(shape), 0), _scale(shape), 1)
    picture = io.BytesIO()
    imsave(
        picture, colormaps[VELOCITY_RAMP]((enlarged + limit) / (2 * limit), bytes=True),
        format="png",
    )  # fmt: skip
    return picture.getvalue()


def _scale(shape: tuple[int, int]) -> int:
    """Return how often a pixel is repeated, so that a small area is no dot."""
    return max(_PIXELS // max(shape), 1)


def _bursts(entries: Sequence[Mapping[str, Any]]) -> str:
    head = ("burst", "pass", "acquisitions", "first", "last", "in the area", "used")
    rows = [
        "".join(f'<td style="{_CELL}">{escape(str(value))}</td>' for value in values)
        for values in (
            (
                entry["name"], entry["pass"], entry["acquisitions"], entry["first"], entry["last"],
                entry["in the area"], "yes" if entry["used"] else entry["reason"],
            )
            for entry in entries[:_SHOWN]
        )
    ]  # fmt: skip
    names = "".join(f'<th style="{_CELL}">{name}</th>' for name in head)
    table = "".join(f"<tr>{row}</tr>" for row in [names, *rows])
    return _details(
        "bursts", len(entries), f'<table style="border-collapse:collapse">{table}</table>'
    )


def _list(title: str, texts: Iterable[str]) -> str:
    texts = list(texts)
    items = "".join(f"<li>{escape(text)}</li>" for text in texts[:_SHOWN])
    return _details(title, len(texts), f"<ul>{items}</ul>")


def _details(title: str, count: int, content: str) -> str:
    """Return a part that opens at a click; nothing where there is nothing to show."""
    if not count:
        return ""
    more = f"<p>and {count - _SHOWN} more</p>" if count > _SHOWN else ""
    return f"<details><summary>{count} {escape(title)}</summary>{content}{more}</details>"
