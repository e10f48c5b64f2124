"""Processes of data cubes: merge_cubes, mask: one cube of two."""
