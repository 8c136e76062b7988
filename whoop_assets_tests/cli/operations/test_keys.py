"""`keys` and `keys rotate`, and the errors for a missing or wrong key."""

from pathlib import Path

from cryptography.fernet import Fernet

from whoop_assets.tokens.cipher import fingerprint
from whoop_assets_tests.cli.conftest import CommandLine, error_of


def test_the_key_file_is_rotated_without_printing_a_key(command_line: CommandLine) -> None:
    command_line.connect(command_line.members[0])
    (path,) = Path().glob("*.token-key")
    before = path.read_text().strip()
    first = fingerprint(before.encode())
    assert command_line.run("keys").stdout == f"key {first}: encrypts now; the tokens of 1 member\n"

    rotated = command_line.run("keys", "rotate")
    assert rotated.exit_code == 0, rotated.output
    new, old = path.read_text().strip().split(",")
    assert old == before
    second = fingerprint(new.encode())
    assert rotated.stdout == f"Key {second} encrypts now; 1 pair of tokens encrypted anew.\n"
    listed = command_line.run("keys")
    assert (listed.exit_code, listed.stdout) == (0, f"key {second}: encrypts now; the tokens of 1 member\n")
    assert not any(key in rotated.output + listed.output for key in (new, old))


def test_a_key_in_the_environment_is_rotated_by_the_documented_steps(command_line: CommandLine) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    command_line.environment.setenv("WHOOP_TOKEN_KEY", old)
    command_line.connect(command_line.members[0])
    command_line.environment.setenv("WHOOP_TOKEN_KEY", f"{old},{new}")
    command_line.connect(command_line.members[1])
    command_line.environment.setenv("WHOOP_TOKEN_KEY", f"{new},{old}")
    listed = command_line.run("keys").stdout.splitlines()
    assert listed == [
        f"key {fingerprint(old.encode())}: encrypts now; the tokens of 2 members",
        f"key {fingerprint(new.encode())}: the first available key; encrypts after `whoop-assets keys"
        f" rotate`",
    ]
    rotated = command_line.run("keys", "rotate")
    assert "2 pairs of tokens encrypted anew" in rotated.stdout
    command_line.environment.setenv("WHOOP_TOKEN_KEY", new)
    assert command_line.run("keys").exit_code == 0
    assert command_line.run("disconnect", str(command_line.members[0])).exit_code == 0


def test_a_wrong_key_is_one_error_and_no_token_is_exchanged(command_line: CommandLine) -> None:
    member = command_line.members[0]
    key = Fernet.generate_key().decode()
    command_line.environment.setenv("WHOOP_TOKEN_KEY", key)
    command_line.connect(member)
    exchanges = command_line.world.stats()["token_requests"]
    command_line.environment.setenv("WHOOP_TOKEN_KEY", Fernet.generate_key().decode())
    for command in (("keys",), ("keys", "rotate"), ("members", "--keep-alive"), ("connect", "--no-browser")):
        error = error_of(command_line.run(*command))
        assert "WHOOP_TOKEN_KEY" in error
        assert "keys rotate --lost" in error
    assert command_line.world.stats()["token_requests"] == exchanges
    command_line.environment.setenv("WHOOP_TOKEN_KEY", key)
    assert command_line.run("keys").exit_code == 0


def test_after_a_lost_key_members_reconnect(command_line: CommandLine) -> None:
    member = command_line.members[0]
    command_line.connect(member)
    (path,) = Path().glob("*.token-key")
    path.unlink()
    assert "restore it" in error_of(command_line.run("keys"))
    rotated = command_line.run("keys", "rotate", "--lost")
    assert rotated.exit_code == 0, rotated.output
    assert (
        f"Member {member}: the tokens cannot be read any more; `whoop-assets connect` fixes it."
        in rotated.stdout
    )
    assert "is lost; `whoop-assets connect` fixes it" in command_line.run("members").stdout
    command_line.connect(member)
    assert command_line.run("keys").exit_code == 0
