"""The metadata of all tables. Import it from `whoop_assets.schema`, which imports every table."""

from sqlalchemy import MetaData

metadata = MetaData()
