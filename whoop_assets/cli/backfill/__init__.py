"""Commands that plan and run backfills."""
