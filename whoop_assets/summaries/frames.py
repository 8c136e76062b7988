"""Convert database rows to typed data frames, and data frames to rows of plain Python values.

Databases return flags as 0 and 1, times as objects, and columns of NULLs without a type. Inside the
computation each kind of value has one dtype. Elsewhere values are plain Python; missing values are None.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionDtype

from whoop_assets.db.types import ColumnKind

_DTYPES: dict[ColumnKind, np.dtype[Any] | ExtensionDtype] = {
    ColumnKind.INTEGER: pd.Int64Dtype(),
    ColumnKind.BIG_INTEGER: pd.Int64Dtype(),
    ColumnKind.DOUBLE: np.dtype("float64"),
    ColumnKind.BOOLEAN: pd.BooleanDtype(),
    ColumnKind.TEXT: pd.StringDtype(na_value=np.nan),
    ColumnKind.TIME: pd.DatetimeTZDtype("us", "UTC"),
    ColumnKind.DATE: np.dtype("datetime64[s]"),
}


def read(table: str, frame: pd.DataFrame, kinds: Mapping[str, ColumnKind]) -> pd.DataFrame:
    """Return the named columns of the frame in the dtypes of their kinds, with a new index.

    Args:
        table: Name of the rows for the error message.
        frame: The rows. An empty frame needs no columns.
        kinds: Name -> kind of the columns.

    Raises:
        ValueError: A column is missing.
    """
    if frame.empty:
        return pd.DataFrame({name: pd.Series(dtype=_DTYPES[kind]) for name, kind in kinds.items()})
    missing = [name for name in kinds if name not in frame.columns]
    if missing:
        raise ValueError(f"The frame of {table} lacks the column(s) {', '.join(missing)}: select them too.")
    frame = frame.reset_index(drop=True)
    return pd.DataFrame({name: _cast(frame[name], kind) for name, kind in kinds.items()}, index=frame.index)


def _cast(values: pd.Series, kind: ColumnKind) -> pd.Series:
    dtype = _DTYPES[kind]
    if kind is ColumnKind.DOUBLE:
        return pd.Series(values.to_numpy(dtype="float64", na_value=np.nan), dtype=dtype)
    if kind is ColumnKind.BOOLEAN:
        number = values.to_numpy(dtype="float64", na_value=np.nan)
        return pd.Series(pd.array(number != 0, dtype="boolean")).mask(np.isnan(number))
    if kind is ColumnKind.TIME:
        return pd.to_datetime(values, utc=True, format="ISO8601").astype(dtype)
    if kind is ColumnKind.DATE:
        return pd.to_datetime(values, format="ISO8601").astype(dtype)
    return values.astype(dtype)


def sums(values: pd.Series, by: Any) -> pd.Series:
    """Return the sum of each group's known values; missing if there are none.

    Floats are added one by one, because the last bit of pandas' own sum of a group with gaps depends on the
    other groups.

    Args:
        values: The values.
        by: The groups, as for `groupby`.
    """
    grouped = values.groupby(by)
    if values.dtype != np.float64:
        return grouped.sum(min_count=1)
    return grouped.cumsum().groupby(by).last()


def plain_rows(frame: pd.DataFrame, kinds: Mapping[str, ColumnKind]) -> list[dict[str, object]]:
    """Return one dict per row with the columns in the order of `kinds`. Missing values are None."""
    names = tuple(kinds)
    columns: Iterable[list[object]] = [_plain(frame[name], kind) for name, kind in kinds.items()]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _plain(values: pd.Series, kind: ColumnKind) -> list[object]:
    given: Any
    if kind is ColumnKind.TIME:
        given = pd.DatetimeIndex(values).to_pydatetime()
    elif kind is ColumnKind.DATE:
        given = values.dt.date
    else:
        given = values.astype(object)
    objects = np.array(given, dtype=object)
    objects[values.isna().to_numpy()] = None
    plain: list[object] = objects.tolist()
    return plain
