"""How a file writes numbers and times, turned into how the app writes them.

The app writes `2025-06-03 23:00:00` and `33.5` in every language. A spreadsheet that saves the file again may
write `03.06.2025 23:00`, `6/3/2025 11:00 PM` and `33,5`, with semicolons between the cells.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

_SPACES = str.maketrans({"\N{NO-BREAK SPACE}": " ", "\N{NARROW NO-BREAK SPACE}": " ", "\N{MINUS SIGN}": "-"})
_ISO = re.compile(
    r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})[ T]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?", re.ASCII
)
_LOCAL = re.compile(
    r"(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2}),?[ T]+(\d{1,2}):(\d{2})(?::(\d{2}))?(?: ?([ap])\.? ?m\.?)?",
    re.ASCII | re.IGNORECASE,
)
_DECIMAL_COMMA = re.compile(r"-?\d+,(?:\d{1,2}|\d{4,})", re.ASCII)
_GROUPED = {
    ",": re.compile(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?", re.ASCII),
    ".": re.compile(r"-?\d{1,3}(?:\.\d{3})+(?:,\d+)?", re.ASCII),
}
_EMPTY = {"", "-", "--", "\N{EN DASH}", "\N{EM DASH}", "n/a", "na", "nan", "none", "null", "#n/a"}


@dataclass(frozen=True, slots=True)
class Notation:
    """How a file writes.

    `day_first` is None if its times do not tell whether the day or the month comes first.
    """

    decimal_comma: bool = False
    day_first: bool | None = None

    def number(self, text: str) -> str:
        """The number as the app writes it; empty for a sign such as `-` or `n/a`.

        Returns any other text unchanged.
        """
        text = text.translate(_SPACES).strip()
        if text.casefold() in _EMPTY:
            return ""
        text = text.removesuffix("%").strip()
        mark, group = (",", ".") if self.decimal_comma else (".", ",")
        if _GROUPED[group].fullmatch(text):
            text = text.replace(group, "")
        return text.replace(mark, ".") if text.count(mark) == 1 else text

    def time(self, text: str) -> str:
        """The time as the app writes it. Returns a text that is no time, or an ambiguous one, unchanged."""
        text = text.translate(_SPACES).strip()
        match = _ISO.fullmatch(text)
        if match is not None:
            year, month, day, hour, minute, second = match.groups()
            return f"{year}-{month:0>2}-{day:0>2} {hour:0>2}:{minute}:{second or '00'}"
        match = _LOCAL.fullmatch(text)
        if match is None:
            return text
        first, separator, second_part, year, hour, minute, second, half = match.groups()
        day_first = True if separator == "." else self.day_first
        if day_first is None:
            return text
        day, month = (first, second_part) if day_first else (second_part, first)
        if half is not None:
            if not 1 <= int(hour) <= 12:
                return text
            hour = str(int(hour) % 12 + (12 if half.lower() == "p" else 0))
        year = year if len(year) == 4 else f"20{year}"
        return f"{year}-{month:0>2}-{day:0>2} {hour:0>2}:{minute}:{second or '00'}"


def notation_of(numbers: Iterable[str], times: Iterable[str], *, delimiter: str, english: bool) -> Notation:
    """How a file writes, by all its cells with numbers and with times.

    A comma followed by three digits groups thousands only in a file in English whose cells are separated by
    commas.
    """
    cells = [text.translate(_SPACES).strip().removesuffix("%").strip() for text in numbers]
    return Notation(_has_decimal_comma(cells, delimiter, english=english), _day_first(times, english=english))


def _has_decimal_comma(cells: Collection[str], delimiter: str, *, english: bool) -> bool:
    if any(_DECIMAL_COMMA.fullmatch(cell) for cell in cells):
        return True
    if english and delimiter == ",":
        return False
    return any("," in cell and "." not in cell.rpartition(",")[2] for cell in cells)


def _day_first(times: Iterable[str], *, english: bool) -> bool | None:
    first_beyond = second_beyond = False
    for text in times:
        match = _LOCAL.fullmatch(text.translate(_SPACES).strip())
        if match is not None and match.group(2) != ".":
            first_beyond |= int(match.group(1)) > 12
            second_beyond |= int(match.group(3)) > 12
    if first_beyond != second_beyond:
        return first_beyond
    # Only English is written in both ways.
    return None if english or first_beyond else True
