"""Numbers, times and answers as spreadsheets write them are read like those of the app."""

import pytest

from whoop_assets.app_export.parsing.notation import Notation, notation_of
from whoop_assets.app_export.parsing.values import flag, zone
from whoop_assets_tests.app_export.parsing.export_texts import ROWS, in_language, records_of
from whoop_assets_tests.support.data.app_exports import (
    KIND_OF_FILE,
    csv_of,
)
from whoop_simulator.world.app_export import COLUMNS

ENGLISH = records_of(in_language(None))


def spreadsheet_file(kind, *, language, time, decimal, delimiter, encoding):
    """Return a file as a spreadsheet saves it in its own notation."""

    def cell(column, text):
        if column in TIME_COLUMNS and text:
            day, clock = text.split(" ")
            year, month, day_of_month = day.split("-")
            return time.format(y=year, m=month, d=day_of_month, clock=clock[:5])
        return text.replace(".", decimal) if column not in ("Notes", "Cycle timezone") else text

    rows = [{column: cell(column, text) for column, text in row.items()} for row in ROWS[kind]]
    return csv_of(kind, rows, language=language, delimiter=delimiter, encoding=encoding, newline="\r\n")


TIME_COLUMNS = {
    column for kind in COLUMNS.values() for column in kind if "time" in column and "zone" not in column
} | {
    "Sleep onset",
    "Wake onset",
}


@pytest.mark.parametrize(
    ("language", "time", "decimal", "delimiter", "encoding"),
    [
        (0, "{d}.{m}.{y} {clock}", ",", ";", "utf-8-sig"),
        (0, "{d}.{m}.{y} {clock}", ",", ";", "cp1252"),
        (2, "{d}/{m}/{y} {clock}", ",", ";", "utf-8"),
        (3, "{d}/{m}/{y} {clock}:00", ",", "\t", "utf-16"),
        (None, "{y}/{m}/{d} {clock}", ".", ",", "utf-8"),
        (1, "{y}-{m}-{d}T{clock}:00", ",", ",", "utf-8"),
    ],
)
def test_a_file_saved_by_a_spreadsheet_is_read_like_the_original(
    language, time, decimal, delimiter, encoding
):
    notation = {
        "language": language,
        "time": time,
        "decimal": decimal,
        "delimiter": delimiter,
        "encoding": encoding,
    }
    files = {name: spreadsheet_file(kind, **notation) for name, kind in KIND_OF_FILE.items()}
    assert records_of(files) == ENGLISH


@pytest.mark.parametrize(
    ("times", "english", "day_first"),
    [
        (["6/13/2025 23:00"], True, False),
        (["13/6/2025 23:00"], True, True),
        (["6/3/2025 23:00"], True, None),
        (["6/3/2025 23:00"], False, True),
        (["6/13/2025 11:00 PM", "13/6/2025 11:00 PM"], True, None),
    ],
)
def test_the_order_of_day_and_month_depends_on_all_dates_of_the_file(times, english, day_first):
    assert notation_of([], times, delimiter=",", english=english).day_first is day_first


@pytest.mark.parametrize(
    ("text", "day_first", "expected"),
    [
        ("6/13/2025 11:00 PM", False, "2025-06-13 23:00:00"),
        ("6/13/2025 12:05:09 AM", False, "2025-06-13 00:05:09"),
        ("13/6/25 23:00", True, "2025-06-13 23:00:00"),
        ("3.6.2025 7:05", None, "2025-06-03 07:05:00"),
        ("6/3/2025 23:00", None, "6/3/2025 23:00"),
        ("2025-06-03 23:00:00.531", None, "2025-06-03 23:00:00"),
        ("yesterday", None, "yesterday"),
    ],
)
def test_times_in_other_notations(text, day_first, expected):
    assert Notation(day_first=day_first).time(text) == expected


@pytest.mark.parametrize(
    ("text", "comma", "expected"),
    [
        ("12,5", True, "12.5"),
        ("1.234,5", True, "1234.5"),
        ("1.234", True, "1234"),
        ("1,234.5", False, "1234.5"),
        ("2,450", False, "2450"),
        ("95 %", False, "95"),
        ("95\u00a0%", False, "95"),
        ("\u22121.5", False, "-1.5"),
        ("12.5", False, "12.5"),
    ],
)
def test_numbers_in_other_notations(text, comma, expected):
    assert Notation(decimal_comma=comma).number(text) == expected


@pytest.mark.parametrize("word", ["true", "TRUE", "Ja", "WAHR", "sí", "VERDADERO", "oui", "VRAI", "sim", "1"])
def test_words_for_yes(word):
    assert flag(word) is True


@pytest.mark.parametrize("word", ["false", "Nein", "FALSCH", "no", "FALSO", "non", "FAUX", "não", "0"])
def test_words_for_no(word):
    assert flag(word) is False


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("UTC-05:00", "-05:00"),
        ("UTCZ", "Z"),
        ("UTC", "Z"),
        ("GMT-5", "-05:00"),
        ("utc-05:00", "-05:00"),
        ("UTC+0530", "+05:30"),
        ("Z", "Z"),
    ],
)
def test_time_zones_in_other_notations(text, offset):
    assert zone(text) == offset
