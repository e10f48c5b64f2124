"""Labels of two cubes, joined along a dimension that both have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.openeo.cubeprocesses.labels import SAME_PLACE, checked_coordinate
from workbench.openeo.cubes import Cube, Dimension, shown_labels
from workbench.openeo.errors import OpenEOError
from workbench.openeo.space.regrids import on_grid_of, same_crs
from workbench.openeo.values import Label

__all__ = ["Joined", "identical", "joined", "pixels_joined"]

Coordinate = npt.NDArray[Any]
Refuse = Callable[[str], OpenEOError]

METHOD = "near"
"""Of resampling that nobody asked for: the default of `resample_cube_spatial`."""

MOST_PIXELS = 2**26
"""Along one axis of a cube that joins two."""


@dataclass(frozen=True)
class Joined:
    """The labels along one dimension of a cube that holds two others."""

    values: Coordinate
    """Its coordinate, n."""
    first: npt.NDArray[np.intp]
    """Where each of them is in the first cube; -1 if it is not there."""
    second: npt.NDArray[np.intp]
    """The same for the second cube."""


def identical(values: Coordinate) -> Joined:
    """Return labels that both cubes have, in one order."""
    places = np.arange(len(values))
    return Joined(values, places, places)


def joined(first: Coordinate, second: Coordinate, dimension: Dimension) -> Joined:
    """Return the labels of two cubes along a dimension that is not of pixels.

    Along time and z they are sorted, descending if those of the first cube are, unless they are
    texts whose order is another. Elsewhere those of the second cube that the first one lacks come
    after those of the first.
    """
    first, second = _texts(first), _texts(second)
    partner = _partners(first, second, dimension)
    new = np.flatnonzero(partner < 0)
    values = _appended(first, second[new])
    in_first = np.concatenate([np.arange(len(first)), np.full(len(new), -1)])
    in_second = np.full(len(values), -1)
    in_second[partner[partner >= 0]] = np.flatnonzero(partner >= 0)
    in_second[len(first) :] = new
    if dimension.kind in ("temporal", "spatial"):
        order = _natural_order(first, second, values)
        values, in_first, in_second = values[order], in_first[order], in_second[order]
    return Joined(values, in_first.astype(np.intp), in_second.astype(np.intp))


def pixels_joined(
    one: Cube, other: Cube, process_name: str, refuse: Refuse
) -> tuple[Cube, dict[str, Joined]]:
    """Return the other cube with pixels that lie on those of the first, and their labels joined.

    Raises
    ------
    OpenEOError
        What `refuse` makes of the reason, if the dimensions of both are not alike, or pixels
        cannot be resampled.
    """
    _check_dimensions(one, other, refuse)
    axes = [axis for axis in ("x", "y") if one.axis(axis) and other.axis(axis)]
    names = [str(one.axis(axis)) for axis in axes]
    if one.crs is None or other.crs is None or same_crs(one.crs, other.crs):
        joins = {name: _joined_along(name, one, other, refuse) for name in names}
        known = {name: join for name, join in joins.items() if join is not None}
        if len(known) == len(joins):
            return other, known
    if len(axes) < 2 or one.crs is None or other.crs is None:
        raise refuse("its pixels do not lie on those of the other, and cannot be resampled")
    resampled = on_grid_of(other, one, METHOD, process=process_name)
    return resampled, {name: identical(one.array[name].values) for name in names}


def _joined_along(name: str, one: Cube, other: Cube, refuse: Refuse) -> Joined | None:
    first, second = (cube.array[name].values for cube in (one, other))
    steps = (one.step(name), other.step(name))
    try:
        return _joined_centres(first, second, steps)
    except ValueError as cause:
        raise refuse(f"along {name!r:.80} both together have {cause}") from cause


def _check_dimensions(one: Cube, other: Cube, refuse: Refuse) -> None:
    """Refuse dimensions of one name and two meanings, and x or y of two names."""
    for name, dimension in one.dimensions.items():
        like = other.dimensions.get(name, dimension)
        if (like.kind, like.axis) != (dimension.kind, dimension.axis):
            kinds = [f"{each.kind} {each.axis or ''}".strip() for each in (like, dimension)]
            raise refuse(f"{name!r:.80} is {kinds[0]} and not {kinds[1]}, as in the other")
    for axis in ("x", "y"):
        names = [one.axis(axis), other.axis(axis)]
        if None not in names and names[0] != names[1]:
            words = f"{axis} is called {names[1]!r:.80} and not {names[0]!r:.80}, as in the other"
            raise refuse(f"{words}; use rename_dimension")


def _joined_centres(
    first: Coordinate, second: Coordinate, steps: tuple[float | None, float | None]
) -> Joined | None:
    """Return the centres of pixels of two cubes along x or y; those between them are filled in.

    Parameters
    ----------
    first, second
        Centres, in units of one CRS.
    steps
        From one to the next, of each cube.

    Returns
    -------
    Joined or None
        In the direction of the first cube; None if the pixels of one do not lie on those of the
        other.

    Raises
    ------
    ValueError
        If the result would have more than `MOST_PIXELS`.
    """
    if not len(first) or not len(second):
        known = first if len(first) else second
        whole, none = np.arange(len(known)), np.full(len(known), -1)
        return Joined(known, *((whole, none) if len(first) else (none, whole)))
    sizes = {abs(step) for step in steps if step}
    if not sizes:
        same = bool(first[0] == second[0])
        return Joined(first, np.array([0]), np.array([0])) if same else None
    size = max(sizes)
    most = max(len(first), len(second))
    if size - min(sizes) > SAME_PLACE * size / most:
        return None
    step = steps[0] or steps[1] or size
    exact = (second - first[0]) / step
    places = np.rint(exact).astype(np.int64)
    if np.any(np.abs(exact - places) > SAME_PLACE):
        return None
    start, stop = min(0, int(places.min())), max(len(first), int(places.max()) + 1)
    if stop - start > MOST_PIXELS:
        raise ValueError(f"{stop - start} pixels, more than {MOST_PIXELS}")
    values = first
    if stop - start > len(first):
        values = first[0] + np.arange(start, stop) * step
        values[-start : len(first) - start] = first
    in_first = np.full(len(values), -1)
    in_first[-start : len(first) - start] = np.arange(len(first))
    in_second = np.full(len(values), -1)
    in_second[places - start] = np.arange(len(second))
    return Joined(values, in_first.astype(np.intp), in_second.astype(np.intp))


def _texts(values: Coordinate) -> Coordinate:
    """Return texts that are held as objects, as xarray does now and then, as texts."""
    texts = values.dtype.kind == "O" and all(isinstance(value, str) for value in values)
    return values.astype(np.str_) if texts else values


def _partners(first: Coordinate, second: Coordinate, dimension: Dimension) -> npt.NDArray[np.intp]:
    """Return where in the first cube each label of the second is; -1 if it is not there.

    Of several equal labels, as geometries may be, each has a partner of its own, or none.
    """
    geometries = dimension.kind == "geometry"
    if geometries and len(first) == len(second) and _all_equal(first, second):
        return np.arange(len(first))
    if geometries:
        partner = _equal_geometries(first, second)
    else:
        keys = _keys if first.dtype.kind == second.dtype.kind == "M" else shown_labels
        where = {label: place for place, label in enumerate(keys(first))}
        partner = np.array([where.get(label, -1) for label in keys(second)], np.intp)
    single = np.zeros(len(partner), bool)
    single[np.unique(partner, return_index=True)[1]] = True
    return np.where(single, partner, -1)


def _all_equal(first: Coordinate, second: Coordinate) -> bool:
    """Tell whether two lists of geometries have the same shapes in the same order."""
    import shapely

    return bool(np.all(shapely.equals(first, second)))


def _keys(times: Coordinate) -> list[Label]:
    """Return times as numbers, to the nanosecond: texts leave out what is below a millisecond."""
    counts: list[Label] = times.astype("datetime64[ns]").astype(np.int64).tolist()
    return counts


def _natural_order(
    first: Coordinate, second: Coordinate, values: Coordinate
) -> npt.NDArray[np.intp]:
    """Return the order in which labels of both cubes are sorted; as they are if they have none."""
    if values.dtype.kind == "O":
        return np.arange(len(values))
    descending = len(first) > 1 and bool(np.all(first[1:] < first[:-1]))
    order = np.argsort(values, kind="stable")
    if values.dtype.kind == "U":  # names of periods: sorted only if that is how they came
        for part in (first, second):
            steps = part[1:] < part[:-1] if descending else part[1:] > part[:-1]
            if not np.all(steps):
                return np.arange(len(values))
    return order[::-1] if descending else order


def _appended(first: Coordinate, second: Coordinate) -> Coordinate:
    """Return one coordinate after another; dates stand beside other labels as texts."""
    if not len(second) or not len(first):
        return second if len(second) else first
    kinds = {first.dtype.kind, second.dtype.kind}
    if len(kinds) == 1 or kinds <= set("iuf"):
        return np.concatenate([first, second])
    labels = [*shown_labels(first), *shown_labels(second)]
    return checked_coordinate(labels, Dimension("other"), process="merge_cubes", parameter="cube2")


def _equal_geometries(first: Coordinate, second: Coordinate) -> npt.NDArray[np.intp]:
    """Return where in the first cube each geometry of the second is, by shape; -1 if it is not."""
    import shapely

    pairs = shapely.STRtree(second).query(first)
    same = shapely.equals(first[pairs[0]], second[pairs[1]])
    found = np.full(len(second), -1, np.intp)
    found[pairs[1][same]] = pairs[0][same]
    return found
