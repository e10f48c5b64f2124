"""On labelled cubes: both sensors read and made ready, fused in memory or block by block on Dask.

`finecubes` reads images, `preparation` checks and pairs both sensors, `blockwise` sends blocks with
their cells, `adjustment` calibrates, `intermediates` keeps steps between, `fusedseries` is the
front door.
"""
