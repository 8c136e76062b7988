"""`whoop-assets --demo COMMAND`: the command works on the demo's data and its simulated WHOOP."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from whoop_assets.cli.demo import folder as demo_folder
from whoop_assets.cli.demo import simulator
from whoop_assets.cli.processes.ports import SERVICE_PORT, free_port
from whoop_assets.cli.processes.processes import InUse
from whoop_assets.errors import ConfigurationError
from whoop_assets.settings import Settings

FLAG = "--demo"
CHOOSE_THEMSELVES = {"demo", "dev"}
"""Commands that use the demo's folder by themselves."""
ASK_WHOOP = {"backfill", "connect", "disconnect", "members", "migrate-v1", "serve"}
"""Commands that can send requests, for which the simulator runs."""


@contextmanager
def on_demo(command: str) -> Iterator[None]:
    """Let the environment name the demo while the block lasts, with its simulator if the command needs it.

    Raises:
        ConfigurationError: There is no demo, or its simulator's port is in use.
    """
    folder = demo_folder.folder_of(Settings.from_environment().data_folder)
    demo = demo_folder.saved(folder)
    if demo is None:
        raise ConfigurationError(f"There is no demo in {folder}: run `whoop-assets demo` first.")
    with ExitStack() as stack:
        if command in ASK_WHOOP:
            try:
                lock = stack.enter_context(demo_folder.held(folder))
            except InUse:
                pass  # `dev` runs the simulator
            else:
                url = stack.enter_context(simulator.running(demo.world, folder, demo.port, locks=[lock]))
                demo = replace(demo, port=demo_folder.port_of(url))
        before = dict(os.environ)
        callback_port = free_port() if command == "connect" else SERVICE_PORT
        os.environ.update(demo.environment(f"http://127.0.0.1:{demo.port}", callback_port))
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)
