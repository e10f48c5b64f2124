"""Processes of data cubes: ndvi."""
