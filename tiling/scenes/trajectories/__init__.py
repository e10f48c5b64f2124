"""Paths of clouds by optical flow."""
