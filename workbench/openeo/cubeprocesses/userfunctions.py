"""Processes of data cubes: run_udf."""
