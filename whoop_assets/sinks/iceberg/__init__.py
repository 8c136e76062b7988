"""Apache Iceberg: one table per stream, partitioned by WHOOP day, written in batches of days."""
