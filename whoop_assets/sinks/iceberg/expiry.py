"""Old snapshots: expired, and the files removed that nothing else needs."""

from typing import TYPE_CHECKING

from whoop_assets.errors import SinkUnavailable

if TYPE_CHECKING:
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot

KEPT, MOST = 20, 40
"""Snapshots are kept until there are MOST, then the newest: a commit that replaces days makes two of them."""


def expire(iceberg: "Table", *, most: int = MOST, kept: int = KEPT) -> int:
    """Expire all but the newest snapshots where there are more than `most`; returns how many went.

    Branches and tags keep theirs, and a table with `gc.enabled=false` all. pyiceberg takes snapshots out of the metadata
    alone: the files that only they need are removed here, after that is committed. Whoever writes meanwhile starts from a
    snapshot that stays. A reader that still scans an expired snapshot fails, and finds the current one. Raises SinkUnavailable
    when files could not be removed, after all were tried.
    """
    snapshots = sorted(iceberg.snapshots(), key=lambda one: one.sequence_number or 0, reverse=True)
    if len(snapshots) <= most or iceberg.properties.get("gc.enabled", "true").lower() == "false":
        return 0
    protected = {reference.snapshot_id for reference in iceberg.refs().values()}
    expired = [one for one in snapshots[kept:] if one.snapshot_id not in protected]
    if not expired:
        return 0
    iceberg.maintenance.expire_snapshots().by_ids([one.snapshot_id for one in expired]).commit()
    iceberg.refresh()
    _remove(iceberg, expired, iceberg.snapshots())
    return len(expired)


def _remove(iceberg: "Table", expired: "list[Snapshot]", remaining: "list[Snapshot]") -> None:
    io = iceberg.io
    needed_manifests = {one.manifest_path: one for snapshot in remaining for one in snapshot.manifests(io)}
    old_manifests = {one.manifest_path: one for snapshot in expired for one in snapshot.manifests(io)}
    for path in needed_manifests:
        old_manifests.pop(path, None)
    candidates = {
        entry.data_file.file_path
        for one in old_manifests.values()
        for entry in one.fetch_manifest_entry(io, discard_deleted=True)
    }
    if candidates:
        for one in needed_manifests.values():
            for entry in one.fetch_manifest_entry(io, discard_deleted=True):
                candidates.discard(entry.data_file.file_path)
    lists = {snapshot.manifest_list for snapshot in expired} - {one.manifest_list for one in remaining}
    # The lists last: what is cut short here leaves files without a name, never a name without its file.
    left, kinds = 0, set()
    for path in (*sorted(candidates), *sorted(old_manifests), *sorted(lists)):
        try:
            io.delete(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            left += 1
            kinds.add(type(error).__name__)
    if left:
        raise SinkUnavailable(
            f"{left} files of the Iceberg table {iceberg.name()[-1]} that no snapshot needs any more could not be removed"
            f" ({', '.join(sorted(kinds))}): let its storage allow that, and remove by hand or with another engine's"
            " removal of orphan files what is left, as expired snapshots are not looked at again."
        )
