"""Simulations and other fields in netCDF files on this machine."""
