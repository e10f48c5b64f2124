"""What each kind of step does: from a job to files, on whichever worker it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tiling.sentinel1.production.jobs import ItemJob, MadeFrom, TileJobs
from tiling.sentinel1.production.settings import Settings
from workbench.errors import BadInput
from workbench.rasters.windows import Window, windows

__all__ = [
    "make_filtered",
    "make_item",
    "make_mask",
    "make_quicklook",
    "make_tile",
]

Told = dict[str, Any]


def make_tile(job: TileJobs) -> Told:
    """Put the images of a pass on a tile, and correct it by a map of the terrain if there is one.

    Returns
    -------
    dict
        ``geometry`` of each image and ``heights``, as they are in the report beside the file.
    """
    from tiling.sentinel1.outputs.concatenation import Concatenated
    from tiling.sentinel1.outputs.encodings import encoding
    from tiling.sentinel1.outputs.presences import Presence, keep, taking
    from tiling.sentinel1.outputs.rasters import write_tile
    from tiling.sentinel1.outputs.tags import tile_tags
    from tiling.sentinel1.production.sources import Corrected, images_on_tile
    from workbench.files import write_json
    from workbench.rasters.tilegrid import tile_grid

    settings = job.settings
    grid = tile_grid(job.tile, settings.resolution)
    images = images_on_tile(job)
    source: Any = Concatenated([image.source for image in images])
    if job.corrector is not None:
        source = Corrected(source, job.corrector, settings)
    heights = job.surface.description()
    corrector = "" if job.corrector is None else job.corrector.name
    tags = tile_tags(
        job.acquired,
        job.tile,
        calibration=settings.calibration,
        resolution=settings.resolution,
        noise_removed=settings.remove_noise,
        lower=settings.lower,
        interpolation="linear" if settings.method == "bilinear" else "nn",
        dems=heights.get("dem_names", ()),
        dem_info="; ".join(filter(None, (settings.dem_info, heights.get("warning")))),
        lia_file=corrector if settings.calibration == "normlim" else "",
        gamma_area_file=corrector if settings.calibration != "normlim" else "",
        srgr=settings.srgr,
        orbit_source=", ".join(dict.fromkeys(image.orbit_source for image in images)),
        further=settings.further,
    )
    report = {
        "tile": job.tile,
        "file": job.target.name,
        "settings": {**settings.geometry, **settings.radiometry},
        "heights": heights,
        "images": {image.product: image.description for image in images},
    }
    # The report first: a tile that stands has one, and need not be made again for it.
    write_json(job.report, report)
    stored = encoding("tiled", settings.creation_options.get("tiled"), cog=settings.cog)
    presence = Presence((int(grid.shape[0]), int(grid.shape[1])))
    blocks = taking(presence, _blocks(source, grid.shape, settings))
    write_tile(job.target, blocks, grid, stored, tags, overwrite=True)
    if stored.faithful:
        keep(job.target, presence)
    return {"images": len(images), "warning": heights.get("warning")}


def make_mask(job: MadeFrom) -> Told:
    """Make the border mask of a tile."""
    from tiling.sentinel1.outputs.bordermasks import BorderMask
    from tiling.sentinel1.outputs.encodings import encoding
    from tiling.sentinel1.outputs.presences import presence_of
    from tiling.sentinel1.outputs.rasters import strips, write_tile
    from tiling.sentinel1.outputs.tags import mask_tags

    settings = job.settings
    source = _tile_file(job)
    mask = BorderMask(presence_of(source), source.shape)
    write_tile(
        job.target,
        mask.blocks(strips(source.shape, settings.rows)),
        _grid(source),
        encoding("mask", settings.creation_options.get("mask"), cog=settings.cog),
        mask_tags(source.tags),
        overwrite=True,
    )
    return {}


def make_filtered(job: MadeFrom) -> Told:
    """Filter the speckle of a tile."""
    from tiling.sentinel1.outputs.encodings import encoding
    from tiling.sentinel1.outputs.rasters import strips, write_tile
    from tiling.sentinel1.outputs.tags import filtered_tags
    from tiling.sentinel1.speckle.filters import SpeckleFilter

    settings = job.settings
    chosen = settings.filter
    if chosen is None:
        raise BadInput(f"{job.target}: no filter is chosen")
    source = _tile_file(job)
    speckle = SpeckleFilter(
        chosen.name,
        chosen.radius,
        chosen.looks,
        chosen.deramp,
        nodata=chosen.nodata,
        guard=chosen.guard,
    )
    write_tile(
        job.target,
        (
            (window, speckle.block(source.block, window, source.shape))
            for window in strips(source.shape, settings.rows)
        ),
        _grid(source),
        encoding("filtered", settings.creation_options.get("filtered"), cog=settings.cog),
        filtered_tags(
            source.tags, chosen.name, chosen.radius, looks=chosen.looks, deramp=chosen.deramp
        ),
        overwrite=True,
    )
    return {}


def make_quicklook(job: MadeFrom) -> Told:
    """Make a picture of a tile."""
    from tiling.sentinel1.outputs.quicklooks import white_of, write_quicklook

    settings = job.settings
    source = _tile_file(job)
    polarisation = source.tags.get("POLARIZATION", "vv")
    write_quicklook(
        job.target,
        source,
        source.shape,
        ratio=settings.quicklook_ratio,
        scale=white_of(polarisation, settings.quicklook_scales),
        overwrite=True,
    )
    return {}


def make_item(job: ItemJob) -> Told:
    """Describe a tile and the files that belong to it."""
    from tiling.sentinel1.outputs.rasters import TileFile
    from tiling.sentinel1.outputs.stacitems import tile_item, write_item

    tile = job.files.get(job.acquired.polarisation)
    item = tile_item(
        job.acquired,
        job.tile,
        job.files,
        resolution=job.settings.resolution,
        measured=job.measured,
        stop=job.stop,
        tags=None if tile is None else TileFile(tile).tags,
        cog=job.settings.cog,
    )
    write_item(job.target, item)
    return {}


def _blocks(source: Any, shape: Sequence[int], settings: Settings) -> Iterator[tuple[Window, Any]]:
    # Squares: what a strip needs of an image that lies askew is several times its own size.
    for window in windows(shape, settings.side):
        yield window, source.block(window)


def _tile_file(job: MadeFrom) -> Any:
    from tiling.sentinel1.outputs.encodings import encoding
    from tiling.sentinel1.outputs.rasters import TileFile

    settings = job.settings
    given: Mapping[str, Any] | str | None = settings.creation_options.get("tiled")
    return TileFile(job.source, encoding("tiled", given, cog=settings.cog))


def _grid(source: Any) -> Any:
    return source.file.grid
