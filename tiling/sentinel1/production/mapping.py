"""Maps of the terrain of a tile, as seen from an orbit: made once, for all dates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from tiling.sentinel1.production.jobs import IncidenceJob
from workbench.rasters.windows import Window, windows

__all__ = ["decide_incidence", "make_incidence"]

AREAS = "GAMMA_AREA"

_ENCODINGS = {"sin_LIA": ("lia_sin", "LIA"), "LIA": ("lia_deg", ""), AREAS: ("gamma_area", "")}
"""How each map is stored, and which option says what stands for nothing in it."""


def decide_incidence(job: IncidenceJob, before: Mapping[str, Any]) -> dict[str, Any]:
    """Choose the product whose orbit the maps are made with; one that was chosen before stays.

    Returns
    -------
    dict
        ``product``, its name, and ``orbit_source``, the orbit file or ``annotation``.
    """
    from tiling.sentinel1.incidence.acquisitions import best_acquisition
    from tiling.sentinel1.products.safefolders import Image

    told = [_told(folder, file) for folder, file in job.candidates]
    if before in told:
        return dict(before)
    images = [Image(folder, job.acquired.polarisation) for folder, _ in job.candidates]
    chosen = best_acquisition(images, job.tile)
    return _told(chosen.folder, dict(job.candidates)[chosen.folder])


def _told(folder: Path, file: Path | None) -> dict[str, Any]:
    source = "annotation" if file is None else file.name
    return {"product": folder.name.removesuffix(".SAFE"), "orbit_source": source}


def make_incidence(job: IncidenceJob, decided: Mapping[str, Any]) -> dict[str, Any]:
    """Make those maps of the terrain of a tile, as seen from an orbit, that are not there yet.

    Parameters
    ----------
    decided
        By `decide_incidence`. Whatever comes later, the maps stand.

    Returns
    -------
    dict
        What was decided.
    """
    from tiling.sentinel1.geometry.imagemodels import image_model
    from tiling.sentinel1.geometry.lattices import ground_lattice
    from tiling.sentinel1.incidence.looks import look_lattice
    from tiling.sentinel1.outputs.acquisitions import acquisition
    from tiling.sentinel1.products.safefolders import Image
    from workbench.rasters.tilegrid import tile_grid

    settings = job.settings
    folder, file = next(each for each in job.candidates if _told(*each) == decided)
    chosen = Image(folder, job.acquired.polarisation)
    # The map tells of the product that it is made with, whichever comes first.
    job = replace(job, acquired=acquisition([chosen.manifest], job.acquired.polarisation))
    model = image_model(
        chosen.annotation,
        vectors=_vectors(chosen, file),
        mode=settings.srgr,
        correct=settings.grid_correction,
    )
    grid = tile_grid(job.tile, settings.resolution)
    looks = look_lattice(ground_lattice(grid, settings.step), model.orbit)
    for shows, target in job.targets.items():
        if target.exists():  # of a run that was killed between two
            continue
        block = _areas(job, looks, model) if shows == AREAS else partial(_angles, job, looks, shows)
        _write(job, shows, target, grid, block, decided["orbit_source"])
    return dict(decided)


def _vectors(image: Any, file: Path | None) -> Any:
    if file is None:
        return None
    from tiling.sentinel1.products.orbitfiles import orbit_vectors

    return orbit_vectors(file, image.annotation)


def _angles(job: IncidenceJob, looks: Any, shows: str, window: Window) -> Any:
    from tiling.sentinel1.incidence.angles import local_incidence

    heights = job.surface.at(*looks.ground.places(window.grown(1)))
    sines, degrees = local_incidence(looks, heights, window)
    return sines if shows == "sin_LIA" else degrees


def _areas(job: IncidenceJob, looks: Any, model: Any) -> Callable[[Window], Any]:
    from tiling.sentinel1.geometry.lattices import image_lattice
    from tiling.sentinel1.incidence.gammaareas import area_lattice, area_reach, gamma_area

    span = (job.surface.least, job.surface.most)
    lattice, image = area_lattice(looks, model), image_lattice(model, looks.ground, span)
    halo = area_reach(looks, span)

    def block(window: Window) -> Any:
        heights = job.surface.at(*looks.ground.places(window.grown(halo)))
        return gamma_area(lattice, image, heights, window, halo)

    return block


def _write(
    job: IncidenceJob,
    shows: str,
    target: Path,
    grid: Any,
    block: Callable[[Window], Any],
    orbit_source: str,
) -> None:
    from tiling.sentinel1.outputs.encodings import encoding
    from tiling.sentinel1.outputs.rasters import write_tile
    from tiling.sentinel1.outputs.tags import incidence_tags

    settings = job.settings
    kind, option = _ENCODINGS[shows]
    heights: Mapping[str, Any] = job.surface.description()
    tags = incidence_tags(
        job.acquired,
        job.tile,
        shows,
        resolution=settings.resolution,
        dems=heights.get("dem_names", ()),
        dem_info=heights.get("warning") or "",
        orbit_source=orbit_source,
        further=settings.further,
    )
    stored = encoding(
        kind,
        settings.creation_options.get(kind),
        nodata=settings.nodata.get(option),
        cog=settings.cog,
    )

    def blocks() -> Iterator[tuple[Window, Any]]:
        for window in windows(grid.shape, settings.side):
            yield window, block(window)

    write_tile(target, blocks(), grid, stored, tags, overwrite=True)
