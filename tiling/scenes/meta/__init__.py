"""The `meta.yaml` of a dataset: read, checked as a whole, and held as plain values."""
