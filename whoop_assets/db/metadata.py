"""The metadata that all tables share. Import it from `whoop_assets.schema`, which loads every table."""

from sqlalchemy import MetaData

metadata = MetaData()
