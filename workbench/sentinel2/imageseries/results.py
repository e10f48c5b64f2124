"""What a run writes: the names of its files, how they are opened again, and how removed."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import BadInput
from workbench.manifests import Manifest
from workbench.sentinel2.imageseries.kinds import SeriesKind

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "CATALOG",
    "IMAGES",
    "INDICES",
    "MANIFEST",
    "QUALITY",
    "WORK",
    "Result",
    "clear_other",
    "made_otherwise",
    "of_paths",
    "promised",
]

MANIFEST, CATALOG, WORK = "manifest.json", "items.json", ".work"
IMAGES, QUALITY, INDICES = "images", "quality", "indices"


@dataclass(frozen=True)
class Result:
    """What a run has written.

    Attributes
    ----------
    folder
        Of the results.
    images
        One COG per date, in order; empty where the format was not asked for.
    quality
        As many COGs of what the images rest on, float32: their bands are the layers of quality of
        the system, NaN where a layer says nothing of a pixel.
    indices
        By name of the index as many COGs of one band, float32, NaN where it is missing.
    items
        As many STAC items, JSON, beside the images.
    catalog
        All items in one file, a FeatureCollection; None without images.
    zarr, netcdf
        The store and the file; None where the format was not asked for.
    """

    folder: Path
    images: tuple[Path, ...] = ()
    quality: tuple[Path, ...] = ()
    indices: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    items: tuple[Path, ...] = ()
    catalog: Path | None = None
    zarr: Path | None = None
    netcdf: Path | None = None

    @property
    def paths(self) -> list[Path]:
        """All files and stores of the result."""
        single = (self.catalog, self.zarr, self.netcdf)
        dated = (self.images, self.quality, *self.indices.values(), self.items)
        return [path for paths in (*dated, single) for path in paths if path]

    def open(self) -> xr.Dataset:
        """Open the result, lazily.

        Returns
        -------
        xarray.Dataset
            What was computed, ``reflectance`` (time, band, y, x) and its layers and indices (time,
            y, x): DN and nodata as they are stored, not scaled.

        Raises
        ------
        BadInput
            If the run wrote images only.
        """
        import xarray as xr

        from workbench.rasters.stores import open_store

        if self.zarr:
            return open_store(self.zarr)
        if self.netcdf:
            return xr.open_dataset(self.netcdf, mask_and_scale=False, chunks={})
        raise BadInput(f"{self.folder} holds images only: run with formats=('cog', 'zarr')")


def of_paths(folder: Path, paths: Iterable[Path]) -> Result:
    """Return the result that consists of these files of a folder.

    Parameters
    ----------
    folder
        Of the results.
    paths
        As `Result.paths` gives them.
    """
    found = list(paths)
    images, quality, items = (
        tuple(path for path in found if path.parent == folder / name and path.suffix == suffix)
        for name, suffix in ((IMAGES, ".tif"), (QUALITY, ".tif"), (IMAGES, ".json"))
    )
    indices: dict[str, tuple[Path, ...]] = {}
    for path in found:
        if path.parent == folder / INDICES:
            name = path.name.partition("_")[0]
            indices[name] = (*indices.get(name, ()), path)
    catalog = folder / CATALOG if folder / CATALOG in found else None
    store, file = (
        next((path for path in found if path.parent == folder and path.suffix == suffix), None)
        for suffix in (".zarr", ".nc")
    )
    return Result(folder, images, quality, indices, items, catalog, store, file)


def promised(
    kind: SeriesKind, folder: Path, times: Any, formats: set[str], indices: Iterable[str] = ()
) -> Result:
    """Return the result that a run is going to write.

    Parameters
    ----------
    kind
        Names the files.
    folder
        Of the results.
    times
        (T,) datetime64, UTC.
    formats, indices
        Of `workbench.sentinel2.imageseries.kinds.FORMATS`, and names of indices; checked.
    """
    from workbench.rasters.geotiff import dated_name

    def dated(name: str, prefix: str) -> tuple[Path, ...]:
        return tuple(folder / name / dated_name(prefix, time) for time in times)

    store = folder / kind.store if "zarr" in formats else None
    file = folder / kind.netcdf if "netcdf" in formats else None
    if "cog" not in formats:
        return Result(folder, zarr=store, netcdf=file)
    images = dated(IMAGES, kind.name)
    return Result(
        folder,
        images,
        dated(QUALITY, "quality"),
        {name: dated(INDICES, name) for name in indices},
        tuple(image.with_suffix(".json") for image in images),
        folder / CATALOG,
        store,
        file,
    )


def made_otherwise(
    kind: SeriesKind, folder: Path, manifest: Manifest, indices: Iterable[str]
) -> list[Path]:
    """Return results of any format, date and index that another manifest vouches for, or none.

    Parameters
    ----------
    kind
        Names the files.
    folder
        Of the results.
    manifest
        Of the results that are going to be written; those it vouches for are not among them.
    indices
        Names of all that may have been written.
    """
    if manifest.vouches(folder / MANIFEST):
        return []
    names = (
        f"{IMAGES}/{kind.name}_*.tif",
        f"{IMAGES}/{kind.name}_*.json",
        f"{QUALITY}/quality_*.tif",
        *(f"{INDICES}/{name}_*.tif" for name in indices),
        CATALOG,
        kind.netcdf,
        kind.store,
    )
    return [path for name in names for path in sorted(folder.glob(name))]


def clear_other(kind: SeriesKind, folder: Path, manifest: Manifest, indices: Iterable[str]) -> None:
    """Remove what another manifest vouched for, so that old and new never stand mixed.

    Parameters are those of `made_otherwise`.
    """
    if manifest.vouches(folder / MANIFEST):
        return
    results = made_otherwise(kind, folder, manifest, indices)
    (folder / MANIFEST).unlink(missing_ok=True)
    for path in (*results, folder / WORK):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
