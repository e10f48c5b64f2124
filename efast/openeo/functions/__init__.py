"""User-defined functions of the process graph: each module is sent to a back-end as it stands.

So each rests on nothing of this project, and says all that it needs; what it computes is what
`efast.cells` computes, in its plainest form. Dimensions are ``t``, ``bands``, ``y`` and ``x``, NaN
is missing. Annotations are those that the runtime of openEO looks for, as objects, not as text.
"""
