"""Deployments that tests and benchmarks start: the simulator, Dagster and the services as processes or
containers.
"""
