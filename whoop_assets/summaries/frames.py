"""Frames in, plain rows out: the two borders of the summary.

A database hands its columns over as it likes: flags as 0 and 1, times as objects, a column of nothing but
NULL without any type. Inside the summary each kind of value has one dtype; outside it there is plain Python
only, with None for what is missing.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionDtype

from whoop_assets.summaries.column_kinds import ColumnKind

_DTYPES: dict[ColumnKind, np.dtype[Any] | ExtensionDtype] = {
    "integer": pd.Int64Dtype(),
    "number": np.dtype("float64"),
    "flag": pd.BooleanDtype(),
    "text": pd.StringDtype(na_value=np.nan),
    "time": pd.DatetimeTZDtype("us", "UTC"),
    "date": np.dtype("datetime64[s]"),
}


def read(table: str, frame: pd.DataFrame, kinds: Mapping[str, ColumnKind]) -> pd.DataFrame:
    """The named columns of the frame, each in its kind's dtype, with a fresh index.

    An empty frame may lack its columns. A frame with rows may not: a misspelt column must not turn into
    NULLs, so ValueError names what is missing.
    """
    if frame.empty:
        return pd.DataFrame({name: pd.Series(dtype=_DTYPES[kind]) for name, kind in kinds.items()})
    lacking = [name for name in kinds if name not in frame.columns]
    if lacking:
        raise ValueError(
            f"The {table} to be summed up lack the column(s) {', '.join(lacking)}: select them too."
        )
    return pd.DataFrame(
        {name: _cast(frame[name].reset_index(drop=True), kind) for name, kind in kinds.items()}
    )


def _cast(values: pd.Series, kind: ColumnKind) -> pd.Series:
    dtype = _DTYPES[kind]
    if kind == "number":
        return pd.Series(values.to_numpy(dtype="float64", na_value=np.nan), dtype=dtype)
    if kind == "flag":
        number = values.to_numpy(dtype="float64", na_value=np.nan)
        return pd.Series(pd.array(number != 0, dtype="boolean")).mask(np.isnan(number))
    if kind == "time":
        return pd.to_datetime(values, utc=True, format="ISO8601").astype(dtype)
    if kind == "date":
        return pd.to_datetime(values, format="ISO8601").astype(dtype)
    return values.astype(dtype)


def sums(values: pd.Series, by: Any) -> pd.Series:
    """The sum of each group over what is there; missing where nothing is. `by`: as for `groupby`.

    Fractions are added one after the other: pandas' sum, and mean, of a group with gaps differ by a last bit when the
    group is among others.
    """
    grouped = values.groupby(by)
    if values.dtype != np.float64:
        return grouped.sum(min_count=1)
    return grouped.cumsum().groupby(by).last()


def plain_rows(frame: pd.DataFrame, kinds: Mapping[str, ColumnKind]) -> list[dict[str, object]]:
    """One dict per row, columns in the order of the kinds; int, float, bool, str, datetime, date or None."""
    names = tuple(kinds)
    columns: Iterable[list[object]] = [_plain(frame[name], kind) for name, kind in kinds.items()]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _plain(values: pd.Series, kind: ColumnKind) -> list[object]:
    given: Any
    if kind == "time":
        given = pd.DatetimeIndex(values).to_pydatetime()
    elif kind == "date":
        given = values.dt.date
    else:
        given = values.astype(object)
    objects = np.array(given, dtype=object)
    objects[values.isna().to_numpy()] = None
    plain: list[object] = objects.tolist()
    return plain
