"""The `meta.yaml` of the two datasets of the sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tiling.scenes.planning.splitting import LEAST

__all__ = ["goes_meta", "simulation_meta"]


def goes_meta(
    source: str,
    bucket: Path,
    beside: str,
    ends: tuple[np.datetime64, np.datetime64],
    centre: tuple[float, float],
    side: float,
    scenes: int,
    days: int,
    triplets: int,
) -> str:
    """Return the text of a `meta.yaml` of the simulated images.

    Parameters
    ----------
    bucket, beside
        The folder of the files, and the name of the product in ``source_data/netcdf``.
    ends
        First and last moment.
    centre
        Latitude and longitude of the domain.
    scenes
        In all. A collection needs two of its own: fewer than four are shared, one has no triplets.
    days
        With two or more, the collections of triplets have days of their own.
    triplets
        To train on; half as many to study.
    """
    size = min(32, int(side / 1000 / 2.5) // 8 * 8)
    first, last = (np.datetime_as_string(each, unit="s") for each in ends)
    return f"""\
# Simulated clouds in files of GOES: the whole of this dataset is known, see truth.json.
source: {source}
type: truecolor_rgb
storage:
  protocol: file
  bucket: "{bucket.as_posix()}"

time:
  t_start: {first}
  t_end: {last}

domain:
  central_latitude: {centre[0]!r}
  central_longitude: {centre[1]!r}
  l_zonal: {side:.1f}
  l_meridional: {side:.1f}

sampling:
  resolution: 1000.0
{_triplets(scenes, days, triplets, size)}  rect-slidingwindow:
    tile_N: {size}
    step: {size * 3 // 8}

trajectories:
  min_corners: 12  # smooth sheets of cloud have few

aux_products:
  cloud_top_height:
    source: {source}
    type: ACHA
  cloud_fraction:
    source: netcdf
    type: cloud_fraction
    files: {beside}
    scene_mapping_strategy: all_scenes_within_dt_aux
    dt_aux: PT30M
"""


def simulation_meta(resolution: float, size: int) -> str:
    """Return the text of a `meta.yaml` of a periodic simulation of `size` cells a side."""
    return f"""\
# A small simulation on a periodic square of {size} cells: all of its files are taken.
source: LES
type: singlechannel__lwp
les:
  periodic: true

sampling:
  resolution: {resolution!r}
  triplets:
    N_triplets: {{train: 48, study: 24}}
    tile_N: {size // 4}
  rect-slidingwindow:
    tile_N: {size // 4}
    step: {size // 16}
"""


def _triplets(scenes: int, days: int, triplets: int, size: int) -> str:
    """Return the lines of the triplets, which scenes so few can make."""
    if scenes < LEAST:
        return ""
    splitting = "by_time_blocks" if days > 1 else "random_by_relative_sample_size"
    if scenes < 2 * LEAST:
        splitting = "shared"
    return f"""\
  triplets:
    N_triplets: {{train: {triplets}, study: {triplets // 2}}}
    tile_N: {size}
    neigh_dist_scaling: 0.5
    scene_collections_splitting: {splitting}
"""
