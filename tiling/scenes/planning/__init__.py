"""Which scenes and which tiles there are: decided once, the same for any number of workers."""
