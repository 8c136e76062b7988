"""Runs the command line: `python -m whoop_simulator`."""

from whoop_simulator.cli import main

main(prog_name="whoop-simulator")
