"""Processes of data cubes: load_geojson."""
