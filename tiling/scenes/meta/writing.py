"""Write a `meta.yaml` to begin with."""

from __future__ import annotations

import os
from pathlib import Path

from workbench.files import atomic

__all__ = ["STARTER", "starter"]

STARTER = """\
# A dataset of scenes: what, when, where, and how it is sampled.
# `workbench scenes validate` says what is wrong with this file before anything is fetched.

source: goes16          # goes16, goes17, goes18, goes19, or LES for netCDF files
type: truecolor_rgb     # or singlechannel__bt_13, multichannel__1__bt_13, ACHA; LES: a variable
# sector: F             # F whole disk, C CONUS, M1 and M2 mesoscale
# storage: {protocol: file, bucket: /data/noaa-goes16}   # default: the public bucket on S3

time:                   # UTC
  t_start: 2020-02-02T12:00
  t_end: 2020-02-04T20:00
  # N_days: 2.5         # in place of t_end
  # intervals: [...]    # several spans, each with t_start and t_end
  filters:
    N_hours_from_zenith: 4      # hours from local noon at the centre of the domain
    # hour: [14, 15, 16]        # also year, month, day, minute, second, weekday (Monday is 0)

domain:                 # a rectangle on a plane that touches the Earth at its centre
  central_latitude: 13.3
  central_longitude: -57.72
  l_zonal: 650000       # metres, west to east
  l_meridional: 650000  # metres, south to north

sampling:
  resolution: 1000      # metres a pixel
  # method: bilinear    # or nearest, area
  triplets:             # tiles to learn from: an anchor, a neighbour, and one of another scene
    N_triplets: {train: 100, study: 20}
    tile_N: 256         # pixels along a side; the domain has to hold about 2.4 tiles
    # scene_collections_splitting: by_time_blocks   # whole days, so that nothing leaks
    # seed: 0
  # rect-slidingwindow: {tile_N: 256, step: 32}     # tiles that cover the domain

# aux_products:         # other fields at the same scenes
#   cloud_top_height: {source: goes16, type: ACHA, dt_aux: PT10M}

# db_type: yaml         # or json, for the small index files
"""


def starter(path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write a commented file that is valid as it stands, and return its path.

    Parameters
    ----------
    path
        Of the file, or an existing folder to put ``meta.yaml`` in.

    Raises
    ------
    workbench.errors.OutputExists
        If there is one and `overwrite` is false.
    """
    path = Path(path) / "meta.yaml" if Path(path).is_dir() else Path(path)
    with atomic(path, "w", overwrite=overwrite) as file:
        file.write(STARTER)
    return path
