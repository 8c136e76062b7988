"""Asking whoever runs the command: a prompt on a terminal, the next line where the input is a file or a
pipe."""

import sys

import click

from whoop_assets.errors import WhoopError


class NoAnswer(WhoopError):
    """The input ended, or held an empty line, where an answer was asked for."""


def ask(what: str, *, hidden: bool = False) -> str:
    """The answer, without blanks around it; `hidden`: not shown while it is typed. Raises NoAnswer."""
    if sys.stdin.isatty():
        answer: str = click.prompt(what, default="", show_default=False, hide_input=hidden, err=True)
    else:
        click.echo(f"{what}:", err=True)
        answer = sys.stdin.readline()
    if not answer.strip():
        raise NoAnswer(f"{what}: nothing was given, and nothing was done; run the command again and give it.")
    return answer.strip()


def agreed(question: str) -> bool:
    """Whether the answer is yes."""
    return ask(f"{question} [y/N]").lower() in ("y", "yes")
