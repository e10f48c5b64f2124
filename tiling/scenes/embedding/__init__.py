"""Encoders of tiles: networks, training on triplets, inference."""
