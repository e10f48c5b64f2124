"""EFAST: Sentinel-2 images of any day, with the change that Sentinel-3 saw in between."""
