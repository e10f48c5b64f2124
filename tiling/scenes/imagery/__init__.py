"""Crops, tiles, regridded scenes and their pictures."""
