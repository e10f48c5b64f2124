"""Collections of local folders and STAC, described and read as cubes.

======================  ============================================================================
`areas`                 areas that are asked for: boxes, GeoJSON, geometries of a cube
`requests`              all that is asked for of a collection: area, period, bands, properties
`fields`                keys of a catalogue
`bands`                 what is known of the bands of a collection
`descriptions`          parts of STAC collections: extents, dimensions, summaries
`grids`                 the grid of a collection, and the part that is asked for
`images`                images of any grid, as cubes on one grid
`chunking`              how such a cube is cut, so that little is read twice
`imageblocks`           what one task reads of images
`remote`                what may be fetched over the network, and how
`remotefiles`           rasters at an address, read by parts
`sources`               the kinds of collections, those of the systems too
`folders`               a folder of GeoTIFFs by date and band
`storedcubes`           a cube in netCDF or Zarr
`stacitems`             documents of STAC, on disk or at an address
`stacbands`             bands of STAC items
`stac`                  collections of STAC items
`catalogue`             all collections of a file ``catalog.yml``
`sample`                a demonstration catalogue
======================  ============================================================================
"""
