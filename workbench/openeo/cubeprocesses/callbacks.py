"""Processes of data cubes: apply, apply_dimension, reduce_dimension, reduce_spatial."""
