"""Injected faults: the next requests, or a share of them, fail in a chosen way."""

import random
from dataclasses import dataclass, field
from typing import Any

from whoop_simulator.errors import SimulatorError
from whoop_simulator.http.validation import number, whole

KINDS = {
    "latency": "the request waits `seconds` before it is processed",
    "stall": "the request is processed at once, and the response waits `seconds`",
    "status": "the response is `status` (default 500), and the request is not processed",
    "reset": "the request is processed, then the connection is reset without a response",
    "truncate": "the body ends in the middle, and the connection closes",
    "drip": "the body is sent byte by byte, `seconds` apart",
    "not_json": "200 with an HTML page as body",
    "answer": "the request gets `body` with `status` (default 200) and `headers`, and is not processed",
    "repeat_cursor": "the `next_token` of a page is the token of its request",
    "endless": "each page is empty and has a new `next_token`",
}
API = "/developer"
MAX_FAULT_SECONDS = 3600


@dataclass
class Fault:
    kind: str
    status: int = 500
    seconds: float = 0.0
    count: int | None = 1
    """Number of requests that the fault still affects; None: unlimited."""
    probability: float = 1.0
    path_prefix: str = API
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_json(cls, order: dict[str, Any]) -> "Fault":
        kind = order.get("kind")
        if kind not in KINDS:
            raise SimulatorError(f"fault kind {kind!r} is not known: use one of {', '.join(KINDS)}")
        known = {"kind", "status", "seconds", "count", "probability", "path_prefix", "body", "headers"}
        if unknown := set(order) - known:
            raise SimulatorError(
                f"a fault has no {', '.join(sorted(unknown))}: use {', '.join(sorted(known))}"
            )
        probability = order.get("probability")
        count = order.get("count", 1 if probability is None else None)
        prefix = order.get("path_prefix", API)
        if not isinstance(prefix, str):
            raise SimulatorError(f"path_prefix must be a text such as /v2/cycle, not {prefix!r}")
        body, headers = order.get("body", ""), order.get("headers", {})
        if not isinstance(body, str) or not isinstance(headers, dict):
            raise SimulatorError("body must be a text, and headers an object of texts")
        return cls(
            kind=kind,
            status=whole("status", order.get("status", 200 if kind == "answer" else 500), 200, 599),
            seconds=number("seconds", order.get("seconds", 0.0), 0, MAX_FAULT_SECONDS),
            count=None if count is None else whole("count", count, 1),
            probability=1.0 if probability is None else number("probability", probability, 0, 1),
            path_prefix=API + prefix if prefix.startswith(("/v1", "/v2")) else prefix,
            body=body,
            headers={str(name): str(value) for name, value in headers.items()},
        )


class Faults:
    def __init__(self, seed: int) -> None:
        self._rng = random.Random(f"{seed}/faults")
        self.ordered: list[Fault] = []

    def order(self, fault: Fault) -> None:
        self.ordered.append(fault)

    def clear(self) -> None:
        self.ordered.clear()

    def matching(self, path: str) -> dict[str, Fault]:
        """The faults of this request, at most one of each kind. Reduces their remaining counts."""
        hits: dict[str, Fault] = {}
        for fault in list(self.ordered):
            if fault.kind in hits or not path.startswith(fault.path_prefix):
                continue
            if fault.probability < 1 and self._rng.random() >= fault.probability:
                continue
            hits[fault.kind] = fault
            if fault.count is not None:
                fault.count -= 1
                if fault.count <= 0:
                    self.ordered.remove(fault)
        return hits
