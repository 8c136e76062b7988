"""Token pairs of members: encrypted store, lease, refresh, keys and their rotation."""
