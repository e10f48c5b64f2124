"""Processes of data cubes: filter_bands, filter_labels, filter_temporal: some of the labels."""
