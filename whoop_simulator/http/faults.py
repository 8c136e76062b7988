"""Faults on order: the next requests, or a share of them, go wrong in a chosen way."""

import random
from dataclasses import dataclass, field
from typing import Any

from whoop_simulator.errors import SimulatorError
from whoop_simulator.http.validation import number, whole

KINDS = {
    "latency": "the answer comes `seconds` late",
    "stall": "the request is carried out at once, and the answer comes `seconds` late",
    "status": "the answer is `status` (default 500), and nothing was done",
    "reset": "the request is carried out, then the connection is reset without an answer",
    "truncate": "the body breaks off in the middle and the connection closes",
    "drip": "the body comes byte by byte, `seconds` apart",
    "not_json": "200 with an HTML page for a body",
    "answer": "`body` with `status` (default 200) and `headers` is answered, and nothing was done",
    "repeat_cursor": "a page names as `next_token` the very token it was asked with",
    "endless": "a page is empty and names a `next_token`, each page another one",
}
API = "/developer"
MAX_FAULT_SECONDS = 3600


@dataclass
class Fault:
    kind: str
    status: int = 500
    seconds: float = 0.0
    count: int | None = 1
    """How many requests it still hits; None: any number."""
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
        """The faults that this request meets, at most one of each kind; counts them as used."""
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
