"""`python -m whoop_assets.cli`."""

from whoop_assets.cli.main import main

main(prog_name="whoop-assets")
