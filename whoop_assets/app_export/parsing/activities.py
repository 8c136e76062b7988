"""Names of activities in an export -> the API's slug of the sport.

English names make their slug themselves. Names in other languages are translated only where a recorded export
shows them; every other name becomes a slug of its own words, so that nothing is guessed.
"""

import re
import unicodedata

SLUGS = {
    "strength trainer": "weightlifting_msk",  # the API's slug of sport 123
    # German; public importer with rows of a recorded export.
    "laufen": "running",
    "radfahren": "cycling",
    # Spanish; two recorded exports.
    "actividad": "activity",
    "baile": "dance",
    "béisbol": "baseball",
    "caminar": "walking",
    "correr": "running",
    "elíptica": "elliptical",
    "entrenador de fuerza": "weightlifting_msk",
    "entrenamiento funcional": "functional-fitness",
    "escaladora": "stairmaster",
    "fútbol soccer": "soccer",
    "gimnasia": "gymnastics",
    "hockey sobre césped": "field-hockey",
    "kayak": "kayaking",
    "levantamiento de pesas": "weightlifting",
    "levantamiento de potencia": "powerlifting",
    "natación": "swimming",
    "senderismo": "hiking-rucking",
    "tenis": "tennis",
    "tenis de pádel": "padel",
}


def slug(activity: str) -> str:
    """The API's way to write a sport: `Hiking/Rucking` is `hiking-rucking`, `Correr` is `running`."""
    lower = unicodedata.normalize("NFC", " ".join(activity.split())).casefold()
    if lower in SLUGS:
        return SLUGS[lower]
    folded = unicodedata.normalize("NFKD", lower)
    plain = "".join(character for character in folded if not unicodedata.combining(character))
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or lower
