"""A whole run: read, solve, write; in bounded memory, resumable, with a record of what it did.

From below: `results` names the files, `items` describes images, `writing` makes all of them,
`running` is the function that users call. A run that is complete is recognised by its manifest
alone: no library of arrays is loaded.
"""
