"""Commands that connect members."""
