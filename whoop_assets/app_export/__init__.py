"""The app's own export ("Data Export"): its files, taken apart and turned into what the API would have said.

Pure: it reads the file objects and bytes that it is given, and nothing else. What the export is like, and what is made
of it, is in docs/export.md.
"""

from whoop_assets.app_export.archive import FILES, UnreadableExport, files_of_zip
from whoop_assets.app_export.reading import Export, FileRead, read_export
from whoop_assets.app_export.rows import Cycle, JournalEntry, Rejected, Sleep, Workout

__all__ = [
    "FILES",
    "Cycle",
    "Export",
    "FileRead",
    "JournalEntry",
    "Rejected",
    "Sleep",
    "UnreadableExport",
    "Workout",
    "files_of_zip",
    "read_export",
]
