"""Embeddings made lower-dimensional or put into groups."""
