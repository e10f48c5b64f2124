"""Processes of data cubes: dimensions and their labels, from add_dimension to trim_cube."""
