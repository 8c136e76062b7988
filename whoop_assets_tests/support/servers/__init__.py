"""Servers and programs that the tests start: PostgreSQL, Redis and a browser."""
