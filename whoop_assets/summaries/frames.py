"""Convert database rows to typed data frames, and data frames to rows of plain Python values.

Databases return flags as 0 and 1, times as objects, and columns of NULLs without a type. Inside the
computation each kind of value has one dtype. Elsewhere values are plain Python; missing values are None.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionDtype

from whoop_assets.db.types import ColumnKind

# Python's strings, because pyarrow's cost more in frames of a few rows.
TEXT = pd.StringDtype("python", na_value=np.nan)
_DTYPES: dict[ColumnKind, np.dtype[Any] | ExtensionDtype] = {
    ColumnKind.INTEGER: pd.Int64Dtype(),
    ColumnKind.BIG_INTEGER: pd.Int64Dtype(),
    ColumnKind.DOUBLE: np.dtype("float64"),
    ColumnKind.BOOLEAN: pd.BooleanDtype(),
    ColumnKind.TEXT: TEXT,
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
        return _empty_frame(tuple(kinds.items())).copy()
    missing = [name for name in kinds if name not in frame.columns]
    if missing:
        raise ValueError(f"The frame of {table} lacks the column(s) {', '.join(missing)}: select them too.")
    frame = frame.reset_index(drop=True)
    return pd.DataFrame({name: _cast(frame[name], kind) for name, kind in kinds.items()}, index=frame.index)


@cache
def _empty_frame(kinds: tuple[tuple[str, ColumnKind], ...]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=_DTYPES[kind]) for name, kind in kinds})


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


def sums(values: pd.DataFrame, by: Any) -> pd.DataFrame:
    """Return the sum of each group's known values per column; missing if there are none.

    Floats are added one by one, because the last bit of pandas' own sum of a group with gaps depends on the
    other groups. All columns are grouped at once, because each grouping has a fixed cost.

    Args:
        values: The columns to sum.
        by: The groups, as for `groupby`.
    """
    is_float = values.dtypes == np.float64
    floats, others = values.loc[:, is_float], values.loc[:, ~is_float]
    added = floats.groupby(by).cumsum().groupby(by).last()
    return pd.concat([added, others.groupby(by).sum(min_count=1)], axis="columns")


def plain_rows(frame: pd.DataFrame, kinds: Mapping[str, ColumnKind]) -> list[dict[str, object]]:
    """Return one dict per row with the columns in the order of `kinds`. Missing values are None."""
    names = tuple(kinds)
    columns: Iterable[list[object]] = [_plain(frame[name], kind) for name, kind in kinds.items()]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _plain(values: pd.Series, kind: ColumnKind) -> list[object]:
    given: Any = values
    plain: list[object]
    if kind not in (ColumnKind.TIME, ColumnKind.DATE):
        plain = given.to_numpy(dtype=object, na_value=None).tolist()
        return plain
    given = pd.DatetimeIndex(values).to_pydatetime() if kind is ColumnKind.TIME else values.dt.date
    moments = np.array(given, dtype=object)
    moments[values.isna().to_numpy()] = None
    plain = moments.tolist()
    return plain
