"""A whole run: read both sensors, fuse, write; in bounded memory, resumable, with a record.

From below: `cloudcells` counts clouds in and around the area, `inventory` says what a run would
read and make, `planning` what is EFAST's own in a run, `running` is the function that users call.
How a series is written stands in `workbench.sentinel2.imageseries`.
"""
