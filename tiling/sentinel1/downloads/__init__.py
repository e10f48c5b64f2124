"""Products that are not on the disk yet."""
