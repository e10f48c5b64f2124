"""The configuration file, all options checked."""
