"""The method on arrays: cell sums, output dates, east and up, models. No files, no Dask."""
