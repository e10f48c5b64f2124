"""Two products of one component compared: above all ours with the official one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from egms_io.dates import date_columns, to_days
from egms_io.errors import BadBurst, BadProduct
from egms_io.finished import FinishedProduct
from egms_io.formats.archive import members
from egms_io.formats.l3 import COMPONENTS, L3_ORTHO, format_dataframe
from egms_io.formats.names import component_of
from egms_io.frames import read_csv_or_zip

_EPSILON = 1e-6  # two printed values are the same when they differ by less


@dataclass(frozen=True)
class Comparison:
    """What `compare` found.

    Attributes
    ----------
    ours, other
        What was compared.
    cells
        Cells in both (``common``), only in the other (``missing``), only in ours (``extra``).
    dates
        Likewise for dates.
    series
        Absolute difference of the series over common cells and dates, mm: ``median``, ``p95``,
        ``max``; and the number of ``values`` and how many of them print the ``same``.
    fields
        For each field of the product: number of common cells (``values``), how many print the
        ``same``, and the largest difference (``max``).
    differences
        Arrays for the figure: ``series`` (dates, cells), ours less other, mm; ``dates``; of the
        cells ``easting``, ``northing`` and the two velocities ``ours`` and ``other``, mm / yr.
    """

    ours: str
    other: str
    cells: dict[str, int]
    dates: dict[str, int]
    series: dict[str, float]
    fields: dict[str, dict[str, float]]
    differences: dict[str, npt.NDArray[Any]]

    def as_dict(self) -> dict[str, Any]:
        """Return everything but the arrays, ready for JSON: null where one side has no value."""
        facts = {name: value for name, value in vars(self).items() if name != "differences"}
        facts["fields"] = {
            name: {key: None if np.isnan(value) else value for key, value in row.items()}
            for name, row in self.fields.items()
        }
        return facts

    def __str__(self) -> str:
        cells, dates, series = self.cells, self.dates, self.series
        lines = [
            f"ours   {self.ours}",
            f"other  {self.other}",
            "",
            f"cells  {cells['common']} common, {cells['missing']} missing, {cells['extra']} extra",
            f"dates  {dates['common']} common, {dates['missing']} missing, {dates['extra']} extra",
            "",
            f"series [mm]   median {series['median']:.3f}   95 % {series['p95']:.3f}   "
            f"max {series['max']:.3f}",
            "",
            f"{'field':<20}{'values':>9}{'same':>9}{'same %':>10}{'largest difference':>22}",
        ]
        rows = {"series": series, **self.fields}
        for name, row in rows.items():
            share = 100 * row["same"] / row["values"] if row["values"] else float("nan")
            largest = "one side is empty" if np.isnan(row["max"]) else f"{row['max']:.3g}"
            lines.append(
                f"{name:<20}{row['values']:>9.0f}{row['same']:>9.0f}{share:>10.3f}{largest:>22}"
            )
        return "\n".join(lines)


def compare(ours: Any, other: Any, component: str | None = None) -> Comparison:
    """Compare two products of the same component, cell by cell and date by date.

    Parameters
    ----------
    ours, other
        An L3 file (``.zip`` or ``.csv``), a frame, or a product of `egms_io.ortho`. Differences are
        of unrounded values where a side has them; "same" always means printed values.
    component
        ``"E"`` or ``"U"``: which one of a product is taken. By default that of the other side,
        where its file name tells, else east.

    Raises
    ------
    BadProduct
        When a side is no L3 product, one is east and the other up, or they share no cell or no
        date.
    """
    component = _shared_component(ours, other, component)
    left, right = _frame(ours, component), _frame(other, component)
    dates = [set(date_columns(frame.columns)) for frame in (left, right)]
    shared = sorted(dates[0] & dates[1])
    common = left.index.intersection(right.index)
    if not len(common) or not shared:
        what = "cell" if not len(common) else "date"
        raise BadProduct(f"{_label(ours)} and {_label(other)} share no {what}")
    one, two = left.loc[common], right.loc[common]
    difference = (one[shared] - two[shared]).to_numpy(float)
    size = np.abs(difference)
    same = np.abs(_printed(one, shared) - _printed(two, shared)) < _EPSILON
    return Comparison(
        ours=_label(ours),
        other=_label(other),
        cells=_overlap(set(left.index), set(right.index)),
        dates=_overlap(*dates),
        series={
            "median": float(np.nanmedian(size)),
            "p95": float(np.nanpercentile(size, 95)),
            "max": float(np.nanmax(size)),
            "values": int(same.size),
            "same": int(same.sum()),
        },
        fields=_compare_fields(one, two),
        differences={
            "series": difference.T,
            "easting": one.index.get_level_values("easting").to_numpy(float),
            "northing": one.index.get_level_values("northing").to_numpy(float),
            "ours": one["mean_velocity"].to_numpy(float),
            "other": two["mean_velocity"].to_numpy(float),
            "dates": to_days(shared),
        },
    )


def _compare_fields(one: Any, two: Any) -> dict[str, dict[str, float]]:
    rows = {}
    for field in L3_ORTHO.field_list:
        if not field.precision:
            continue
        a, b = (frame[field.name].to_numpy(float) for frame in (one, two))
        known = ~np.isnan(b)
        printed = [np.round(values, field.precision) for values in (a, b)]
        gap = np.abs(printed[0] - printed[1])[known]
        rows[field.name] = {
            "values": int(known.sum()),
            "same": int((gap < _EPSILON).sum()),
            "max": float(np.nanmax(gap, initial=0)) if not np.isnan(gap).all() else float("nan"),
        }
    return rows


def _printed(frame: Any, dates: list[str]) -> npt.NDArray[np.float64]:
    values: npt.NDArray[np.float64] = frame[dates].to_numpy(float).round(L3_ORTHO.date_precision)
    return values


def _overlap(ours: set[Any], other: set[Any]) -> dict[str, int]:
    return {
        "common": len(ours & other),
        "missing": len(other - ours),
        "extra": len(ours - other),
    }


def _shared_component(ours: Any, other: Any, asked: str | None) -> str:
    """Return the component that both sides hold, as far as they tell; refuse two different ones."""
    if asked not in (None, "E", "U"):
        raise BadProduct(f"component={asked!r}: choose 'E' or 'U'")
    held = [(_label(side), _component(side)) for side in (ours, other)]
    for label, component in held:
        if asked and component and component != asked:
            raise BadProduct(f"{label} holds {COMPONENTS[component]}, not {COMPONENTS[asked]}")
    known = sorted({component for _, component in held if component})
    if len(known) > 1:
        words = " and ".join(f"{label} holds {COMPONENTS[c]}" for label, c in held if c)
        raise BadProduct(f"two components cannot be compared: {words}")
    return asked or (known[0] if known else "E")


def _component(source: Any) -> str | None:
    """Return the component that a file or frame says it holds, None where it does not."""
    if isinstance(source, FinishedProduct):
        return None
    if not isinstance(source, str | Path):
        return getattr(source, "attrs", {}).get("component")
    named = component_of(str(source))
    if named is not None or Path(source).suffix.lower() != ".zip":
        return named
    try:
        return component_of(members(Path(source)).csv)
    except BadBurst:
        return None  # told when the file is read


def _frame(source: Any, component: str) -> Any:
    """Return a product as a frame indexed by the cell centre."""
    if isinstance(source, FinishedProduct):
        source = source.east if component == "E" else source.up
    if isinstance(source, str | Path):
        try:
            frame = read_csv_or_zip(source, read_xml=False)
        except (BadBurst, ValueError) as error:
            raise BadProduct(f"{source}: cannot be read: {error}") from error
        missing = [field.name for field in L3_ORTHO.field_list if field.name not in frame]
        if missing:
            raise BadProduct(f"{source}: no L3 Ortho product; it lacks {', '.join(missing)}")
        source = format_dataframe(frame)
    return source.set_index(["easting", "northing"])


def _label(source: Any) -> str:
    return str(source) if isinstance(source, str | Path) else type(source).__name__
