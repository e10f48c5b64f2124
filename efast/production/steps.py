"""Steps between, written under their names: a Zarr store each, beside a manifest of their own."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from efast.cubes.intermediates import NAMES, ONE_SERIES, intermediates, without_classes
from efast.cubes.preparation import Prepared
from efast.errors import BadInput
from efast.production.request import Request
from workbench.files import sweep
from workbench.manifests import Manifest, check_outputs
from workbench.rasters.blockwrites import write_blocks
from workbench.rasters.stores import open_store, replace_folder, whole_store, zarr_store

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["FOLDER", "checked_steps", "clear_other_steps", "open_steps", "write_steps"]

logger = logging.getLogger(__name__)

CLASSES = "s2_cloud_flags"
FOLDER, WORK, MANIFEST = "intermediates", ".steps", "manifest.json"


def checked_steps(names: str | Sequence[str], request: Request) -> tuple[str, ...]:
    """Return names of steps, each once.

    Raises
    ------
    BadInput
        If one is not known, or the images will not have what it needs.
    """
    wanted = tuple(dict.fromkeys([names] if isinstance(names, str) else names))
    if unknown := [name for name in wanted if name not in NAMES]:
        raise BadInput(f"keep: {', '.join(unknown)} is not one of {', '.join(NAMES)}")
    for name in wanted:
        if request.classes and name in ONE_SERIES:
            raise without_classes(name)
    if CLASSES in wanted and not (request.labelled and {"scl", "SCL"} & set(request.fine)):
        raise BadInput(
            f"keep: {CLASSES} needs a cube in memory with a variable scl (time, y, x) beside "
            "reflectance and weight; images that are read come without"
        )
    return wanted


def clear_other_steps(output: Path, manifest: Manifest) -> None:
    """Remove steps of another manifest: those of results that have been replaced."""
    folder = output / FOLDER
    if (folder / MANIFEST).exists() and not manifest.vouches(folder / MANIFEST):
        shutil.rmtree(folder)


def write_steps(
    names: Sequence[str],
    output: Path,
    prepared: Callable[[], Prepared],
    manifest: Manifest,
    *,
    client: Client | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Write steps that are not there yet.

    Parameters
    ----------
    names
        Of `efast.cubes.intermediates.NAMES`.
    output
        Folder of the run; they go to ``intermediates/<name>.zarr``.
    prepared
        Gives both sensors; called only where something is missing.
    manifest
        What they are made from.
    client
        Where to work; None for the threads of this process.
    overwrite
        Replace those of other inputs or parameters.

    Returns
    -------
    list of Path
        One store for each name.

    Raises
    ------
    BadInput
        If a step was not taken, see `efast.cubes.intermediates.intermediates`.
    workbench.errors.OutputExists
        If steps of another run are in the way and `overwrite` is false.
    """
    folder = output / FOLDER
    stores = {name: folder / f"{name}.zarr" for name in names}
    path = folder / MANIFEST
    if not check_outputs(
        list(stores.values()), path, manifest, overwrite=overwrite, check=whole_store
    ):
        _tidied(folder)
        return list(stores.values())
    folder.mkdir(parents=True, exist_ok=True)
    manifest.save(path, sorted(folder.glob("*.zarr")))
    work = folder / WORK / manifest.key[:16]
    for name, store in stores.items():
        if store.exists():
            continue
        found = intermediates(prepared(), [name])
        if found[name].chunks is None:
            zarr_store(found, store)
        else:
            hidden = work / store.name
            write_blocks(found, hidden, work / f"{name}-done", client, label=name)
            whole_store(hidden)
            replace_folder(hidden, store)
        logger.info("%s: %s", name, NAMES[name])
    _tidied(folder)
    return list(stores.values())


def _tidied(folder: Path) -> None:
    """Remove what this run, or one that was killed, has left beside its steps."""
    shutil.rmtree(folder / WORK, ignore_errors=True)
    sweep(folder)


def open_steps(output: str | os.PathLike[str]) -> xr.Dataset:
    """Open the steps between that a run has kept, lazily.

    Parameters
    ----------
    output
        Folder of the run.

    Returns
    -------
    xarray.Dataset
        A variable for each, see `efast.cubes.intermediates.intermediates`.

    Raises
    ------
    BadInput
        If it has kept none.
    """
    stores = sorted((Path(output) / FOLDER).glob("*.zarr"))
    if not stores:
        raise BadInput(f"{output} holds no steps between: run with keep=, see efast.run")
    return xr.merge([open_store(store) for store in stores], join="exact", compat="identical")
