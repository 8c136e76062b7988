"""Counts requests by stream, and compares them with the least possible number of pages."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import httpx

from whoop_assets.records.record_lookup import row_counts
from whoop_assets.schema import open_database
from whoop_assets.settings import Settings
from whoop_assets.whoop_api.streams import ALL_STREAMS, STREAMS
from whoop_assets_tests.support.deployments.simulator_process import SimulatedWhoop

PAGE = 25
MAX_LISTED_REQUESTS = 1000
"""The simulator lists at most this number of requests."""

PATHS = {stream.path: name for name, stream in ALL_STREAMS.items()}
SINGLE_RECORDS = "single records"


@dataclass(frozen=True)
class SentRequests:
    """SentRequests requests and the least possible number of requests, by stream."""

    requests: Counter[str]
    least: dict[str, int]

    @property
    def ratio(self) -> float:
        return self.requests.total() / sum(self.least.values())

    def lines(self) -> list[str]:
        rows = [f"  {'':<17}requests  least  ratio"]
        for name in (*self.least, SINGLE_RECORDS):
            least, sent = self.least.get(name, 0), self.requests[name]
            rows.append(f"  {name:<17}{sent:8}{least:7}" + (f"{sent / least:7.2f}" if least else ""))
        return [
            *rows,
            f"  {'in all':<17}{self.requests.total():8}{sum(self.least.values()):7}{self.ratio:7.2f}",
        ]


class RequestCounter:
    """Counts the simulator's requests from its creation on."""

    def __init__(self, stage: SimulatedWhoop) -> None:
        self._stage = stage
        self._before = stage.requests()

    def requests(self) -> Counter[str]:
        """Requests by stream. Requests for a single record by its URL count separately."""
        number = self._stage.requests() - self._before
        if number > MAX_LISTED_REQUESTS:
            raise ValueError(
                f"{number} requests, but the simulator lists only {MAX_LISTED_REQUESTS}: choose fewer days."
            )
        listed = httpx.get(f"{self._stage.base_url}/_control/requests", timeout=60).json()
        return Counter(
            PATHS.get(_bare(entry["path"]), SINGLE_RECORDS) for entry in listed[len(listed) - number :]
        )


def least_pages(settings: Settings, members: Sequence[int], first: date, last: date) -> dict[str, int]:
    """Returns the minimal number of requests by stream: full pages of stored records, and snapshots."""
    least = {"profile": len(members), "body_measurement": len(members)}
    database = open_database(settings, create=True)
    try:
        with database.read() as connection:
            for stream in STREAMS:
                least[stream] = sum(
                    max(
                        1,
                        math.ceil(sum(row_counts(connection, [member], stream, first, last).values()) / PAGE),
                    )
                    for member in members
                )
    finally:
        database.close()
    return least


def _bare(path: str) -> str:
    return path.removeprefix("/developer")
