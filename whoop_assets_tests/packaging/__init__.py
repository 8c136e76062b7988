"""Tests of the distributions and of the project's configuration files."""
