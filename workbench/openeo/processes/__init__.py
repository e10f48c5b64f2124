"""The processes of openEO on scalars and arrays, plain and over pixels, one kind a module.

======================  ============================================================================
`constants`             constant, e, pi, nan
`maths`                 add to tanh: of one number or two
`comparisons`           eq to is_infinite: truths about values
`logic`                 and, or, xor, not, any, all, if
`statistics`            count, sum to quantiles: one or a few values of an array
`cumulative`            cumsum, cumproduct, cummin, cummax
`arrays`                first, last, array_*: elements, labels, parts
`arrangement`           order, rearrange, sort
`interpolation`         array_interpolate_linear
`callbacks`             array_apply, array_filter, count: a graph for each element
`dates`                 date_between, date_shift, date_difference
`texts`                 text_begins to text_find
`development`           inspect
======================  ============================================================================
"""
