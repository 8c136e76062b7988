"""Engines that share compiled SQL.

SQLAlchemy compiles a statement once per engine, and each test has an engine of its own, because it has a
database of its own. Compiling took a third of the time of such tests.
"""

from collections import defaultdict
from typing import Any

from sqlalchemy import Connection, Dialect, Engine, create_engine, event

_dialects: dict[str, Dialect] = {}
_compiled: dict[str, dict[Any, Any]] = defaultdict(dict)


def create_sharing_engine(*args: Any, **options: Any) -> Engine:
    """Create an engine that shares its dialect and its compiled statements with the others of its kind."""
    engine = create_engine(*args, **options)
    kind = engine.dialect.name
    if kind in _dialects:
        engine.dialect = _dialects[kind]
    else:
        # A dialect learns about its database with the first connection, so only then it can be shared.
        def share(connection: Connection) -> None:
            _dialects.setdefault(kind, connection.dialect)

        event.listen(engine, "engine_connect", share)
    engine.update_execution_options(compiled_cache=_compiled[kind])
    return engine
