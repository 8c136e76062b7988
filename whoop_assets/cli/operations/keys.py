"""`keys`: which key encrypts the stored tokens, and putting another in its place. No key is ever shown."""

from typing import TYPE_CHECKING

import click

from whoop_assets.cli import opening
from whoop_assets.errors import RECONNECT, WhoopError
from whoop_assets.report.formatting import counted
from whoop_assets.settings import Settings

if TYPE_CHECKING:
    from whoop_assets.tokens.key_rotation import KeyUse


class KeyNotAtHand(WhoopError):
    """Tokens are stored under a key that is not there."""


@click.group(invoke_without_command=True)
@click.pass_context
def keys(context: click.Context) -> None:
    """Show the fingerprint of the key that encrypts tokens, and the members with tokens under another key."""
    if context.invoked_subcommand is not None:
        return
    from whoop_assets.tokens.cipher import LOST, token_cipher
    from whoop_assets.tokens.key_rotation import in_use

    settings = Settings.from_environment()
    with opening.warehouse(settings) as database:
        cipher = token_cipher(database, settings.token_key.get_secret_value())
        with database.read() as connection:
            found = in_use(connection, cipher)
    for use in found:
        click.echo(_line(use))
    if cipher.first not in {use.key_id for use in found}:
        click.echo(f"key {cipher.first}: the first available key; encrypts after `whoop-assets keys rotate`")
    missing = [use.key_id for use in found if not use.at_hand]
    if missing:
        raise KeyNotAtHand(
            f"Not available: key {', key '.join(map(str, missing))}. Add what is missing to WHOOP_TOKEN_KEY,"
            f" after the first; {LOST}."
        )


def _line(use: "KeyUse") -> str:
    name = "a key that is not recorded" if use.key_id is None else f"key {use.key_id}"
    whose = f"the tokens of {counted(use.members, 'member')}"
    return (
        f"{name}: {'encrypts now; ' if use.current else ''}{whose}{'' if use.at_hand else '; not available'}"
    )


@keys.command()
@click.option(
    "--lost",
    is_flag=True,
    help="Discard tokens that no available key decrypts. Their members must connect again.",
)
def rotate(lost: bool) -> None:
    """Encrypt all tokens with the first key of WHOOP_TOKEN_KEY, or with a new key in the key file."""
    from whoop_assets.tokens.key_rotation import rotate as rotated

    settings = Settings.from_environment()
    with opening.warehouse(settings) as database:
        done = rotated(database, settings.token_key.get_secret_value(), lost=lost)
    pairs = counted(done.members, "pair")
    click.echo(f"Key {done.key_id} encrypts now; {pairs} of tokens encrypted anew.")
    for user_id in done.unreadable:
        click.echo(f"Member {user_id}: the tokens cannot be read any more; `{RECONNECT}` fixes it.")
    if done.set_aside is not None:
        click.echo(f"The key file was not usable. It was renamed to {done.set_aside.name}.")
    if settings.token_key.get_secret_value():
        click.echo(
            "The keys behind the first may go from WHOOP_TOKEN_KEY as soon as every process has been"
            " started with this one and `whoop-assets keys` names no other."
        )
