"""The app's own export ("Data Export"): its files, taken apart and turned into what the API would have said.

Reads files and bytes only. docs/export.md describes the export and the rules of the import.
"""

from whoop_assets.app_export.parsing.archive import UnreadableExport, files_of_zip, read_files
from whoop_assets.app_export.parsing.headings import FILES
from whoop_assets.app_export.parsing.reading import Export, FileRead, UnknownFile, read_export
from whoop_assets.app_export.parsing.rows import (
    ExportedCycle,
    ExportedSleep,
    ExportedWorkout,
    JournalEntry,
    Rejected,
)

__all__ = [
    "FILES",
    "Export",
    "ExportedCycle",
    "ExportedSleep",
    "ExportedWorkout",
    "FileRead",
    "JournalEntry",
    "Rejected",
    "UnknownFile",
    "UnreadableExport",
    "files_of_zip",
    "read_export",
    "read_files",
]
