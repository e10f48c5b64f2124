"""FarmVibes.AI's interpolation workflow: its data model, its operations and its graphs.

From below: `records` travel, `grouping` puts them together, `images` and `dailyimages` read and
write their files, `regions` are solved, `cloudremoval` is the operation that does so, `operations`
lists what a workflow may name, `graph` reads and checks a workflow, `run` carries it out.
"""
