"""Files of a tile: names, tags, masks, quicklooks."""
