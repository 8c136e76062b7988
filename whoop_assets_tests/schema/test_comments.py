"""Every column has a comment with its unit: in the definition, in PostgreSQL and in the data dictionary."""

import re

import pytest
from sqlalchemy import text

from whoop_assets.db.database import Database
from whoop_assets.schema import metadata
from whoop_assets_tests.summaries.test_data_dictionary import DICTIONARY

COLUMNS = [(table.name, column) for table in metadata.sorted_tables for column in table.columns]

UNITS = {
    # The ending of a name that is a unit already -> what its comment calls it.
    "_milli": "milliseconds",
    "_minutes": "minutes",
    "_percentage": "percent",
    "_celsius": "degrees Celsius",
    "_meter": "metres",
    "_kilogram": "kilograms",
    "_seconds": "seconds",
    "heart_rate": "beats per minute",
    "kilojoule": "kilojoules",
    "foster_strain": "points",
    "strain": "0 to 21",
    "strain_max": "0 to 21",
    "recovery_score": "percent",
    "respiratory_rate": "breaths per minute",
    "percent_recorded": "a fraction 0 to 1",
    "share": "share",
    "_z_28": "standard deviations",
    "hrv_cv": "percent",
    "ln_hrv_rmssd": "ln ms",
    "training_load": "points",
    "days_to_adapt": "days",
    "hedges_g": "standard deviations",
    "_value": "0 to 1",
    "difference": "in difference_unit",
    "sleep_regularity": "-100 to 100",
}
IN_THE_DICTIONARY = {
    "_milli": "ms",
    "_minutes": "min",
    "_percentage": "percent",
    "_celsius": "°C",
    "_meter": "m",
    "_kilogram": "kg",
    "heart_rate": "bpm",
    "kilojoule": "kJ",
    "foster_strain": "points",
    "strain": "0 to 21",
    "strain_max": "0 to 21",
    "recovery_score": "percent",
    "respiratory_rate": "breaths/min",
    "percent_recorded": "0 to 1",
    "_z_28": "SD",
    "hrv_cv": "percent",
    "ln_hrv_rmssd": "ln ms",
    "training_load": "points",
    "days_to_adapt": "days",
    "hedges_g": "SD",
    "_value": "0 to 1",
    "difference": "of `difference_unit`",
    "sleep_regularity": "-100 to 100",
}


STATISTIC = re.compile(
    r"_(?:(?:usual_)?(?:mean|sd)_\d+|(?:difference_)?(?:low|high)|mean|median|sum|min|max|7|28)$"
)
"""Endings for a mean, a spread or an extreme, which has the unit of its column."""

DIMENSIONLESS = {"training_load_ratio_7_21", "training_load_monotony_7"}
OF_STRAIN = {"strain_target_low", "strain_target_high"}
"""Aims: of day strain, which has no other unit."""
OF_THE_OUTCOME = {"mean_with", "mean_without"}
"""In the unit of the column that the row names."""


def unit_of(name, units):
    if name in DIMENSIONLESS | OF_STRAIN | OF_THE_OUTCOME:
        return None
    while (shorter := STATISTIC.sub("", name)) != name and not any(map(name.endswith, units)):
        name = shorter
    return next((unit for ending, unit in units.items() if name.endswith(ending)), None)


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
def test_every_table_and_column_has_a_comment(table):
    assert table.comment
    assert [column.name for column in table.columns if not column.comment] == []


@pytest.mark.parametrize(("table", "column"), COLUMNS, ids=lambda one: getattr(one, "name", one))
def test_the_comment_of_every_measurement_names_its_unit(table, column):
    unit = unit_of(column.name, UNITS)
    if unit is not None:
        assert unit in column.comment
    elif column.name in OF_STRAIN:
        assert "strain" in column.comment
    elif column.name in OF_THE_OUTCOME:
        assert "in the outcome's unit" in column.comment
    elif str(column.type) == "DOUBLE" and column.name not in DIMENSIONLESS:
        raise AssertionError(f"{table}.{column.name} is measured: say here what its unit is.")


def test_after_the_migrations_the_comments_are_in_postgresql(postgres_url):
    database = Database(postgres_url)
    query = text(
        "select c.relname, a.attname, col_description(c.oid, a.attnum) from pg_class c"
        " join pg_attribute a on a.attrelid = c.oid where c.relkind = 'r' and c.relnamespace ="
        " 'public'::regnamespace and a.attnum > 0 and not a.attisdropped"
    )
    with database.read() as connection:
        kept = {(table, column): comment for table, column, comment in connection.execute(query)}
    database.close()
    assert {(table, column.name): column.comment for table, column in COLUMNS} == {
        where: comment for where, comment in kept.items() if where[0] in metadata.tables
    }


def test_the_data_dictionary_names_the_unit_of_every_measurement():
    rows = re.findall(
        r"^\| `(\w+)` \| \w+ \| ([^|]*?) \|", DICTIONARY.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(rows) > 120
    wrong = {
        name: given
        for name, given in rows
        if (unit := unit_of(name, IN_THE_DICTIONARY)) is not None and given != unit
    }
    assert wrong == {}
