"""Arrow types of our column kinds. pyarrow comes with the extras `iceberg` and `parquet`."""

from typing import TYPE_CHECKING

from whoop_assets.errors import ConfigurationError

if TYPE_CHECKING:
    import pyarrow as pa


def arrow_type(kind: str) -> "pa.DataType":
    """Returns the type of a column kind. Times are in UTC with microseconds."""
    import pyarrow as pa

    types: dict[str, pa.DataType] = {
        "int": pa.int32(),
        "long": pa.int64(),
        "double": pa.float64(),
        "boolean": pa.bool_(),
        "string": pa.large_string(),
        "date": pa.date32(),
        "timestamptz": pa.timestamp("us", tz="UTC"),
    }
    return types[kind]


def missing(what: str, extra: str) -> ConfigurationError:
    return ConfigurationError(f"{what} is not installed: run `pip install 'whoop-assets[{extra}]'`.")
