"""One page per member and WHOOP day in a Notion data source (Notion's API of version 2025-09-03)."""
