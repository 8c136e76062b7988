"""Apache Iceberg: each stream a table, partitioned by WHOOP day, brought up to date a batch of days a commit."""
