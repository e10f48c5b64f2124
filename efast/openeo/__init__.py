"""EFAST as a process of openEO: its graph, the functions in it, and the short way past them.

`functions` are the steps that no official process does, `parameters` what a user gives,
`processgraph` builds the graph with the openEO client, on a server or with `offline`, and `stored`
keeps it as JSON. `recognition` sees that a graph is this one, and `nativeprocess` runs `efast.fuse`
in its place. `sentinel2images` and `sentinel3passes` bring both satellites into the catalogue of a
back-end; `remoterun` runs the graph on one, and `command` is ``workbench efast openeo``.
"""
