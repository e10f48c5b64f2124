"""Where a point on the ground lies in an image: orbit, zero-Doppler time, slant range."""
