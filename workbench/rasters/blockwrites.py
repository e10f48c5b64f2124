"""A large result, written tile by tile into one Zarr store: bounded memory, resumable.

A tile is one block of the grid with all output dates. It is read, solved and written in one task,
in this process or on a Dask worker, and then marked as done; a run that was killed goes on with the
others. Tiles share no chunk of the store, so they can be written at the same time and again.
"""
# mypy: allow-untyped-calls

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask.config
import numpy as np
import xarray as xr
from dask import optimize  # type: ignore[attr-defined]

from workbench.errors import BadInput
from workbench.progress import progress
from workbench.rasters.writers import BLOCK, aligned, encoding

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["write_tiles"]

logger = logging.getLogger(__name__)

Tile = tuple[slice, slice]

IN_FLIGHT = 2  # tiles per thread that a cluster is given at a time


def write_tiles(dataset: xr.Dataset, store: Path, done: Path, client: Client | None) -> int:
    """Write a lazy dataset into the Zarr store `store`; return how many tiles were written now.

    Parameters
    ----------
    dataset
        With dims time, band, y, x; on Dask, space in chunks of 256 or a multiple.
    done
        Folder of marks, one per finished tile. Store and marks belong together.
    client
        Where to work; None for the threads of this process.
    """
    tiles = list(_tiles(dataset))
    if not store.exists() or not done.exists():
        _lay_out(dataset, store)
        done.mkdir(parents=True, exist_ok=True)
    open_tiles = [tile for tile in tiles if not _mark(done, tile).exists()]
    if len(open_tiles) < len(tiles):
        left, total = len(tiles) - len(open_tiles), len(tiles)
        logger.info("%d of %d tiles are done, going on", left, total)
    calls = (
        (_part(dataset, tile), str(store), tile, str(_mark(done, tile))) for tile in open_tiles
    )
    finished = _there(calls, client) if client else _here(calls)
    for _ in progress(finished, total=len(open_tiles), label="solving", unit="tiles"):
        pass
    for unfinished in store.rglob("*.partial"):  # of a process that was killed while it wrote
        unfinished.unlink()
    return len(open_tiles)


def _lay_out(dataset: xr.Dataset, store: Path) -> None:
    """Write the store without its values: coordinates, shapes, chunks, attributes."""
    store.parent.mkdir(parents=True, exist_ok=True)
    aligned(dataset).to_zarr(
        store, mode="w", compute=False, encoding=encoding(dataset), zarr_format=2
    )


def _tiles(dataset: xr.Dataset) -> Iterator[Tile]:
    rows, columns = (_spans(dataset["reflectance"].chunksizes[dim], dim) for dim in ("y", "x"))
    for row in rows:
        for column in columns:
            yield row, column


def _spans(chunks: tuple[int, ...], dim: str) -> list[slice]:
    if any(size % BLOCK for size in chunks[:-1]):
        raise BadInput(f"chunks {chunks} along {dim}: read the cube in chunks of {BLOCK} pixels")
    ends = np.cumsum(chunks).tolist()
    return [slice(end - size, end) for end, size in zip(ends, chunks, strict=True)]


def _part(dataset: xr.Dataset, tile: Tile) -> xr.Dataset:
    """Return one tile of the dataset with no more of the graph than it needs."""
    part = dataset.isel(y=tile[0], x=tile[1])
    (part,) = optimize(part)
    found: xr.Dataset = part.drop_vars(list(part.coords))
    return found


def _mark(done: Path, tile: Tile) -> Path:
    return done / f"{tile[0].start}-{tile[1].start}"


def solve_tile(part: xr.Dataset, store: str, tile: Tile, mark: str) -> None:
    """Compute a tile in this thread and write it into its place in the store."""
    import dask.array as da
    import zarr

    group: Any = zarr.open_group(store, mode="r+")
    place = {"y": tile[0], "x": tile[1]}
    variables = {name: variable for name, variable in part.items() if variable.ndim}
    with dask.config.set(scheduler="synchronous"):
        da.store(
            [variable.data for variable in variables.values()],
            [group[str(name)] for name in variables],
            regions=[
                tuple(place.get(str(dim), slice(None)) for dim in variable.dims)
                for variable in variables.values()
            ],
            lock=False,
        )
    Path(mark).touch()


def _here(calls: Iterable[Any]) -> Iterator[None]:
    cores = os.cpu_count() or 1
    with ThreadPoolExecutor(cores) as pool:
        running = {pool.submit(solve_tile, *call) for call in islice(calls, cores)}
        while running:
            future = next(as_completed(running))
            running.remove(future)
            future.result()
            running |= {pool.submit(solve_tile, *call) for call in islice(calls, 1)}
            yield


def _there(calls: Iterable[Any], client: Client) -> Iterator[None]:
    from uuid import uuid4

    from distributed import as_completed as completed

    def send(call: Any) -> Any:
        return client.submit(
            solve_tile, *call, key=f"solve_tile-{uuid4().hex}", pure=False, retries=2
        )

    threads = sum(client.nthreads().values()) or 1
    calls = iter(calls)
    waiting = completed([send(call) for call in islice(calls, IN_FLIGHT * threads)])
    for future in waiting:
        future.result()
        for call in islice(calls, 1):
            waiting.add(send(call))
        yield
