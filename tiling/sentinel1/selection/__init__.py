"""Which products a tile is made of."""
