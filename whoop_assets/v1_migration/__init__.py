"""Maps the ids of WHOOP's API v1 in an older store to the ids of v2."""
