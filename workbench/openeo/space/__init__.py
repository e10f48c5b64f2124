"""Where pixels and shapes lie: grids, resampling, geometries.

======================  ============================================================================
`warps`                 pixels on another grid, resampled and warped window by window
`regrids`               cubes on another grid
`geometries`            shapes in a CRS, from GeoJSON and vector cubes
`coverage`              which pixels belong to which shapes
======================  ============================================================================
"""
