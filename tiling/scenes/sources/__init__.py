"""Where scenes come from: satellites on object storage, and netCDF files."""
