"""Benchmarks, run by hand. Each prints ratios from one run; no test measures time."""
