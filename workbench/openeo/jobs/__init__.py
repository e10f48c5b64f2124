"""Batch jobs: kept in SQLite, run on Dask, their logs and results."""
