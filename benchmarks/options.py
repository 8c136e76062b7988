"""The command-line options of a benchmark."""

import argparse


def options(description: str | None, **defaults: float) -> argparse.Namespace:
    """Return the value of each option, which has the type of its default.

    Args:
        description: Text of `--help`.
        defaults: Name of an option -> its default.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, default in defaults.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    return parser.parse_args()
