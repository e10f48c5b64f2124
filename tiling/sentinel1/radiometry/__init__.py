"""Backscatter from digital numbers: calibration, thermal noise, borders that are cut."""
