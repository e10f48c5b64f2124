"""Paths of clouds through the regridded scenes of each day."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tiling.scenes.imagery.files import read_images
from tiling.scenes.imagery.pictures import fixed_limits, picture
from tiling.scenes.production.dataset import Dataset
from tiling.scenes.production.fingerprints import fingerprint
from tiling.scenes.production.standing import Record, sort_out

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["flow_paths"]


def flow_paths(
    dataset: Dataset,
    times: Mapping[str, np.datetime64],
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
    times, images, made_as
        Start, regridded image and fingerprint of each scene.
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
    record, paths, overwrite = Record.load(folder, "trajectories"), [], dataset.options.overwrite
    least = dataset.meta.sampling.trajectories.least_corners

    def values(scene: str) -> Any:
        found = read_images(images[scene])
        return np.concatenate([v.values.reshape(-1, *v.shape[-2:]) for v in found.values()])

    def drawn(scene: str) -> Any:
        return picture(read_images(images[scene]), dataset.meta.image, limits)

    for name, scenes in series({scene: times[scene] for scene in images}, prefix).items():
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
            tracks.attrs["fingerprint"] = shall
            frames = write_frames(folder / "frames", tracks, drawn, minutes=minutes, overwrite=True)
            if animate:
                write_gif(gif, frames, overwrite=True)
            write_tracks(tracks, path, overwrite=True)
            record.add(name, shall, 0.0)
            record.save()
        paths.append(path)
    return paths


def _common(
    names: list[Any], limits: Mapping[str, tuple[float, float]]
) -> tuple[float, float] | None:
    """Return the limits of grey in all scenes: those of the pictures where there is one image."""
    if len(names) != 1:
        return None
    return fixed_limits(str(names[0])) or limits.get(str(names[0]))
