"""Processes of data cubes: aggregate_spatial."""
