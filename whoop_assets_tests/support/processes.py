"""Processes that call the same function at the same time."""

import multiprocessing
from collections.abc import Callable
from typing import Any

MAX_WAIT_SECONDS = 180


def together(count: int, work: Callable[..., Any], *arguments: Any) -> list[Any]:
    """Calls `work(*arguments)` in `count` processes at the same time, and returns the results."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(count), context.Queue()
    processes = [context.Process(target=_run, args=(barrier, results, work, arguments)) for _ in range(count)]
    for process in processes:
        process.start()
    try:
        return [results.get(timeout=MAX_WAIT_SECONDS) for _ in processes]
    finally:
        for process in processes:
            process.join(MAX_WAIT_SECONDS)


def _run(barrier: Any, results: Any, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    barrier.wait(MAX_WAIT_SECONDS)
    try:
        results.put(work(*arguments))
    except Exception as error:  # noqa: BLE001 - the caller's assertion reports it
        results.put(f"{type(error).__name__}: {error}")
