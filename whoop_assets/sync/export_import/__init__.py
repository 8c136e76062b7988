"""The import of a WHOOP app export: storing it, rebuilding the summaries, and the report of both."""
