"""Collections of local folders and STAC, described and read as cubes."""
