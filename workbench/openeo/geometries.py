"""Shapes: GeoJSON and vector cubes in a CRS, and the pixels that they hold."""
