"""The files of a product: official ZIP, GeoTIFF, GeoParquet, Zarr."""
