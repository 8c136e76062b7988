"""Maps ids of the WHOOP v1 API to ids of v2."""
