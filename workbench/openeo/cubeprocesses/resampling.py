"""Processes of data cubes: resample_spatial, resample_cube_spatial."""
