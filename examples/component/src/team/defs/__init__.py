"""Component files."""
