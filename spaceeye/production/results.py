"""What a run writes: the names of its files, and how they are opened again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from spaceeye.errors import BadInput

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "CATALOG",
    "FORMATS",
    "IMAGES",
    "INDICES",
    "MANIFEST",
    "NETCDF",
    "QUALITY",
    "STORE",
    "Result",
    "of_paths",
]

FORMATS = ("cog", "zarr", "netcdf")
"""What `spaceeye.run` can write."""

STORE, NETCDF, MANIFEST = "spaceeye.zarr", "spaceeye.nc", "manifest.json"
IMAGES, QUALITY, INDICES, CATALOG = "images", "quality", "indices", "items.json"


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
        As many COGs of what the images rest on: flag, age and support, float32, age and support NaN
        where a pixel was never observed.
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
            As `spaceeye.interpolate` returns it: DN and nodata as they are stored, not scaled.

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
    catalog, store, file = (
        folder / name if folder / name in found else None for name in (CATALOG, STORE, NETCDF)
    )
    return Result(folder, images, quality, indices, items, catalog, store, file)
