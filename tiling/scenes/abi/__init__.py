"""The Advanced Baseline Imager of GOES-16 to 19: names, windows, radiometry, true colour."""
