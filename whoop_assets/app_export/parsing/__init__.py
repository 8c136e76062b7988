"""The app's own export ("Data Export"): its files, taken apart and turned into what the API would have said.

Reads files and bytes only. docs/export.md describes the export and the rules of the import.
"""
