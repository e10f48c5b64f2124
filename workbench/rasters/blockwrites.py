"""A large result, written block by block into one Zarr store: bounded memory, resumable.

A block is a window of the grid with all output dates. It is read, computed and written in one call,
in this process or on a Dask worker, and then marked as done; a run that was killed goes on with the
others. Blocks share no chunk of the store, so they can be written at the same time and again.
"""
# mypy: allow-untyped-calls

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask.config
import numpy as np
import xarray as xr
from dask import optimize  # type: ignore[attr-defined]

from workbench.disks import writing
from workbench.errors import BadInput
from workbench.rasters.stores import aligned, encoding
from workbench.rasters.windows import BLOCK, Span, Window
from workbench.tasks import Call, Tasks

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["write_blocks"]


def write_blocks(
    dataset: xr.Dataset,
    store: Path,
    done: Path,
    client: Client | None = None,
    *,
    label: str = "blocks",
    block: int = BLOCK,
) -> int:
    """Write a lazy dataset into a Zarr store, block by block.

    Parameters
    ----------
    dataset
        Variables with y and x as their last dims; on Dask, in chunks of `block` pixels or a
        multiple.
    store
        Folder of the Zarr store (format 2), laid out where it is missing or has other chunks.
    done
        Folder of marks, one per finished block; those blocks are not written again. Store and
        marks belong together: to start anew, remove both.
    client
        Where to work; None for the threads of this process.
    label
        Name of the progress bar.
    block
        Pixels along a chunk of the store.

    Returns
    -------
    int
        How many blocks were written in this call.

    Raises
    ------
    BadInput
        If the dataset is not chunked in this way.
    DiskFull, NotWritten
        If there is no room; finished blocks are kept.
    """
    blocks = list(_blocks(dataset, block))
    if not done.exists() or not _is_laid_out(dataset, store, block):
        shutil.rmtree(done, ignore_errors=True)  # marks of a store that is gone, or of another
        with writing(store):
            _lay_out(dataset, store, block)
            done.mkdir(parents=True)
    tasks = Tasks(client, done=done, label=label, unit="blocks", total=len(blocks), largest=None)
    tasks.feed(
        Call(write_block, (_part(dataset, window), str(store), window), mark=_mark(window))
        for window in blocks
        if not (done / _mark(window)).exists()
    )
    with writing(store):
        written = sum(1 for _ in tasks)
    for unfinished in store.rglob("*.partial"):  # of a process that was killed while it wrote
        unfinished.unlink()
    return written


def _is_laid_out(dataset: xr.Dataset, store: Path, block: int) -> bool:
    """Tell whether there is a store, and with these chunks: others would be shared by blocks."""
    import zarr

    if not store.exists():
        return False
    group: Any = zarr.open_group(store, mode="r")
    return all(
        name in group and group[name].chunks == said["chunks"]
        for name, said in encoding(dataset, block).items()
    )


def _lay_out(dataset: xr.Dataset, store: Path, block: int) -> None:
    """Write the store without its values: coordinates, shapes, chunks, attributes."""
    store.parent.mkdir(parents=True, exist_ok=True)
    aligned(dataset, block).to_zarr(
        store, mode="w", compute=False, encoding=encoding(dataset, block), zarr_format=2
    )


def _blocks(dataset: xr.Dataset, block: int) -> Iterator[Window]:
    rows, cols = (_spans(dataset, dim, block) for dim in ("y", "x"))
    for row in rows:
        for col in cols:
            yield Window(row, col)


def _spans(dataset: xr.Dataset, dim: str, block: int) -> list[Span]:
    chunks = dataset.chunksizes.get(dim, (dataset.sizes[dim],))
    if any(size % block for size in chunks[:-1]):
        raise BadInput(f"chunks {chunks} along {dim}: read the cube in chunks of {block} pixels")
    ends = np.cumsum(chunks).tolist()
    return [(end - size, end) for end, size in zip(ends, chunks, strict=True)]


def _part(dataset: xr.Dataset, window: Window) -> xr.Dataset:
    """Return one block of the dataset with no more of the graph than it needs."""
    rows, cols = window.slices
    (part,) = optimize(dataset.isel(y=rows, x=cols))
    found: xr.Dataset = part.drop_vars(list(part.coords))
    return found


def _mark(window: Window) -> str:
    (top, bottom), (left, right) = window
    return f"rows_{top}-{bottom}_columns_{left}-{right}"


def write_block(part: xr.Dataset, store: str, window: Window) -> None:
    """Compute a block in this thread and write it into its place in the store.

    Parameters
    ----------
    part
        The block: variables without coordinates.
    store
        Path of the Zarr store, laid out already.
    window
        Place of the block in the grid.
    """
    import dask.array as da
    import zarr

    group: Any = zarr.open_group(store, mode="r+")
    rows, cols = window.slices
    place = {"y": rows, "x": cols}
    variables = {name: variable for name, variable in part.items() if variable.ndim}
    targets: list[Any] = [_Target(group[str(name)]) for name in variables]
    with writing(store), dask.config.set(scheduler="synchronous"):
        da.store(
            [da.asarray(variable.data) for variable in variables.values()],
            targets,
            regions=[
                tuple(place.get(str(dim), slice(None)) for dim in variable.dims)
                for variable in variables.values()
            ],
            lock=False,
        )


class _Target:
    """An array of a store that is given a block of its chunks at a time.

    Zarr leaves out chunks of nothing but fill values, and compares every number for that, which
    costs as much as writing. Here a chunk is full at its first number that is not the fill value.
    """

    def __init__(self, array: Any) -> None:
        self.shape, self.dtype = array.shape, array.dtype
        self._array, self._full = array, array.with_config({"write_empty_chunks": True})

    def __setitem__(self, region: tuple[slice, ...], values: np.ndarray[Any, Any]) -> None:
        array = self._array if self._has_empty(values) else self._full
        array[region] = values

    def _has_empty(self, values: np.ndarray[Any, Any]) -> bool:
        """Tell whether a chunk, divided along its first dim, holds fill values only."""
        length = self._array.chunks[0]
        parts = (values[start : start + length] for start in range(0, len(values), length))
        return any(_is_empty(part, self._array.fill_value) for part in parts)


def _is_empty(values: np.ndarray[Any, Any], fill: Any) -> bool:
    def filled(some: np.ndarray[Any, Any]) -> bool:
        return bool(((some == fill) | ((some != some) & (fill != fill))).all())

    return values.size > 0 and filled(values[..., :1, :1]) and filled(values)
