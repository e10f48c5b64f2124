"""Paths of clouds through the regridded scenes of each day."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tiling.scenes.imagery.crops import iso
from tiling.scenes.imagery.files import attributes, read_images
from tiling.scenes.imagery.pictures import fixed_limits, picture
from tiling.scenes.planning.scenes import Scenes, start
from tiling.scenes.production.dataset import Dataset
from tiling.scenes.production.fingerprints import fingerprint
from tiling.scenes.production.standing import Record, sort_out

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

    from tiling.scenes.meta.model import Meta

__all__ = ["flow_paths"]

logger = logging.getLogger(__name__)


def flow_paths(
    dataset: Dataset,
    meta: Meta,
    inputs: Scenes,
    images: Mapping[str, Path],
    made_as: Mapping[str, str],
    grid: GeoBox,
    limits: Mapping[str, tuple[float, float]],
    *,
    prefix: str | None = None,
    most: int = 400,
    minutes: float = 120.0,
    animate: bool = False,
) -> list[Path]:
    """Follow clouds through series of scenes, and draw them.

    Parameters
    ----------
    meta
        With the domain as the rectangle that it is; files say it.
    inputs, images, made_as
        Inputs, regridded image and fingerprint of each scene.
    prefix
        Of the IDs of one series; by default each day is one.
    most
        Points that are followed at once.
    minutes
        Of path that a frame shows, before and after its time.
    animate
        Write a GIF as well.

    Returns
    -------
    list of Path
        Of the netCDF files, one a series.
    """
    from tiling.scenes.trajectories.flow import Flow
    from tiling.scenes.trajectories.frames import write_frames, write_gif
    from tiling.scenes.trajectories.tracks import follow, series, write_tracks

    folder = dataset.layout().trajectories
    times = {scene: start(inputs[scene]) for scene in images}
    record, paths, overwrite = Record.load(folder, "trajectories"), [], dataset.options.overwrite
    least = dataset.meta.sampling.trajectories.least_corners

    def values(scene: str) -> Any:
        found = read_images(images[scene])
        return np.concatenate([v.values.reshape(-1, *v.shape[-2:]) for v in found.values()])

    def drawn(scene: str) -> Any:
        return picture(read_images(images[scene]), dataset.meta.image, limits)

    for name, scenes in series(times, prefix).items():
        path = folder / f"{name}.flow_trajectories.nc"
        shall = fingerprint("trajectories", [made_as[scene] for scene in scenes], most, least,
                            minutes, sorted(limits.items()))  # fmt: skip
        gif = folder / f"{name}.gif"
        work = sort_out("trajectories", record, {name: shall}, {name: [path]}, overwrite)
        if work.todo or (animate and not gif.exists()):
            record.forget([name])
            one = list(read_images(images[scenes[0]]))
            common = _common(one, limits)
            tracks = follow({scene: times[scene] for scene in scenes}, values, grid,
                            limits=common, least=least, flow=Flow(most=most))  # fmt: skip
            tracks.attrs |= _about(meta, {scene: inputs[scene] for scene in scenes}, shall)
            frames = write_frames(folder / "frames", tracks, drawn, minutes=minutes, overwrite=True)
            if animate:
                write_gif(gif, frames, overwrite=True)
            write_tracks(tracks, path, overwrite=True)
            record.add(name, shall, 0.0)
            record.save()
        if not _how_many(path):
            logger.warning(
                "%s has no paths: all %d scenes have too few corners; set trajectories.min_corners",
                path, len(scenes),
            )  # fmt: skip
        paths.append(path)
    return paths


def _about(meta: Meta, scenes: Scenes, shall: str) -> dict[str, Any]:
    """Return what a file of paths says of itself; it has many scenes, and names them inside."""
    found = attributes(
        meta,
        "",
        fingerprint=shall,
        source_keys={
            scene: {name: item.key for name, item in items.items()}
            for scene, items in scenes.items()
        },
        resolution=meta.sampling.resolution,
        time_coverage_start=iso(min(i.start for items in scenes.values() for i in items.values())),
        time_coverage_end=iso(max(i.end for items in scenes.values() for i in items.values())),
    )
    del found["scene_id"]
    return found


def _how_many(path: Path) -> int:
    import h5py

    with h5py.File(path) as file:
        return int(file["traj_id"].size)


def _common(
    names: list[Any], limits: Mapping[str, tuple[float, float]]
) -> tuple[float, float] | None:
    """Return the limits of grey in all scenes: those of the pictures where there is one image."""
    if len(names) != 1:
        return None
    return fixed_limits(str(names[0])) or limits.get(str(names[0]))
