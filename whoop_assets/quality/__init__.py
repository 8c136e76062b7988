"""Valid ranges of values and consistency rules across tables."""
