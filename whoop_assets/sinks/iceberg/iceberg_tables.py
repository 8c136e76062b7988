"""Creates Iceberg tables and evolves their columns."""

from typing import TYPE_CHECKING

from whoop_assets.sinks.iceberg.ledger import Held
from whoop_assets.sinks.layout import Layout
from whoop_assets.sinks.source import ExportTable

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.catalog import Catalog
    from pyiceberg.schema import Schema
    from pyiceberg.table import Table, Transaction
    from pyiceberg.types import IcebergType

NEEDED = {
    # After a conflict the rows are read again, so the library must not repeat the commit.
    "commit.retry.num-retries": "0",
}
AT_FIRST = {
    "format-version": "2",
    "commit.manifest-merge.enabled": "true",
    "commit.manifest.min-count-to-merge": "20",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
}
"""Properties of a new table. Later changes by the operator stay."""


def open_table(catalog: "Catalog", namespace: str, table: ExportTable) -> "Table":
    """Returns the table with the required properties, and creates it if it is missing."""
    from pyiceberg.exceptions import NoSuchTableError, TableAlreadyExistsError

    name = (*namespace.split("."), table.name)
    try:
        found = catalog.load_table(name)
    except NoSuchTableError:
        _make_namespace(catalog, namespace)
        try:
            found = _create(catalog, name, table)
        except TableAlreadyExistsError:
            found = catalog.load_table(name)
    if any(found.properties.get(key) != value for key, value in NEEDED.items()):
        with found.transaction() as transaction:
            transaction.set_properties(NEEDED)
    return found


def held(iceberg: "Table") -> Held:
    """Returns the state of the loaded table."""
    snapshot = iceberg.current_snapshot()
    number = 0 if snapshot is None else snapshot.sequence_number or 0
    return Held(str(iceberg.metadata.table_uuid), number)


def kinds(schema: "Schema") -> dict[str, str]:
    """Returns column -> kind, or the name of the type if it is none of our kinds."""
    return {column.name: str(column.field_type) for column in schema.fields}


def evolve(transaction: "Transaction", layout: Layout) -> None:
    """Adds and widens columns of the layout without rewriting files."""
    if not layout.added and not layout.widened:
        return
    with transaction.update_schema() as update:
        for name in layout.widened:
            update.update_column(name, field_type=_type("long"))
        for column in layout.added:
            update.add_column(column.name, _type(column.kind), doc=column.comment or None)


def arrow_table(schema: "Schema", layout: Layout, count: int) -> "pa.Table":
    """Returns the layout's values as columns of the table. Other columns are NULL."""
    import pyarrow as pa

    arrow = schema.as_arrow()
    nothing = [None] * count
    arrays = [pa.array(layout.columns.get(column.name, nothing), type=column.type) for column in arrow]
    return pa.Table.from_arrays(arrays, schema=arrow)


def _make_namespace(catalog: "Catalog", namespace: str) -> None:
    try:
        catalog.create_namespace_if_not_exists(namespace)
    except Exception:
        # Another process may have created it at the same time.
        if not catalog.namespace_exists(namespace):
            raise


def _create(catalog: "Catalog", name: tuple[str, ...], table: ExportTable) -> "Table":
    from pyiceberg.partitioning import PartitionField, PartitionSpec
    from pyiceberg.schema import Schema
    from pyiceberg.transforms import IdentityTransform
    from pyiceberg.types import NestedField

    columns = [
        NestedField(
            field_id=number,
            name=column.name,
            field_type=_type(column.kind),
            required=column.required,
            doc=column.comment or None,
        )
        for number, column in enumerate(table.all_columns, start=1)
    ]
    ids = {column.name: column.field_id for column in columns}
    return catalog.create_table(
        name,
        Schema(*columns, identifier_field_ids=[ids[key] for key in table.key]),
        partition_spec=PartitionSpec(
            PartitionField(source_id=ids["day"], field_id=1000, transform=IdentityTransform(), name="day")
        ),
        properties=AT_FIRST | NEEDED | {"comment": table.comment},
    )


def _type(kind: str) -> "IcebergType":
    """Returns the type of a column kind. The kinds are names of Iceberg's types."""
    from pyiceberg.types import IcebergType

    return IcebergType.model_validate(kind)
