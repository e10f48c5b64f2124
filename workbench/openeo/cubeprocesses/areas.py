"""Processes of data cubes: filter_bbox, filter_spatial, mask_polygon."""
