"""Exports in every language of the app are read like the English one."""

import io
import zipfile

import pytest
from sqlalchemy import select

from whoop_assets.app_export.parsing.activities import slug
from whoop_assets.app_export.parsing.archive import UnreadableExport, files_of_zip, read_files
from whoop_assets.app_export.parsing.headings import (
    CYCLES,
    FILES,
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
from whoop_assets.app_export.parsing.reading import read_export
from whoop_assets.summaries import tables
from whoop_assets.sync.import_export import import_export
from whoop_assets_tests.app_export.parsing.export_texts import ROWS, in_language, records_of
from whoop_assets_tests.support.data.app_exports import (
    CYCLES_OF_THREE_DAYS,
    KIND_OF_FILE,
    csv_of,
)
from whoop_simulator.world.app_export import COLUMNS

NOT_COMPARED = {"user_id", "built_at"}
ENGLISH = records_of(in_language(None))


@pytest.mark.parametrize("language", range(len(LANGUAGES)), ids=LANGUAGES)
def test_an_export_in_another_language_is_read_like_the_english_one(language):
    assert records_of(in_language(language)) == ENGLISH


@pytest.mark.parametrize("language", range(len(LANGUAGES)), ids=LANGUAGES)
def test_an_export_in_another_language_gives_the_same_summaries(sqlite_database, language):
    english = import_export(sqlite_database, in_language(None), None).user_id
    other = import_export(sqlite_database, in_language(language), None).user_id

    def days(user_id):
        with sqlite_database.read() as connection:
            query = select(tables.daily_summary).where(tables.daily_summary.c.user_id == user_id)
            rows = connection.execute(query.order_by(tables.daily_summary.c.day)).mappings()
            return [{name: value for name, value in row.items() if name not in NOT_COMPARED} for row in rows]

    assert len(days(english)) == 3
    assert days(other) == days(english)


def test_an_export_may_mix_languages(tmp_path):
    # A Spanish export has English names for two files; here the headings have several languages too.
    files = {
        name: csv_of(kind, ROWS[kind], language=n) for n, (name, kind) in enumerate(KIND_OF_FILE.items())
    }
    assert records_of(files) == ENGLISH
    spanish = in_language(1)
    assert {"physiological_cycles.csv", "sueño.csv", "entrenamientos.csv", "journal_entries.csv"} == set(
        spanish
    )


def test_each_heading_names_one_column_and_required_columns_have_every_language():
    columns = {}
    for english, translated in HEADINGS.items():
        for heading in (english, *filter(None, translated)):
            assert columns.setdefault(plain(heading), english) == english
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
def test_headings_are_compared_without_accents_spaces_and_apostrophes(heading, column):
    assert columns_of([heading]).known == {column}


def test_skin_temperatures_in_fahrenheit_are_converted_to_celsius():
    row = CYCLES_OF_THREE_DAYS[0] | {"Skin temp (celsius)": "92.3"}
    content = csv_of("cycles", [row]).replace(b"Skin temp (celsius)", b"Skin temp (fahrenheit)")
    assert read_export({"x.csv": content}).cycles[0].values["skin_temp_celsius"] == 33.5


def test_an_unknown_column_is_reported_and_the_other_columns_are_read():
    content = csv_of("cycles", CYCLES_OF_THREE_DAYS).replace(b"Day Strain", b"Steps taken")
    export = read_export({CYCLES: content})
    assert export.files[CYCLES].unknown_columns == ("Steps taken",)
    assert export.cycles[0].raw["stepstaken"] == "10.2"
    assert export.cycles[0].values["recovery_score"] == 60


ITALIAN = b"Ora di inizio,Ora di fine,Fuso,Recupero %\n2025-06-01 23:00:00,2025-06-02 23:00:00,UTC+01:00,60\n"


def test_a_file_in_an_unknown_language_is_reported_with_its_headings(sqlite_database):
    with pytest.raises(UnreadableExport, match=r"cicli.csv: Ora di inizio, Ora di fine, Fuso, Recupero %"):
        read_export({"cicli.csv": ITALIAN})
    result = import_export(sqlite_database, {**in_language(None), "cicli.csv": ITALIAN}, None)
    assert [(file.name, file.headings) for file in result.unknown_files] == [
        ("cicli.csv", "Ora di inizio, Ora di fine, Fuso, Recupero %")
    ]


# Names of files
@pytest.mark.parametrize(
    "name", ["physiological_cycles (1).csv", "PHYSIOLOGICAL_CYCLES.CSV", "export.csv", "sleeps.csv"]
)
def test_a_file_is_recognised_by_its_headings_with_any_name(tmp_path, name):
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
def test_an_empty_file_is_recognised_by_its_name_in_every_language(name, kind):
    assert kind_of_name(name) == kind
    files = {"cycles.csv": csv_of("cycles", CYCLES_OF_THREE_DAYS), name: b""}
    if kind not in (None, CYCLES):
        assert set(read_export(files).files) == {CYCLES, kind}


def test_a_zip_with_two_copies_of_each_file_is_one_export():
    files = in_language(0)
    zip_file = io.BytesIO()
    with zipfile.ZipFile(zip_file, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
            archive.writestr(name.replace(".csv", " (1).csv"), content)
    zip_file.seek(0)
    assert records_of(files_of_zip(zip_file, "export.zip")) == records_of(files)


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
def test_activities_of_recorded_exports_are_translated(activity, sport):
    assert slug(activity) == sport


def test_every_list_of_files_has_the_same_four_files():
    assert set(FILES) == set(NEEDED) == set(NAMES)
