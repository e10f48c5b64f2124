"""A simulated day of drifting clouds in the files of GOES, and a small simulation, truth known."""
