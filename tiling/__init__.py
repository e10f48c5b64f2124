"""Images on published tile grids: Sentinel-1 on the grid of Sentinel-2."""
