"""The chain and its engines: damped interpolation in time of many pixels, solved exactly.

`reference` says the method in float64. `compiled` and `observations` do it in numba, `torch` on a
GPU, and `engines` chooses by name. Everything here works on arrays; nothing knows of files, grids,
Dask or the rest of SpaceEye.
"""
