"""Tests of the simulator against WHOOP's published contract and measurements of the real API."""
