"""What EGMS files look like: names, archives, XML, tables, identifiers, rasters."""
