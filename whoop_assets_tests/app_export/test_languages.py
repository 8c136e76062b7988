"""Exports of accounts in other languages, of other names, and as spreadsheets save them: all read like the
English one.
"""

import io
import zipfile

import pytest
from sqlalchemy import select

from whoop_assets.app_export.parsing import FILES, UnreadableExport, read_export, read_files
from whoop_assets.app_export.parsing.activities import slug
from whoop_assets.app_export.parsing.headings import (
    CYCLES,
    HEADINGS,
    JOURNAL,
    LANGUAGES,
    NAMES,
    NEEDED,
    SLEEPS,
    WORKOUTS,
    columns_of,
    kind_of_name,
    plain,
)
from whoop_assets.app_export.parsing.notation import Notation, notation_of
from whoop_assets.app_export.parsing.values import flag, zone
from whoop_assets.summaries import tables
from whoop_assets.sync.export_import.import_export import import_export
from whoop_assets_tests.app_export.exports import (
    CYCLES_OF_THREE_DAYS,
    KINDS,
    NIGHTS,
    csv_of,
    listed,
    nap,
    under,
)
from whoop_simulator.world.app_export import COLUMNS

OURS = {"user_id", "built_at"}
WORKOUT = under(3) | {
    "Workout start time": "2025-06-03 17:30:00",
    "Workout end time": "2025-06-03 18:30:00",
    "Activity name": "Running",
    "Activity Strain": "8.3",
    "Energy burned (cal)": "410",
    "Max HR (bpm)": "161",
    "Average HR (bpm)": "132",
    "HR Zone 1 %": "25",
    "HR Zone 2 %": "30",
    "HR Zone 3 %": "20",
    "HR Zone 4 %": "10",
    "HR Zone 5 %": "5",
    "GPS enabled": "false",
}
ANSWER = under(3) | {"Question text": "Any caffeine?", "Answered yes": "true", "Notes": "one, early"}
ROWS = {
    "cycles": CYCLES_OF_THREE_DAYS,
    "sleeps": [*NIGHTS, listed(3, nap(3), is_nap=True)],
    "workouts": [WORKOUT],
    "journal": [ANSWER],
}


def in_language(language, **how):
    """The whole export; `language`: its place in LANGUAGES, None for English."""
    return {
        (name if language is None else NAMES[name][language]): csv_of(
            kind, ROWS[kind], language=language, **how
        )
        for name, kind in KINDS.items()
    }


def records_of(files):
    """All that an export says, without how it is written."""
    export = read_export(files)
    assert export.unknown_files == []
    for found in export.files.values():
        assert (found.rejected, found.faults) == ([], [])
    return [
        [{name: getattr(record, name) for name in record.__slots__ if name != "raw"} for record in kind]
        for kind in (export.cycles, export.sleeps, export.workouts, export.journal)
    ]


ENGLISH = records_of(in_language(None))


@pytest.mark.parametrize("language", range(len(LANGUAGES)), ids=LANGUAGES)
def test_an_export_in_another_language_is_read_like_the_english_one(language):
    assert records_of(in_language(language)) == ENGLISH


@pytest.mark.parametrize("language", range(len(LANGUAGES)), ids=LANGUAGES)
def test_it_gives_the_same_days(sqlite_database, language):
    english = import_export(sqlite_database, in_language(None), None).user_id
    other = import_export(sqlite_database, in_language(language), None).user_id

    def days(user_id):
        with sqlite_database.read() as connection:
            query = select(tables.daily_summary).where(tables.daily_summary.c.user_id == user_id)
            rows = connection.execute(query.order_by(tables.daily_summary.c.day)).mappings()
            return [{name: value for name, value in row.items() if name not in OURS} for row in rows]

    assert len(days(english)) == 3
    assert days(other) == days(english)


def test_languages_may_be_mixed(tmp_path):
    """A Spanish export has English names for two of its files; here even its headings are of several
    languages.
    """
    files = {name: csv_of(kind, ROWS[kind], language=n) for n, (name, kind) in enumerate(KINDS.items())}
    assert records_of(files) == ENGLISH
    spanish = in_language(1)
    assert {"physiological_cycles.csv", "sueño.csv", "entrenamientos.csv", "journal_entries.csv"} == set(
        spanish
    )


def test_every_heading_is_of_one_column_in_all_languages_and_each_file_has_what_places_its_rows():
    meant = {}
    for english, translated in HEADINGS.items():
        for heading in (english, *filter(None, translated)):
            assert meant.setdefault(plain(heading), english) == english
    for needed in NEEDED.values():
        for heading in needed:
            assert all(HEADINGS[heading])
    for kind in COLUMNS.values():
        assert columns_of(kind).unknown == ()


@pytest.mark.parametrize(
    ("heading", "column"),
    [
        ("Niveau d\u2019oxygène %", "Blood oxygen %"),
        ("Niveau d'oxygène %", "Blood oxygen %"),
        ("Zone FC 1\u00a0%", "HR Zone 1 %"),
        ("% de oxigênio no sangue", "Blood oxygen %"),
        ("Herzfrequenzvariabilita\u0308t (ms)", "Heart rate variability (ms)"),
        ("  CYCLE START TIME ", "Cycle start time"),
        ("Duracao do sono (min)", "Asleep duration (min)"),
        ("Skin temp (fahrenheit)", "Skin temp (fahrenheit)"),
        ("Skin temp (°F)", "Skin temp (fahrenheit)"),
        ("Hauttemperatur (Fahrenheit)", "Skin temp (fahrenheit)"),
        ("Temp. cutánea (grados Fahrenheit)", "Skin temp (fahrenheit)"),
        ("Température cutanée (°F)", "Skin temp (fahrenheit)"),
    ],
)
def test_accents_spaces_apostrophes_and_signs_make_no_difference(heading, column):
    assert columns_of([heading]).known == {column}


def test_degrees_fahrenheit_are_degrees_celsius():
    row = CYCLES_OF_THREE_DAYS[0] | {"Skin temp (celsius)": "92.3"}
    content = csv_of("cycles", [row]).replace(b"Skin temp (celsius)", b"Skin temp (fahrenheit)")
    assert read_export({"x.csv": content}).cycles[0].values["skin_temp_celsius"] == 33.5


def test_what_is_not_known_of_a_file_is_reported_and_the_rest_is_read():
    content = csv_of("cycles", CYCLES_OF_THREE_DAYS).replace(b"Day Strain", b"Steps taken")
    export = read_export({CYCLES: content})
    assert export.files[CYCLES].unknown_columns == ("Steps taken",)
    assert export.cycles[0].raw["stepstaken"] == "10.2"
    assert export.cycles[0].values["recovery_score"] == 60


ITALIAN = b"Ora di inizio,Ora di fine,Fuso,Recupero %\n2025-06-01 23:00:00,2025-06-02 23:00:00,UTC+01:00,60\n"


def test_of_a_language_that_is_not_known_the_headings_are_reported(sqlite_database):
    with pytest.raises(UnreadableExport, match=r"cicli.csv: Ora di inizio, Ora di fine, Fuso, Recupero %"):
        read_export({"cicli.csv": ITALIAN})
    done = import_export(sqlite_database, {**in_language(None), "cicli.csv": ITALIAN}, None)
    assert [(file.name, file.headings) for file in done.unknown_files] == [
        ("cicli.csv", "Ora di inizio, Ora di fine, Fuso, Recupero %")
    ]


# Names, folders, zips


@pytest.mark.parametrize(
    "name", ["physiological_cycles (1).csv", "PHYSIOLOGICAL_CYCLES.CSV", "export.csv", "sleeps.csv"]
)
def test_a_file_is_known_by_its_headings_and_not_by_its_name(tmp_path, name):
    content = csv_of("cycles", CYCLES_OF_THREE_DAYS)
    (tmp_path / name).write_bytes(content)
    deep = tmp_path / "folder" / "my_whoop_data" / "inner"
    deep.mkdir(parents=True)
    (deep / name).write_bytes(content)
    (tmp_path / "folder" / "notes.txt").write_text("no CSV")
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        archive.writestr(f"inner/{name}", content)
    for path in (tmp_path / name, tmp_path / "folder", tmp_path / "export.zip"):
        export = read_export(read_files(path))
        assert list(export.files) == [CYCLES]
        assert [cycle.values["recovery_score"] for cycle in export.cycles] == [60, 70, 65]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Schlaf.csv", SLEEPS),
        ("a/sueño (2).csv", SLEEPS),
        ("suen\u0303o.csv", SLEEPS),
        ("Entraînements.CSV", WORKOUTS),
        ("entradas_diário.csv", JOURNAL),
        ("journal_entries (1).csv", JOURNAL),
        ("ciclos_fisiologicos.csv", CYCLES),
        ("shopping.csv", None),
    ],
)
def test_an_empty_file_is_known_by_its_name_in_every_language(name, kind):
    assert kind_of_name(name) == kind
    files = {"cycles.csv": csv_of("cycles", CYCLES_OF_THREE_DAYS), name: b""}
    if kind not in (None, CYCLES):
        assert set(read_export(files).files) == {CYCLES, kind}


def test_a_zip_with_an_export_and_its_own_copy_is_one_export():
    held = io.BytesIO()
    files = in_language(0)
    with zipfile.ZipFile(held, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
            archive.writestr(name.replace(".csv", " (1).csv"), content)
    assert records_of(files) == records_of({**files, **{f"{name} (1)": files[name] for name in files}})


# As a spreadsheet saves it


def resaved(kind, *, language, time, decimal, delimiter, encoding):
    """A file after a spreadsheet has saved it in its own notation."""

    def cell(column, text):
        if column in TIMED and text:
            day, clock = text.split(" ")
            year, month, day_of_month = day.split("-")
            return time.format(y=year, m=month, d=day_of_month, clock=clock[:5])
        return text.replace(".", decimal) if column not in ("Notes", "Cycle timezone") else text

    rows = [{column: cell(column, text) for column, text in row.items()} for row in ROWS[kind]]
    return csv_of(kind, rows, language=language, delimiter=delimiter, encoding=encoding, newline="\r\n")


TIMED = {
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
def test_what_a_spreadsheet_saved_is_read_like_what_the_app_wrote(
    language, time, decimal, delimiter, encoding
):
    how = {
        "language": language,
        "time": time,
        "decimal": decimal,
        "delimiter": delimiter,
        "encoding": encoding,
    }
    files = {name: resaved(kind, **how) for name, kind in KINDS.items()}
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
def test_the_order_of_day_and_month_is_told_by_the_whole_file_or_not_at_all(times, english, day_first):
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
def test_times_of_other_forms(text, day_first, expected):
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
def test_numbers_of_other_forms(text, comma, expected):
    assert Notation(decimal_comma=comma).number(text) == expected


@pytest.mark.parametrize("word", ["true", "TRUE", "Ja", "WAHR", "sí", "VERDADERO", "oui", "VRAI", "sim", "1"])
def test_words_that_say_yes(word):
    assert flag(word) is True


@pytest.mark.parametrize("word", ["false", "Nein", "FALSCH", "no", "FALSO", "non", "FAUX", "não", "0"])
def test_words_that_say_no(word):
    assert flag(word) is False


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("UTC-05:00", "-05:00"),
        ("UTCZ", "Z"),
        ("UTC", "Z"),
        ("GMT-5", "-05:00"),
        ("UTC+0530", "+05:30"),
        ("Z", "Z"),
    ],
)
def test_zones_of_other_forms(text, offset):
    assert zone(text) == offset


@pytest.mark.parametrize(
    ("activity", "sport"),
    [
        ("Laufen", "running"),
        ("Levantamiento de pesas", "weightlifting"),
        ("Entrenador de fuerza", "weightlifting_msk"),
        ("Be\u0301isbol", "baseball"),
        ("Natação", "natacao"),
        ("Course à pied", "course-a-pied"),
    ],
)
def test_activities_are_translated_where_a_recorded_export_names_them(activity, sport):
    assert slug(activity) == sport


def test_the_files_of_an_export_are_four():
    assert set(FILES) == set(NEEDED) == set(NAMES)
