"""Images on the pixels of a tile, block by block."""
