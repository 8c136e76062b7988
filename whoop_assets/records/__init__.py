"""WHOOP records: tables, upsert, day assignment, versions, coverage, quarantine and stale days."""
