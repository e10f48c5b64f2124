"""The checks that need several keys: domain, tiles and number of scenes belong together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tiling.scenes.meta.domainrules import (
    all_have_neighbours,
    cells,
    largest_tile,
    margin_in_force,
    neighbours_fit,
    satellite_longitudes,
    unseen,
)
from tiling.scenes.meta.keys import Values
from tiling.scenes.meta.model import Domain, Interval
from tiling.scenes.meta.producttypes import GOES
from tiling.scenes.meta.timespans import filters_of, nominal_scans

__all__ = ["check_domain", "check_sampling", "check_scenes", "check_trajectories", "domain_of"]

_CENTRE = ("central_latitude", "central_longitude")
_SIDES = ("l_zonal", "l_meridional")
_TRIPLETS = "sampling.triplets"
_MOST_CELLS = 100_000  # along a side; the whole disk has 21,696 at its sharpest


def domain_of(values: Values) -> Domain:
    """Return the domain; parts that are missing or wrong are None."""
    east = values["domain.central_longitude"]
    return Domain(
        _kind(values),
        values["domain.central_latitude"],
        east - 360 if east is not None and east > 180 else east,
        values["domain.l_zonal"],
        values["domain.l_meridional"],
        values["domain.pad"],
        values["domain.padding"],
    )


def _kind(values: Values) -> Any:
    given = any(f"domain.{name}" in values.given for name in _CENTRE + _SIDES)
    return values["domain.kind"] or ("rect" if given else "as_source")


def check_domain(values: Values, source: str | None, intervals: Sequence[Interval]) -> None:
    """Say what is wrong with the domain as a whole."""
    given = [name for name in _CENTRE + _SIDES if f"domain.{name}" in values.given]
    lacking = [name for name in _CENTRE + _SIDES if name not in given]
    kind = _kind(values)
    if kind != "rect" and given:
        also = ", ".join(given)
        values.say("E024", "domain.kind", f"{kind} takes no {also}: remove these, or write rect")
    elif kind == "rect" and lacking:
        values.say("E021", "domain", f"a rectangle needs {', '.join(lacking)} as well")
    elif kind == "as_source" and source in GOES:
        names = ", ".join(lacking)
        values.say("E021", "domain", f"GOES needs a rectangle: give {names}")
    domain = domain_of(values)
    if values.has(*(f"domain.{name}" for name in _CENTRE + _SIDES)) and kind == "rect":
        if source in GOES:
            _check_seen(values, domain, str(source), intervals)
        _check_cells(values)


def _check_seen(values: Values, domain: Domain, source: str, intervals: Sequence[Interval]) -> None:
    shares = {
        longitude: unseen(domain, longitude)
        for longitude in satellite_longitudes(source, intervals)
    }
    if shares and min(shares.values()) > 0:
        longitude = min(shares, key=lambda each: shares[each])
        values.say(
            "E022",
            "domain",
            f"{shares[longitude]:.0%} of its edge is beyond the disk that {source} sees from "
            f"longitude {longitude:g}: move the centre or shorten the sides",
        )


def _check_cells(values: Values) -> None:
    if not values.has("sampling.resolution"):
        return
    resolution = values["sampling.resolution"]
    for name in _SIDES:
        length = values[f"domain.{name}"]
        count, even = cells(length, resolution)
        if not 1 <= count <= _MOST_CELLS:
            values.say(
                "E030",
                "sampling.resolution",
                f"{resolution:g} m makes {count:,} pixels of {name} {length:g} m; "
                f"1 to {_MOST_CELLS:,} are possible",
            )
        elif not even:
            values.say(
                "W023",
                f"domain.{name}",
                f"{length:g} m is not a multiple of {resolution:g} m: {count} pixels, "
                f"{count * resolution:g} m, are used",
            )


def _shape(values: Values) -> tuple[int, int] | None:
    """Return the cells of the domain along x and y, None where they are not known."""
    sides = [f"domain.{name}" for name in _SIDES]
    if _kind(values) != "rect" or not values.has("sampling.resolution", *sides):
        return None
    x, y = (cells(values[side], values["sampling.resolution"])[0] for side in sides)
    return (x, y) if min(x, y) >= 1 else None


def check_sampling(values: Values) -> None:
    """Say which tiles do not fit into the domain, and which keys they lack."""
    on_plane = _kind(values) != "as_source"
    windows = ("sampling.rect-slidingwindow", "sampling.trajectories")
    needing = [path for path in windows if on_plane and path in values.given]
    if _TRIPLETS in values.given:
        needing.insert(0, _TRIPLETS)
        if f"{_TRIPLETS}.N_triplets" not in values.given:
            said = "missing: how many triplets, such as {train: 100, study: 20}"
            values.say("E032", f"{_TRIPLETS}.N_triplets", said)
    if needing and "sampling.resolution" not in values.given:
        said = f"missing: metres a pixel; {' and '.join(needing)} needs it"
        values.say("E030", "sampling.resolution", said)
    shape = _shape(values)
    if shape is None:
        return
    for path, code in zip(windows, ("E037", "E033"), strict=True):
        size = values[f"{path}.tile_N"] if path in values.given else None
        if size is not None and size > min(shape):
            values.say(code, f"{path}.tile_N", _too_large(values, size, shape, min(shape)))
    if _TRIPLETS in values.given:
        _check_triplets(values, shape)


def _too_large(values: Values, size: int, shape: tuple[int, int], largest: int) -> str:
    step = values["sampling.resolution"] / 1000
    fitting = f"the largest that fits is {largest}" if largest >= 8 else "no tile fits"
    return (
        f"a tile of {size} pixels is {size * step:g} km wide, the domain {shape[0] * step:g} x "
        f"{shape[1] * step:g} km; {fitting}, or enlarge the domain"
    )


def _check_triplets(values: Values, shape: tuple[int, int]) -> None:
    size, margin, scaling = (
        values[f"{_TRIPLETS}.{name}"] for name in ("tile_N", "edge_margin", "neigh_dist_scaling")
    )
    if size is None or margin is None or scaling is None:
        return
    path, largest = f"{_TRIPLETS}.tile_N", largest_tile(shape, margin, scaling)
    if size > min(shape):
        message = _too_large(values, size, shape, largest)
        values.say("E033", path, f"{message} (a neighbour counted in)")
        return
    if margin_in_force(shape, size, margin) != margin:
        said = f"the domain is narrower than {2 * margin:.3g} tiles: half a tile is kept instead"
        values.say("W033", f"{_TRIPLETS}.edge_margin", said)
    sides = f"{shape[0] / size:.3g} x {shape[1] / size:.3g} tiles"
    if not neighbours_fit(shape, size, margin, scaling):
        out = f"tile_N of at most {largest}, " if largest >= 8 else ""
        values.say(
            "E035",
            f"{_TRIPLETS}.neigh_dist_scaling",
            f"the domain has {sides}, and a neighbour {scaling:g} tiles away fits nowhere: take "
            f"{out}a larger domain or a smaller distance",
        )
    elif not all_have_neighbours(shape, size, scaling):
        values.say(
            "W035",
            f"{_TRIPLETS}.neigh_dist_scaling",
            f"the domain has {sides}: anchors near its centre have no neighbour {scaling:g} tiles "
            f"away and are drawn again; a square has room from {1 + 2**0.5 * scaling:.3g} tiles",
        )


def check_scenes(values: Values, intervals: Sequence[Interval]) -> None:
    """Say whether the period has too few scans of GOES for the collections."""
    counts, splitting, sector = (
        values[path]
        for path in (
            f"{_TRIPLETS}.N_triplets",
            f"{_TRIPLETS}.scene_collections_splitting",
            "sector",
        )
    )
    doubtful = any(
        problem.is_error and problem.path.startswith(("time", "domain.central_longitude"))
        for problem in values.problems
    )
    if not (counts and intervals and sector) or doubtful or splitting in (None, "shared"):
        return
    scans, days = nominal_scans(intervals, filters_of(values), sector, domain_of(values).longitude)
    named = [name for name, count in counts.items() if count > 0]
    wanted = f"the collections {', '.join(named)} need"
    lacking = ""
    if scans < 2 * len(named):
        lacking = f"{scans} scenes, and {wanted} {2 * len(named)}, two each"
    elif splitting == "by_time_blocks" and days < len(named):
        lacking = f"{days} day{'s' * (days != 1)} with scenes, and {wanted} a day each"
    if lacking:
        values.say(
            "E034b",
            f"{_TRIPLETS}.scene_collections_splitting",
            f"the period, after its filters, has {lacking}: lengthen it, ask for fewer "
            "collections, or write shared",
        )


def check_trajectories(values: Values, folder: Path | None) -> None:
    """Say whether the file of trajectories is needed and not named, or named and not there."""
    needing = [path for path in ("sampling.trajectories",) if path in values.given]
    if values["time.filters.using_trajectory_sampling"]:
        needing.append("time.filters.using_trajectory_sampling")
    if values["domain.kind"] == "spanning_trajectories":
        needing.append("domain.kind")
    path = "trajectories.filepath"
    if needing and path not in values.given:
        values.say("E038", path, f"missing: a netCDF file with time, lat and lon for {needing[0]}")
    if values[path] is None or folder is None:
        return
    try:
        there = (folder / values[path]).is_file()
    except (OSError, ValueError):
        there = False
    if not there:
        values.say("E038", path, f"{values[path]}: no such file in {folder}")
