"""Rasters of any sensor, without a policy of their own: what readers and writers share.

======================  ============================================================================
`windows`               blocks of pixels, and how a grid is divided into them
`times`                 times and dates on one axis, passes of a satellite, dates of results
`grids`                 where grids lie, whether they fit, positions of one in another
`regions`               regions in any CRS as shapes in degrees
`tilegrid`              the tile grid of Sentinel-2 (MGRS)
`resampling`            nearest, bilinear, mean, for any type, aware of missing data
`gathering`             nearest and bilinear, for many images of one grid
`overlaps`              means over areas, for many images of one grid
`rasterfiles`           raster files: header, completeness
`planes`                their bands: windowed reads
`wholerasters`          whether a raster that was written is whole
`regridding`            pixels of one grid on a window of another
`cubes`                 labelled cubes that are read block by block
`geotiff`               the one writer of GeoTIFFs and Cloud Optimized GeoTIFFs
`stores`                Zarr stores and netCDF files
`blockwrites`           a large result, block by block into one store, resumable
======================  ============================================================================
"""
