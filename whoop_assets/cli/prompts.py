"""Prompts on a terminal. If the input is a file or a pipe, an answer is its next line."""

import sys

import click

from whoop_assets.errors import WhoopError


class NoAnswer(WhoopError):
    """The input ended or was empty."""


def ask(what: str, *, hidden: bool = False) -> str:
    """Return the stripped answer. `hidden` does not echo it. Raises NoAnswer."""
    if sys.stdin.isatty():
        answer: str = click.prompt(what, default="", show_default=False, hide_input=hidden, err=True)
    else:
        click.echo(f"{what}:", err=True)
        answer = sys.stdin.readline()
    if not answer.strip():
        raise NoAnswer(f"{what}: nothing was given, and nothing was done; run the command again and give it.")
    return answer.strip()


def agreed(question: str) -> bool:
    return ask(f"{question} [y/N]").lower() in ("y", "yes")
