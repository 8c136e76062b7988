"""The columns of an export in the languages in which the app writes it.

WHOOP writes headings in the language of the account. A file is recognised by its headings, whatever its name
is and even if languages are mixed. docs/export.md names the source of each heading; an empty cell here means
that no source was found.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

CYCLES, SLEEPS, WORKOUTS, JOURNAL = (
    "physiological_cycles.csv",
    "sleeps.csv",
    "workouts.csv",
    "journal_entries.csv",
)
FILES = (CYCLES, SLEEPS, WORKOUTS, JOURNAL)
"""The files of an export by their English names, which stand for their kind whatever they are called."""

START, END, ZONE = "Cycle start time", "Cycle end time", "Cycle timezone"
ONSET, WAKE, NAP = "Sleep onset", "Wake onset", "Nap"
BEGUN, ENDED, ACTIVITY = "Workout start time", "Workout end time", "Activity name"
QUESTION, ANSWER, NOTES = "Question text", "Answered yes", "Notes"
RECOVERY, STRAIN = "Recovery score %", "Day Strain"
SKIN_CELSIUS, SKIN_FAHRENHEIT = "Skin temp (celsius)", "Skin temp (fahrenheit)"

LANGUAGES = ("German", "Spanish", "French", "Brazilian Portuguese")
"""Beside English, whose headings are the keys of HEADINGS."""

HEADINGS: dict[str, tuple[str, str, str, str]] = {
    # English: German, Spanish, French, Brazilian Portuguese.
    START: (
        "Startzeit des Zyklus", "Hora de inicio del ciclo", "Heure de début du cycle",
        "Hora de início do ciclo",
    ),
    END: (
        "Endzeit des Zyklus", "Hora de finalización del ciclo", "Heure de fin du cycle",
        "Hora de fim do ciclo",
    ),
    ZONE: (
        "Zeitzone des Zyklus", "Zona horaria del ciclo", "Fuseau horaire du cycle", "Fuso horário do ciclo",
    ),
    RECOVERY: (
        "Erholungswert %", "Puntuación de recuperación (%)", "Score de récupération %",
        "Pontuação de recuperação %",
    ),
    "Resting heart rate (bpm)": (
        "Ruheherzfrequenz (Schläge pro Minute)", "Frecuencia cardíaca en reposo (lpm)",
        "Fréquence cardiaque au repos (bpm)", "Frequência cardíaca em repouso (bpm)",
    ),
    "Heart rate variability (ms)": (
        "Herzfrequenzvariabilität (ms)", "Variabilidad de la frecuencia cardíaca (ms)",
        "Variabilité de la fréquence cardiaque (ms)", "Variabilidade da frequência cardíaca (ms)",
    ),
    SKIN_CELSIUS: (
        "Hauttemperatur (Celsius)", "Temp. cutánea (grados centígrados)", "Température cutanée (Celsius)",
        "Temp. da pele (celsius)",
    ),
    "Blood oxygen %": (
        "Blutsauerstoff %", "Oxígeno en sangre %", "Niveau d'oxygène %", "% de oxigênio no sangue",
    ),
    STRAIN: ("Tagesbelastung", "Esfuerzo del día", "Effort du jour", "Esforço diário"),
    "Energy burned (cal)": (
        "Verbrannte Energie (cal)", "Energía quemada (cal)", "Dépense énergétique (cal.)",
        "Energia queimada (cal)",
    ),
    "Max HR (bpm)": ("Max HF (Schläge pro Minute)", "FC máx. (lpm)", "FC max. (bpm)", "FC máx. (bpm)"),
    "Average HR (bpm)": (
        "Durchschnittliche HF (Schläge pro Minute)", "FC promedio (lpm)", "FC moyenne (bpm)",
        "FC média (bpm)",
    ),
    ONSET: ("Beginn des Schlafs", "Inicio del sueño", "Premiers signes de sommeil", "Início do sono"),
    WAKE: ("Beginn des Aufwachens", "Inicio de la vigilia", "Premiers signes de réveil", "Início da vigília"),
    "Sleep performance %": (
        "Schlafleistung %", "Calificación del sueño (%)", "Performance Sommeil %", "Desempenho do sono %",
    ),
    "Respiratory rate (rpm)": (
        "Atemfrequenz (Atemzüge/Min.)", "Frecuencia respiratoria (rpm)", "Fréquence respiratoire (tr/min)",
        "Frequência respiratória (rpm)",
    ),
    "Asleep duration (min)": (
        "Schlafdauer (Min.)", "Duración del sueño (min)", "Durée du sommeil (min)", "Duração do sono (min)",
    ),
    "In bed duration (min)": (
        "Dauer im Bett (Min.)", "Tiempo en la cama (min)", "Temps passé au lit (min)",
        "Duração na cama (min)",
    ),
    "Light sleep duration (min)": (
        "Dauer des Leichtschlafs (Min.)", "Duración de sueño ligero (min)", "Durée du sommeil léger (min)",
        "Duração do sono leve (min)",
    ),
    "Deep (SWS) duration (min)": (
        "Dauer des Tiefschlafs (Min.)", "Duración de sueño profundo (SWS) (min)",
        "Durée du sommeil profond (min)",
        "Duração profundo (Sono) (min)",
    ),
    "REM duration (min)": (
        "Dauer des REM-Schlafs (Min.)", "Duración de sueño REM (min)", "Durée du sommeil paradoxal (min)",
        "Duração REM (min)",
    ),
    "Awake duration (min)": (
        "Dauer des Aufwachens (Min.)", "Tempo despierto/a (min)", "Temps d'éveil (min)",
        "Duração de vigília (min)",
    ),
    "Sleep need (min)": (
        "Schlafbedarf (Min.)", "Sueño necesario (min)", "Besoins en sommeil (min)",
        "Necessidade de sono (min)",
    ),
    "Sleep debt (min)": (
        "Schlafdefizit (Min.)", "Deuda de sueño (min)", "Dette de sommeil (min)", "Débito de sono (min)",
    ),
    "Sleep efficiency %": (
        "Schlafeffizienz %", "Eficiencia del sueño %", "Efficacité du sommeil %", "Eficácia do sono %",
    ),
    "Sleep consistency %": (
        "Schlafbeständigkeit %", "Regularidad del sueño %", "Régularité du sommeil %",
        "Consistência do sono %",
    ),
    NAP: ("Nickerchen", "Siesta", "Sieste", "Sesta"),
    BEGUN: (
        "Startzeit des Trainings", "Hora de inicio del entrenamiento", "Heure de début de l'entraînement",
        "Hora de início do treino",
    ),
    ENDED: (
        "Endzeit des Trainings", "Hora de finalización del entrenamiento", "Heure de fin de l'entraînement",
        "Hora de fim do treino",
    ),
    "Duration (min)": ("Dauer (Min.)", "Duración (min)", "Durée (min)", "Duração (min)"),
    ACTIVITY: ("Name der Aktivität", "Nombre de la actividad", "Nom de l'activité", "Nome da atividade"),
    "Activity Strain": (
        "Aktivitätsbelastung", "Esfuerzo de actividad", "Effort activité", "Esforço da atividade",
    ),
    **{
        f"HR Zone {zone} %": (
            f"HF-Zone {zone} %", f"Zona FC {zone}%", f"Zone FC {zone} %", f"Zona {zone} de FC %",
        )
        for zone in range(1, 6)
    },
    "GPS enabled": ("GPS aktiviert", "GPS habilitado", "", "GPS ativado"),
    "Distance (meters)": ("", "", "", ""),
    "Altitude gain (meters)": ("", "", "", ""),
    "Altitude change (meters)": ("", "", "", ""),
    QUESTION: ("Fragetext", "Texto de la pregunta", "Texte de la question", "Texto de pergunta"),
    ANSWER: ("Beantwortet mit Ja", 'Respondió "Sí"', "A répondu oui", "Respondeu sim"),
    NOTES: ("Anmerkungen", "Notas", "Notes", "Notas"),
}  # fmt: skip

NAMES: dict[str, tuple[str, str, str, str]] = {
    CYCLES: ("physiologische_zyklen.csv", CYCLES, CYCLES, "ciclos_fisiológicos.csv"),
    SLEEPS: ("Schlaf.csv", "sueño.csv", "sommeil.csv", "sonos.csv"),
    WORKOUTS: ("Trainings.csv", "entrenamientos.csv", "entraînements.csv", "treinos.csv"),
    JOURNAL: ("logbuch_eintraege.csv", JOURNAL, JOURNAL, "entradas_diário.csv"),
}
"""The names of the files in each language: used only for a file that is empty and so has no headings."""

NEEDED: dict[str, tuple[str, ...]] = {
    JOURNAL: (START, ZONE, QUESTION, ANSWER),
    WORKOUTS: (START, ZONE, BEGUN, ENDED, ACTIVITY),
    SLEEPS: (START, ZONE, ONSET, WAKE, NAP),
    CYCLES: (START, ZONE),
}
"""Without these columns no row of the file can be placed.

All others may be missing: versions of the app differ in them.
"""

_TELLING: tuple[tuple[str, tuple[str, ...]], ...] = (
    # A row of a cycle has all columns of its sleep but one, so the order matters.
    (JOURNAL, (QUESTION, ANSWER)),
    (WORKOUTS, (BEGUN, ENDED, ACTIVITY)),
    (SLEEPS, (NAP,)),
    (CYCLES, (RECOVERY, STRAIN, "Resting heart rate (bpm)", "Heart rate variability (ms)", "Blood oxygen %")),
    (SLEEPS, (ONSET, WAKE)),
)
"""Columns that tell the kind of a file, the first that fits."""

_COPY = re.compile(r"(?:\s*\(\d+\)|\s+\d+|\s+copy)$")


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a file.

    `keys`: the key of each column, in order. `known`: the English headings among them. `unknown`: the
    headings that are not known, as they stand. `english`: no known heading is in another language.
    """

    keys: tuple[str, ...]
    known: frozenset[str]
    unknown: tuple[str, ...]
    english: bool


def plain(heading: str) -> str:
    """A heading as it is compared: without accents, case, spaces and signs.

    `HR Zone 1 %`, `hr zone 1%` and `hr_zone_1_%` are one column. Both kinds of apostrophe, non-breaking
    spaces and a percent sign at the front make no difference.
    """
    folded = unicodedata.normalize("NFKD", heading.casefold())
    return "".join(character for character in folded if character.isalnum())


def columns_of(headings: Iterable[str]) -> Columns:
    """Recognise each heading. The key of a known column is that of its English heading, in every language."""
    keys: list[str] = []
    known: set[str] = set()
    unknown: list[str] = []
    english = True
    for heading in headings:
        name = _column(heading)
        if name is None or name in known:
            key = plain(heading)
            keys.append(f"{key} {len(keys)}" if key in keys or name is not None else key)
            if heading.strip():
                unknown.append(heading.strip())
            continue
        keys.append(plain(name))
        known.add(name)
        english = english and plain(heading) in _ENGLISH
    return Columns(tuple(keys), frozenset(known), tuple(unknown), english)


def kind_of(columns: Columns, name: str) -> str | None:
    """The file of an export that has these columns, by its English name; None if it is none.

    `name` is what the file is called; it decides only if the columns do not.
    """
    for kind, telling in _TELLING:
        if any(heading in columns.known for heading in telling):
            return kind
    return kind_of_name(name) if START in columns.known or not columns.keys else None


def kind_of_name(name: str) -> str | None:
    """The file that is called so, in any language, also with `(1)` behind its name; None if none is."""
    stem = name.replace("\\", "/").rpartition("/")[2].casefold().removesuffix(".csv")
    return _KIND_OF_NAME.get(plain(_COPY.sub("", stem)))


def _column(heading: str) -> str | None:
    key = plain(heading)
    if key in _COLUMN_OF:
        return _COLUMN_OF[key]
    # No export in degrees Fahrenheit was found in other languages; all of them call the unit so.
    without_unit = key.removesuffix("f") if key.endswith("f") else key.removesuffix("fahrenheit")
    return SKIN_FAHRENHEIT if without_unit != key and without_unit in _SKIN else None


_ENGLISH = {plain(heading): heading for heading in (*HEADINGS, SKIN_FAHRENHEIT)}
_COLUMN_OF = _ENGLISH | {
    plain(heading): english for english, others in HEADINGS.items() for heading in others if heading
}
_SKIN = {
    plain(heading.partition("(")[0] + degrees)
    for heading in (SKIN_CELSIUS, *HEADINGS[SKIN_CELSIUS])
    for degrees in ("", "grados", "grad", "degrés", "graus", "degrees")
}
_KIND_OF_NAME = {
    plain(name.casefold().removesuffix(".csv")): kind
    for kind, names in NAMES.items()
    for name in (kind, *names)
}
