"""Models of WHOOP and of members, on a virtual clock or as generated rows, without HTTP."""
