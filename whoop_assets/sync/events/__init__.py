"""Loads of announced events: each record by its own URL, for several members in turn."""
