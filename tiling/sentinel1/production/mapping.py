"""Maps of the terrain of a tile, as seen from an orbit: made once, for all dates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tiling.sentinel1.production.jobs import IncidenceJob
from workbench.rasters.windows import Window, windows

__all__ = [
    "AREAS",
    "AROUND_KM",
    "ENCODINGS",
    "HIDDEN",
    "LEVEL",
    "decide_incidence",
    "make_incidence",
]

AREAS, HIDDEN = "GAMMA_AREA", "LAYOVER_SHADOW"

LEVEL: Mapping[str, str] = {"IA": "deg", "cos_IA": "cos", "sin_IA": "sin", "tan_IA": "tan"}
"""Maps of the incidence on level ground, and what the configuration calls them."""

AROUND_KM = 15.0
"""Ground that far from a tile can lie over it: 8 km of height at an incidence of 29 degrees."""

ENCODINGS: Mapping[str, tuple[str, str]] = {
    "sin_LIA": ("lia_sin", "LIA"),
    "LIA": ("lia_deg", ""),
    AREAS: ("gamma_area", ""),
    HIDDEN: ("mask", ""),
    "IA": ("ia_deg", ""),
    **{f"{word}_IA": (f"ia_{word}", "IA") for word in ("cos", "sin", "tan")},
}
"""How each map is stored, and which option says what stands for nothing in it."""

_HIDDEN_MASK = "mask of layover (1) and shadow (2), 255 where unknown, S2 tile"


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
    from tiling.sentinel1.incidence.tiles import TileIncidence
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
    faced = TileIncidence(grid, model, job.surface, settings.step, 1000 * AROUND_KM)
    for shows, target in job.targets.items():
        if not target.exists():  # else of a run that was killed between two
            _write(job, shows, target, faced, decided["orbit_source"])
    return dict(decided)


def _vectors(image: Any, file: Path | None) -> Any:
    if file is None:
        return None
    from tiling.sentinel1.products.orbitfiles import orbit_vectors

    return orbit_vectors(file, image.annotation)


def _block(job: IncidenceJob, shows: str, faced: Any) -> Callable[[Window], Any]:
    """Return what gives the pixels of a map block by block."""
    blocks: Mapping[str, Callable[[Window], Any]] = {
        "sin_LIA": lambda window: faced.incidence(window)[0],
        "LIA": lambda window: faced.incidence(window)[1],
        AREAS: lambda window: faced.gamma_area(window, floor=job.settings.least_area),
        HIDDEN: faced.hidden,
        "IA": lambda window: faced.level(window)[1],
        "sin_IA": lambda window: faced.level(window)[0],
        "cos_IA": lambda window: _cosine(faced.level(window)[0]).astype(np.float32),
        "tan_IA": lambda window: _tangent(faced.level(window)[0]).astype(np.float32),
    }
    return blocks[shows]


def _cosine(sine: Any) -> Any:
    # Level ground is seen from above: the angle is below 90 degrees.
    return np.sqrt(1 - np.square(sine, dtype=np.float64))


def _tangent(sine: Any) -> Any:
    return sine / _cosine(sine)


def _write(job: IncidenceJob, shows: str, target: Path, faced: Any, orbit_source: str) -> None:
    from tiling.sentinel1.outputs.encodings import encoding
    from tiling.sentinel1.outputs.rasters import write_tile

    settings, block = job.settings, _block(job, shows, faced)
    kind, option = ENCODINGS[shows]
    stored = encoding(
        kind,
        settings.creation_options.get(kind),
        nodata=settings.nodata.get(option),
        cog=settings.cog,
    )

    def blocks() -> Iterator[tuple[Window, Any]]:
        for window in windows(faced.grid.shape, settings.side):
            yield window, block(window)

    tags = _tags(job, shows, orbit_source)
    write_tile(target, blocks(), faced.grid, stored, tags, overwrite=True)


def _tags(job: IncidenceJob, shows: str, orbit_source: str) -> dict[str, str]:
    from tiling.sentinel1.outputs.rasters import TileFile
    from tiling.sentinel1.outputs.tags import incidence_tags, mask_tags

    if job.beside is not None:
        return mask_tags(TileFile(job.beside).tags, _HIDDEN_MASK)
    heights: Mapping[str, Any] = job.surface.description()
    return incidence_tags(
        job.acquired,
        job.tile,
        shows,
        resolution=job.settings.resolution,
        dems=heights.get("dem_names", ()),
        dem_info="; ".join(filter(None, (job.settings.dem_info, heights.get("warning")))),
        orbit_source=orbit_source,
        further=job.settings.further,
    )
