"""The configuration of a run over the sample, as S1Tiling reads it."""

from __future__ import annotations

from pathlib import Path

from tiling.sentinel1.sample.groundfiles import DEM_FORMAT
from workbench.files import atomic

__all__ = ["write_configuration"]


def write_configuration(
    path: Path,
    *,
    tile: str,
    polarisation: str,
    days: tuple[str, str],
    srgr: str,
    index: Path,
    geoid: Path,
    calibration: str = "sigma",
    overwrite: bool = False,
) -> Path:
    """Write a configuration file.

    Parameters
    ----------
    path
        The file; its folder holds the sample, ``S1`` and ``DEM``.
    tile
        Name of the tile.
    polarisation
        ``VV-VH`` or ``VV``.
    days
        Of the first and the last pass, such as ``2023-06-12``.
    srgr
        ``linear`` or ``nearest``.
    index, geoid
        Files of the ground.
    calibration
        Such as ``sigma``.
    overwrite
        Replace an existing file.
    """
    folder = str(path.parent.resolve()).replace("%", "%%")  # a % stands for a variable
    text = f"""\
# Simulated Sentinel-1 images on the Sentinel-2 grid: a configuration in the format of S1Tiling.
[Paths]
output : {folder}/out
lia : {folder}/out/_LIA
s1_images : {folder}/S1
dem_dir : {folder}/DEM
dem_database : {folder}/{index.relative_to(path.parent)}
dem_format : {DEM_FORMAT}
geoid_file : {folder}/{geoid.relative_to(path.parent)}
tmp : {folder}/tmp

[DataSource]
download : False
roi_by_tiles : ALL
polarisation : {polarisation}
first_date : {days[0]}
last_date : {days[1]}

[Mask]
generate_border_mask : True

[Processing]
calibration : {calibration}
remove_thermal_noise : True
lower_signal_value : 1e-7
output_spatial_resolution : 10
orthorectification_gridspacing : 40
orthorectification_interpolation_method : linear
tiles : {tile}
mode : Normal
nb_parallel_processes : 1
ram_per_process : 2048
nb_otb_threads : 2
produce_lia_map : True

[Filtering]
filter : none

[Workbench]
srgr : {srgr}
grid_correction : True
"""
    with atomic(path, "w", overwrite=overwrite) as file:
        file.write(text)
    return path
