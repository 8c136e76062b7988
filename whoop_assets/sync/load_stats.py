"""Result of loading one stream of one member: numbers of records, requests and warnings."""

from dataclasses import dataclass, field

from whoop_assets.records.upsert import StoreStats
from whoop_assets.whoop_api.client import WhoopClient


@dataclass(slots=True)
class LoadStats:
    """Numbers of records by outcome, and the requests they took.

    `limited` counts responses with status 429.
    """

    user_id: int
    stream: str
    created: int = 0
    changed: int = 0
    confirmed: int = 0
    superseded: int = 0
    deleted: int = 0
    quarantined: int = 0
    requests: int = 0
    retries: int = 0
    limited: int = 0
    waited_seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)

    def add(self, stored: StoreStats) -> None:
        """Add the outcome of one transaction."""
        self.created += stored.created
        self.changed += stored.changed
        self.confirmed += stored.confirmed
        self.superseded += stored.superseded
        self.deleted += stored.deleted
        self.quarantined += stored.quarantined

    def count_requests(self, client: WhoopClient) -> None:
        """Set the request numbers to those of the client."""
        self.requests, self.retries = client.requests, client.retries
        self.limited, self.waited_seconds = client.limited, client.waited_seconds
