"""Processes of data cubes: load_collection, load_stac, load_geojson."""
