"""Areas side by side as one product: a mosaic of the finished blocks of each.

A mosaic computes nothing: its values are those of the areas, each with the bursts and the period
that it has alone. Cells of all areas lie on the same lattice, so only their keys change; dates that
an area lacks are empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np

from egms_io.cells import Area, Lattice
from egms_io.dates import date_columns
from egms_io.errors import BadArgument
from egms_io.finished import Block, FinishedProduct
from egms_io.plan import Plan

_NAMED = 3  # areas whose names make up that of the mosaic; of more, the first and the last


@dataclass(frozen=True)
class MosaicPlan(Plan):
    """The request for several areas as one.

    Attributes
    ----------
    plans
        Those of the areas, in the order of their names.
    """

    plans: tuple[Plan, ...] = ()

    @property
    def parameters(self) -> dict[str, Any]:
        """All on which the values depend: those of every area too."""
        return super().parameters | {"areas": [plan.parameters for plan in self.plans]}

    @cached_property
    def inputs(self) -> tuple[dict[str, Any], ...]:
        """Path, size and MD5 of every file that is read."""
        records = {record["path"]: record for plan in self.plans for record in plan.inputs}
        return tuple(records[path] for path in sorted(records))

    @property
    def departures(self) -> tuple[str, ...]:
        """Words for what makes an area another one than its official product."""
        return tuple(dict.fromkeys(word for plan in self.plans for word in plan.departures))


@dataclass(frozen=True)
class MosaicBlock(Block):
    """A finished block of one area, read with the keys and dates of the mosaic.

    Attributes
    ----------
    own, lattice
        The cells of the area and of the mosaic.
    dates
        Of the mosaic, ``YYYYMMDD``.
    """

    own: Lattice | None = None
    lattice: Lattice | None = None
    dates: tuple[str, ...] = ()

    def table(self, component: str, columns: Sequence[str] | None = None) -> Any:
        """Read its rows, as `Block.table`; NaN at dates that the area lacks."""
        import pyarrow as pa

        assert self.own is not None
        assert self.lattice is not None
        table = super().table(component)
        known = {name: table[name] for name in table.column_names}
        row, column = np.divmod(table["cell"].to_numpy(), self.own.columns)
        row += self.own.row0 - self.lattice.row0
        column += self.own.column0 - self.lattice.column0
        known["cell"] = pa.array(row * self.lattice.columns + column)
        before, after = _around_dates(table.column_names)
        empty = np.full(table.num_rows, np.nan)
        names = columns or [*before, *self.dates, *after]
        return pa.table({name: known.get(name, empty) for name in names})


def mosaic_plan(plans: Sequence[Plan]) -> MosaicPlan:
    """Make one request of those of several areas.

    Parameters
    ----------
    plans
        At least one, of areas with the same cells.

    Raises
    ------
    BadArgument
        For areas that overlap or whose cells are of different sizes.
    """
    plans = sorted(plans, key=lambda plan: plan.area.name)
    for one, other in combinations([plan.area for plan in plans], 2):
        if one.lattice.cell_m != other.lattice.cell_m:
            raise BadArgument(f"areas {one.name} and {other.name} have cells of different sizes")
        if one.lattice.overlaps(other.lattice):
            raise BadArgument(
                f"areas {one.name} {one.lattice.bounds} and {other.name} {other.lattice.bounds} "
                "overlap: a mosaic would hold cells twice; several areas must be different tiles, "
                "or apart"
            )
    seen = [plan for plan in plans if plan.bursts] or plans
    dates = tuple(sorted({date for plan in seen for date in plan.method.dates}))
    bursts = {burst.name: burst for plan in plans for burst in plan.bursts}
    first = plans[0]
    return MosaicPlan(
        area=_union([plan.area for plan in plans]),
        method=replace(first.method, dates=dates),
        bursts=tuple(bursts[name] for name in sorted(bursts)),
        options=first.options,
        skip_bad=first.skip_bad,
        warnings=tuple(_different_periods(seen)),
        plans=tuple(plans),
    )


def mosaic_blocks(plan: Plan, products: Sequence[FinishedProduct]) -> list[Block]:
    """Return the blocks of several areas as those of their mosaic, south to north.

    Parameters
    ----------
    plan
        Of the mosaic, see `mosaic_plan`.
    products
        Of its areas.
    """
    blocks: list[Block] = [
        MosaicBlock(
            **vars(block),
            own=product.area.lattice,
            lattice=plan.area.lattice,
            dates=plan.method.dates,
        )
        for product in products
        for block in product.blocks
    ]
    return sorted(blocks, key=lambda block: block.number)


def _union(areas: Sequence[Area]) -> Area:
    """Return the area of several: its cells, its name, and the outline unless it is full."""
    import shapely

    bounds = np.array([area.lattice.bounds for area in areas])
    west, south = bounds[:, :2].min(axis=0)
    east, north = bounds[:, 2:].max(axis=0)
    lattice = Lattice.covering((west, south, east, north), areas[0].lattice.cell_m)
    whole = sum(area.lattice.columns * area.lattice.rows for area in areas)
    outline = None
    if whole < lattice.columns * lattice.rows:
        outline = shapely.union_all([shapely.box(*box) for box in bounds])
    names = [area.name for area in areas]
    if len(names) > _NAMED:
        names = [names[0], "to", names[-1], f"{len(names)}-areas"]
    return Area(lattice, "-".join(names), outline)


def _around_dates(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the columns before and behind the series."""
    dates = set(date_columns(names))
    places = [place for place, name in enumerate(names) if name in dates]
    return list(names[: places[0]]), list(names[places[-1] + 1 :])


def _different_periods(plans: Sequence[Plan]) -> list[str]:
    """Say that the areas do not cover the same dates."""
    periods = {plan.area.name: plan.method.dates for plan in plans}
    if len(set(periods.values())) == 1:
        return []
    words = ", ".join(f"{name} {dates[0]} to {dates[-1]}" for name, dates in periods.items())
    return [
        f"the areas have different periods ({words}): each keeps its own in the mosaic, with empty "
        "dates elsewhere and statistics of its own period; start and end make them the same"
    ]
