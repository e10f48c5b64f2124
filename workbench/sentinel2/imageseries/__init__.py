"""A series of images and all that is written of it: in bounded memory, resumable, with a record.

From below: `kinds` says how the files of one system are named and what its layers of quality mean,
`plans` what a system is going to make, `packing` makes reflectance integers, `results` names the
files, `items` describes images, `images` makes COGs from a store, `writing` makes every format,
`running` is the frame of a whole run. A run that is complete is recognised by its manifest alone:
no library of arrays is loaded.
"""
