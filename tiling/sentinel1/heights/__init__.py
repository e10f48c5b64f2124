"""Heights above the ellipsoid: elevation models in degrees, geoids, what they count from."""
