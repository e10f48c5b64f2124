"""Products that are not on the disk yet: searched at a provider, downloaded, looked through."""
