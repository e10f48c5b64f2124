"""Process graphs: read, checked whole, and then evaluated.

======================  ============================================================================
`references`            references between the nodes of a graph, and the limits of its text
`calls`                 nodes of a graph: calls of processes, and what is wrong with them
`parsing`               graphs, parsed and checked before anything runs
`executor`              evaluates a graph that was checked
======================  ============================================================================
"""
