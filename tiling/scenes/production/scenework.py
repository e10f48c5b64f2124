"""One scene in one stage: the plain functions that workers run.

Each takes a small job and leaves files; only its fingerprint and what it cost come back. What is
worth keeping between scenes (grids, indices of pixels, open storage) is kept by the modules below.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tiling.scenes.domains.planes import tile_grid
from tiling.scenes.errors import SceneError
from tiling.scenes.imagery.crops import crop, missing_share
from tiling.scenes.imagery.files import attributes, read_images, write_images, write_tile
from tiling.scenes.imagery.pictures import fixed_limits, picture, write_picture
from tiling.scenes.imagery.regridding import all_on_grid
from tiling.scenes.imagery.statistics import counts_of
from tiling.scenes.imagery.tiles import tile_images
from tiling.scenes.meta.model import AuxProduct, Meta
from tiling.scenes.planning.locations import settled
from tiling.scenes.planning.plans import write_tiles
from tiling.scenes.planning.tiles import Tile
from tiling.scenes.production.running import Made
from tiling.scenes.production.scenejobs import CropJob, GridJob, Limits, TileJob
from tiling.scenes.sources.registry import aux_source_for, source_for

if TYPE_CHECKING:
    import xarray as xr
    from odc.geo.geobox import GeoBox

__all__ = ["count_values", "crop_scene", "regrid_scene", "tile_scene"]

NIGHT = "night"
"""Code of a scene that the sun does not shine on, and the reason why it is skipped."""


def crop_scene(job: CropJob) -> Made:
    """Read the windows of a scene, make its images and write them on their native grids."""
    begin = time.monotonic()
    make = source_for if job.aux is None else _aux_source(job.aux)
    source = make(job.meta, job.folder, allow_user_code=job.allow_user_code)
    aux = _aux(job)
    product = aux.type if aux else job.meta.type
    try:
        found = crop(source, product, job.items, job.grid, job.meta.domain.pad)
        reason = _nothing_to_see(found)
    except SceneError as error:
        if error.code != NIGHT:
            raise
        reason = NIGHT
    if reason:
        for suffix in (".nc", ".png"):  # of other settings, by which there was something to see
            job.path.with_suffix(suffix).unlink(missing_ok=True)
        return Made(job.fingerprint, time.monotonic() - begin, reason)
    about = attributes(job.meta, job.scene, fingerprint=job.fingerprint, aux=aux)
    found.attrs |= about
    pixels = None if job.aux else _picture(job, found, {})
    if pixels is not None:
        write_picture(job.path.with_suffix(".png"), pixels)
    write_images(found, job.path)
    return Made(job.fingerprint, time.monotonic() - begin)


def regrid_scene(job: GridJob) -> Made:
    """Bring a scene onto the grid of the domain."""
    begin = time.monotonic()
    scene = read_images(job.crop)
    grid = _grid(job, scene)
    periodic = job.meta.fields.periodic and job.aux is None
    found = all_on_grid(scene, grid, job.method, periodic=periodic)
    del scene  # its memory is for the picture and the file
    found.attrs |= _about(job)
    pixels = None if job.aux else _picture(job, found, job.limits)
    if pixels is not None:
        write_picture(job.path.with_suffix(".png"), pixels)
    write_images(found, job.path, pack=job.pack)
    return Made(job.fingerprint, time.monotonic() - begin)


def tile_scene(job: TileJob) -> Made:
    """Cut the tiles of a scene, moved where they lack too many pixels, and note their places."""
    begin = time.monotonic()
    scene = read_images(job.crop)
    if job.place is not None and job.place.most_missing < 1:
        _check_all_seen(scene)
    grid = _grid(job, scene)
    periodic = job.meta.fields.periodic and job.aux is None
    images: dict[Tile, xr.Dataset] = {}

    def image_of(tile: Tile) -> xr.Dataset:
        if tile not in images:
            own = tile_grid(grid, tile.x, tile.y, job.size)
            (images[tile],) = tile_images(scene, [own], job.method, periodic=periodic)
        return images[tile]

    tiles, hopeless = list(job.tiles), dict[str, str]()
    if job.place is not None:
        tiles, hopeless = settled(tiles, lambda tile: missing_share(image_of(tile)), job.place)
    for tile in tiles:
        _write_tile(job, tile, image_of(tile))
    if hopeless:
        name, reason = next(iter(hopeless.items()))
        raise SceneError("E106", f"{len(hopeless)} tiles have no place: {name}: {reason}")
    if job.plan is not None:
        write_tiles(job.plan, tiles)
    return Made(job.fingerprint, time.monotonic() - begin)


def count_values(path: Path) -> dict[str, Any]:
    """Return how often values occur in a crop, by variable."""
    return dict(counts_of(read_images(path)))


def _write_tile(job: TileJob, tile: Tile, image: xr.Dataset) -> None:
    facts = {
        "tile_type": tile.tile_type,
        "triplet_id": tile.number,
        "collection": tile.collection,
        "label": job.labels.get(tile.name),
    }
    found = image.assign_attrs(_about(job, **facts))
    pixels = None if job.aux else _picture(job, found, job.limits)
    told: dict[str, Any] = {key: value for key, value in facts.items() if value is not None}
    told |= {"scene_id": tile.scene_id, "x": tile.x, "y": tile.y, "fingerprint": job.fingerprint}
    write_tile(job.path / tile.name, found, pixels, told, pack=job.pack)


def _about(job: GridJob, **facts: Any) -> dict[str, Any]:
    return attributes(
        job.meta,
        job.scene,
        fingerprint=job.fingerprint,
        aux=_aux(job),
        aux_dt_s=job.aux_dt_s,
        **facts,
    )


def _aux(job: CropJob | GridJob) -> AuxProduct | None:
    return job.meta.aux_products[job.aux] if job.aux else None


def _aux_source(aux: str) -> Callable[..., Any]:
    def make(meta: Meta, folder: Path, *, allow_user_code: bool) -> Any:
        return aux_source_for(meta, aux, folder, allow_user_code=allow_user_code)

    return make


def _grid(job: GridJob, scene: xr.Dataset) -> GeoBox:
    """Return the grid of the domain; that of the image where the domain is all of it."""
    if job.grid is not None:
        return job.grid
    from tiling.scenes.imagery.regridding import grid_of

    return grid_of(next(iter(scene.values())), job.meta.sampling.resolution)


def _picture(job: CropJob | GridJob, images: xr.Dataset, limits: Limits) -> Any:
    """Return a picture, or None where there is none, or no limits for it yet."""
    image = job.meta.image
    function = None
    if image.function is not None:
        from tiling.scenes.sources.userfunctions import user_function

        function = user_function(job.folder, image.function, job.allow_user_code)
    known = all(fixed_limits(str(name)) or str(name) in limits or "channel" in images[name].dims
                for name in images)  # fmt: skip
    if function is None and image.limits == "default" and not known:
        return None
    return picture(images, image, limits, function)


def _check_all_seen(images: xr.Dataset) -> None:
    """Refuse a scene of which one image is empty: no place would do."""
    empty = [str(name) for name, of in images.items() if not np.isfinite(of.values).any()]
    if empty:
        raise SceneError(
            "E106",
            f"{', '.join(empty)} has no value in this scene, so no tile is whole: leave such scenes"
            " out by time.filters, such as N_hours_from_zenith, or allow max_nodata_fraction: 1",
        )


def _nothing_to_see(images: xr.Dataset) -> str:
    """Return why a scene has no value at all; empty where it has."""
    if any(np.isfinite(variable.values).any() for variable in images.values()):
        return ""
    sunlit = any(str(name).startswith(("refl_", "truecolor")) for name in images)
    return NIGHT if sunlit else "no data"
