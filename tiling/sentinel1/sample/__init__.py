"""A small scene in the real formats, with the truth known."""
