"""Everything that is kept in SQL, on SQLite and on PostgreSQL: no HTTP in here, and no Dagster."""
