"""Constructors of columns that carry a comment with their unit, and the metadata of all tables."""

from typing import Any

from sqlalchemy import BigInteger, Column, Double, Integer, MetaData

metadata = MetaData()
"""Import it from `whoop_assets.schema`, which imports every table."""


def column(name: str, kind: Any, comment: str, **options: Any) -> "Column[Any]":
    """Return a column of the given SQLAlchemy type."""
    return Column(name, kind, comment=comment, **options)


def key(name: str, kind: Any, comment: str) -> "Column[Any]":
    """Return a column of the primary key."""
    return Column(name, kind, primary_key=True, autoincrement=False, comment=comment)


def measure(name: str, comment: str) -> "Column[Any]":
    """Return a column for a measured value (double precision)."""
    return Column(name, Double, comment=comment)


def count(name: str, comment: str) -> "Column[Any]":
    """Return a column for a whole number."""
    return Column(name, Integer, comment=comment)


def milliseconds(name: str, comment: str) -> "Column[Any]":
    """Return a column for a duration in milliseconds."""
    return Column(name, BigInteger, comment=f"{comment}, milliseconds")
