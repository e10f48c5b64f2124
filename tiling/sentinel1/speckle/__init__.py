"""Speckle filters, for one image and for a series."""
