"""Partials: the cell sums of one burst on disk, block by block.

A partial is an Arrow file with one record batch per block and what is known of the burst in its
schema. A block is loaded without touching the rest of the file, so finishing a block needs the
memory of that block, however many bursts there are. A partial depends on the burst and the cells,
not on output dates or kernel: it is reused when these change, or when a burst is added.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from egms_io.burstgeometry import Pass
from egms_io.cells import Lattice
from egms_io.dates import Days, to_days
from egms_io.method.sums import CellSums
from workbench.files import atomic

log = logging.getLogger(__name__)

FORMAT = 3  # raise when the content of a partial changes meaning

_COUNTS = ("key", "points", "heights", "velocities", "height", "gnss", "squared")


@dataclass(frozen=True)
class Partial:
    """The stored sums of one burst, and the facts they come with.

    Attributes
    ----------
    path
        The Arrow file; None when the burst has no point in the area.
    burst
        File name of the burst without suffix.
    dates
        Acquisition dates, ``YYYYMMDD``.
    direction
        Pass of the satellite, from the track angle or else from the line of sight.
    blocks
        Numbers of the blocks, in the order of the record batches.
    tally
        Points read and left out, by reason.
    warnings
        What a user should know.
    records
        Path, size and MD5 of the files of the burst, as this run found them; not stored.
    """

    path: Path | None
    burst: str
    dates: tuple[str, ...]
    direction: Pass = "ascending"
    blocks: tuple[int, ...] = ()
    tally: dict[str, int] = field(default_factory=Counter)
    warnings: tuple[str, ...] = ()
    records: tuple[dict[str, Any], ...] = ()

    @property
    def days(self) -> Days:
        """Acquisition dates, (acquisitions,) datetime64[D]."""
        return to_days(self.dates)


def save_partial(path: Path, partial: Partial, sums: CellSums | None, lattice: Lattice) -> Partial:
    """Write sums by block, atomically, and return `partial` with its path and blocks."""
    import pyarrow as pa

    if sums is None:
        sums = _empty(len(partial.dates))
    block = lattice.blocks(sums.key)
    order = np.lexsort((sums.key, block))
    blocks, starts = np.unique(block[order], return_index=True)
    ends = [*starts[1:], len(order)] if len(starts) else []
    batches = [
        _to_batch(sums.take(order[start:end])) for start, end in zip(starts, ends, strict=True)
    ]
    known = {
        "burst": partial.burst,
        "dates": partial.dates,
        "direction": partial.direction,
        "blocks": [int(number) for number in blocks],
        "tally": dict(partial.tally),
        "warnings": partial.warnings,
    }
    schema = _to_batch(sums.take(slice(0, 0))).schema.with_metadata({"partial": json.dumps(known)})
    with atomic(path, overwrite=True) as file, pa.ipc.new_file(file, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return open_partial(path)


def open_partial(path: Path) -> Partial:
    """Read the facts of a partial, but no sums."""
    import pyarrow as pa

    with pa.memory_map(str(path)) as file:
        known = json.loads(pa.ipc.open_file(file).schema.metadata[b"partial"])
    return Partial(
        path=path,
        burst=known["burst"],
        dates=tuple(known["dates"]),
        direction=known["direction"],
        blocks=tuple(known["blocks"]),
        tally=known["tally"],
        warnings=tuple(known["warnings"]),
    )


def stored_partial(path: Path) -> Partial | None:
    """Return the partial of an earlier run, None where there is none that can be read."""
    import pyarrow as pa

    if not path.exists():
        return None
    try:
        partial = open_partial(path)
    except (pa.ArrowInvalid, KeyError, TypeError, ValueError) as error:
        log.warning("%s: no partial sums, made anew: %s", path, error)
        return None
    log.info("%s: partial sums reused", partial.burst)
    return partial


def load_block(partial: Partial, block: int) -> CellSums:
    """Read the sums of one block, which must be among those of the partial."""
    import pyarrow as pa

    with pa.memory_map(str(partial.path)) as file:
        batch = pa.ipc.open_file(file).get_batch(partial.blocks.index(block))
        return _from_batch(batch, len(partial.dates))


def load_keys(partial: Partial, block: int) -> npt.NDArray[np.int64]:
    """Read only the keys of a burst's cells in a block, (m,) int64, ascending."""
    import pyarrow as pa

    with pa.memory_map(str(partial.path)) as file:
        batch = pa.ipc.open_file(file).get_batch(partial.blocks.index(block))
        keys: npt.NDArray[np.int64] = batch.column("key").to_numpy().copy()
        return keys


def _empty(acquisitions: int) -> CellSums:
    none = np.empty(0, np.int64)
    return CellSums(
        key=none,
        points=none,
        heights=none,
        velocities=none,
        los=np.empty((2, 0), np.int64),
        height=none,
        gnss=none,
        series=np.empty((1, acquisitions, 0), np.int64),
        squared=none,
    )


def _to_batch(sums: CellSums) -> Any:
    """Return sums as columns of int64: one per number, one per acquisition and channel."""
    import pyarrow as pa

    columns = {name: getattr(sums, name) for name in _COUNTS}
    for name in ("los", "squares", "present"):
        for number, values in enumerate(_rows(getattr(sums, name))):
            columns[f"{name}_{number}"] = values
    for channel, acquisitions in enumerate(sums.series):
        for number, values in enumerate(acquisitions):
            columns[f"series_{channel}_{number}"] = values
    return pa.RecordBatch.from_pydict({name: pa.array(values) for name, values in columns.items()})


def _from_batch(batch: Any, acquisitions: int) -> CellSums:
    names = set(batch.schema.names)

    def rows(name: str, count: int) -> Any:
        if f"{name}_0" not in names:
            return None
        return np.array([batch.column(f"{name}_{number}").to_numpy() for number in range(count)])

    channels = sum(f"series_{channel}_0" in names for channel in range(3))
    return CellSums(
        **{name: batch.column(name).to_numpy().copy() for name in _COUNTS},
        los=rows("los", 2),
        squares=rows("squares", 3),
        present=rows("present", acquisitions),
        series=np.array([rows(f"series_{channel}", acquisitions) for channel in range(channels)]),
    )


def _rows(values: npt.NDArray[np.int64] | None) -> Any:
    return () if values is None else values
