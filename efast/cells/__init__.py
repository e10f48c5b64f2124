"""On the coarse grid: cells of about 300 m, 1/900 of the fine data, all of an area at once.

Functions on arrays, in the order of the method: `binning` (swaths to cells), `cloudscores`,
`composites` and `compositeseries` (smoothed, at regular days), `coarseseries` (any day),
`dateweights`, `coarsestate` (all that a fusion needs of them); `cellblocks` (of cubes on Dask),
`cellmeans`, `cellpairs` and `calibration` compare both sensors; `pixelclasses` and `classseries`
divide the change of a cell among its pixels; `upsampling` brings cells to pixels.
"""
