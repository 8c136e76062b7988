"""Parts that tests and benchmarks share.

Imports no test and no benchmark; docs/testing.md shows how to use it.
"""
