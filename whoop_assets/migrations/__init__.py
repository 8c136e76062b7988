"""The schema's history: one file per released change, applied by `whoop-assets db upgrade`.

To add a column, add it to its table's definition and write `versions/NNNN_name.py` with `op.add_column`; no
migration that was released is edited. If existing rows of a derived table must be computed again, raise its
number in `derived_versions`. A test compares the tables that the migrations make with the definitions, on
SQLite and PostgreSQL.
"""
