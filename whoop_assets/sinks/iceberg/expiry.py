"""Expires old snapshots and removes the files that only they need."""

from typing import TYPE_CHECKING

from whoop_assets.errors import SinkUnavailable

if TYPE_CHECKING:
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot

KEPT_SNAPSHOTS, MAX_SNAPSHOTS = 20, 40
"""If there are more than MAX_SNAPSHOTS snapshots, only the newest KEPT_SNAPSHOTS stay.

A commit that replaces days creates two.
"""


def expire(iceberg: "Table", *, most: int, kept: int) -> int:
    """Expires old snapshots and returns their number.

    Snapshots of branches and tags stay, and all snapshots of a table with `gc.enabled=false`. pyiceberg
    removes snapshots from the metadata only, so this function removes the files after that commit. Other
    writers start from a snapshot that stays. A reader of an expired snapshot fails and can read the current
    one.

    Args:
        most: Number of snapshots above which snapshots are expired.
        kept: Number of snapshots that stay.

    Raises:
        SinkUnavailable: Files could not be removed. All were tried.
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
    # The lists last: an interruption then leaves unreferenced files, and no reference to a missing file.
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
            f"Unused files of the Iceberg table {iceberg.name()[-1]} could not be removed ({left} in all,"
            f" {', '.join(sorted(kinds))}): permit deletion in its storage, and remove them by hand or"
            " with another engine's removal of orphan files. Expired snapshots are not checked again."
        )
