"""Heights above the ellipsoid: elevation models, geoids, and whether the two go together."""
