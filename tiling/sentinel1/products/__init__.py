"""Sentinel-1 products as they are delivered: SAFE folders, their metadata, their measurements."""
