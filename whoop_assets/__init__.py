"""WHOOP data in your own database, as Dagster assets partitioned by WHOOP day."""
