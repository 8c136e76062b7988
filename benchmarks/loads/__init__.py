"""Loads: requests, time, memory, faults, copies and exports."""
