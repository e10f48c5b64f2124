"""The domain on a plane that touches the Earth, grids on it, and their place in images."""
