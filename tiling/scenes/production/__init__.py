"""Stages of a dataset: what is there, what is stale, what is missing; run on Dask."""
