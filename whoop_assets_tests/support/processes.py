"""Several real processes that do the same thing at the same moment."""

import multiprocessing
from collections.abc import Callable
from typing import Any

PATIENCE = 180


def together(count: int, work: Callable[..., Any], *arguments: Any) -> list[Any]:
    """Run `work(*arguments)` in `count` new processes that begin together, and return the results."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(count), context.Queue()
    processes = [context.Process(target=_run, args=(barrier, results, work, arguments)) for _ in range(count)]
    for process in processes:
        process.start()
    try:
        return [results.get(timeout=PATIENCE) for _ in processes]
    finally:
        for process in processes:
            process.join(PATIENCE)


def _run(barrier: Any, results: Any, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    barrier.wait(PATIENCE)
    try:
        results.put(work(*arguments))
    except Exception as error:  # noqa: BLE001 - the test shows what went wrong in there
        results.put(f"{type(error).__name__}: {error}")
