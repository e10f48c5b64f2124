"""Processes of data cubes: save_result."""
