"""Sentinel-3 SYN products of level 2: found, read, and brought onto the coarse grid."""
