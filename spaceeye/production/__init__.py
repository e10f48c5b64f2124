"""A whole run: read, solve, write; in bounded memory, resumable, with a record of what it did.

`running` is the function that users call, `planning` what SpaceEye has to say in it: which dates,
which damping, which pixels. How a series is written stands in `workbench.sentinel2.imageseries`. A
run that is complete is recognised by its manifest alone: no library of arrays is loaded.
"""
