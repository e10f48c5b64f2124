"""Processes of data cubes: apply_kernel, apply_neighborhood."""
