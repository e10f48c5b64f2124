"""One burst: read, summed by cell and stored as a partial, in the memory of a few batches."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from egms_io.burstgeometry import Heading
from egms_io.cells import Area
from egms_io.errors import BadBurst
from egms_io.formats.archive import readable, stated_md5
from egms_io.formats.bursts import Burst
from egms_io.formats.plausible import LARGEST_JUMP_MM, LARGEST_MM, Remarks
from egms_io.formats.points import read_points
from egms_io.mapreduce.binning import sum_burst
from egms_io.mapreduce.partials import FORMAT, Partial, save_partial, stored_partial
from egms_io.plan import BurstOptions, Md5Policy
from workbench.files import file_record
from workbench.manifests import Manifest

_LEFT_OUT = {
    "no line of sight": "points without a unit line-of-sight vector left out",
    "duplicate": "points with a PID met before left out",
    "incomplete": "points with missing values left out (combine='point' needs whole series)",
    "bad rows": "unreadable rows left out",
}

_REMARKS = {
    "marks": (
        "marks of missing values",
        "values such as -9999 mark missing ones and are taken as missing",
    ),
    "impossible": (
        "impossible",
        f"points left out whose displacement is beyond {LARGEST_MM / 1000:g} m or changes between "
        f"acquisitions by more than {LARGEST_JUMP_MM:.0f} mm (ten half wavelengths)",
    ),
}


def map_burst(
    burst: Burst,
    area: Area,
    folder: Path,
    options: BurstOptions,
    records: Sequence[dict[str, Any]] = (),
) -> Partial:
    """Read a burst, sum it by cell and store the sums; reuse a partial of the same content.

    Parameters
    ----------
    folder
        Holds the partials.
    records
        Of its files, as of `workbench.files.file_record`, where they are known; else they are read
        for it.

    Raises
    ------
    BadBurst
        Naming the file and what is wrong with it.
    """
    records = tuple(records) or tuple(_record(part.path) for part in burst.parts)
    notes = [*burst.notes, *_check_md5(burst, records, options.md5)]
    path = folder / f"partial_{burst.name}_{_key(records, area, options)}.arrow"
    partial = stored_partial(path)
    if partial is None:
        partial = _sum_to(path, burst, area, options)
    # Notes on the file are of this run; only what was met in its rows is stored.
    return replace(partial, warnings=(*notes, *partial.warnings), records=records)


def _record(path: Path) -> dict[str, Any]:
    with readable(path):
        return file_record(path)


def _sum_to(path: Path, burst: Burst, area: Area, options: BurstOptions) -> Partial:
    tally: Counter[str] = Counter()
    heading, remarks = Heading(burst), Remarks()
    points = heading.watch(read_points(burst, tally, skip_rows=options.skip_rows, remarks=remarks))
    try:
        sums = sum_burst(points, area, per_point=options.per_point, tally=tally)
    except BadBurst as error:
        name = str(burst.parts[0].path)
        raise BadBurst(str(error) if name in str(error) else f"{name}: {error}") from error
    direction, conflict = heading.direction()
    left_out = [
        f"{burst.parts[0].path}: {tally[reason]} {words}"
        for reason, words in _LEFT_OUT.items()
        if tally[reason]
    ]
    tally.update({_REMARKS[kind][0]: count for kind, count in remarks.counts.items()})
    left_out += [
        f"{burst.parts[0].path}: {count} {_REMARKS[kind][1]}; the first: {remarks.first[kind]}"
        for kind, count in remarks.counts.items()
    ]
    warnings = (*conflict, *left_out)
    partial = Partial(path, str(burst.name), burst.dates, direction, tally=tally, warnings=warnings)
    return save_partial(path, partial, sums, area.lattice)


def _check_md5(burst: Burst, records: Sequence[Mapping[str, Any]], policy: Md5Policy) -> list[str]:
    """Return notes on wrong checksums, or raise for the first one."""
    notes: list[str] = []
    for part, record in zip(burst.parts, records, strict=True):
        stated = None if policy == "ignore" else stated_md5(part.path)
        if stated is None or stated == record["md5"]:
            continue
        message = f"{part.path}: the MD5 is {record['md5']}, its .md5 file states {stated}"
        if policy == "error":
            raise BadBurst(f"{message}; get the file again, or pass md5='warn'")
        notes.append(message)
    return notes


def _key(records: Sequence[Mapping[str, Any]], area: Area, options: BurstOptions) -> str:
    """Return a name for what a partial depends on."""
    outline = area.outline_wkb()
    parameters = {
        "order": [record["md5"] for record in records],  # of points with one PID the first counts
        "lattice": area.lattice,
        "outline": None if outline is None else hashlib.sha256(outline).hexdigest(),
        "per_point": options.per_point,
        "skip_rows": options.skip_rows,
    }
    return Manifest(tuple(records), parameters, f"partial {FORMAT}").key[:16]
