"""Results as files, and what STAC says of them."""
