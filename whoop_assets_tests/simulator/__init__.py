"""The simulator is held against WHOOP's published contract and what was measured of the real API."""
