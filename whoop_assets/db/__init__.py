"""Access to the database: engine, transactions, column types, bulk statements. No tables."""
