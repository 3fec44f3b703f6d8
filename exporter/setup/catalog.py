"""The database of setup in the Glue catalog: what is there, and what of it setup has made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from exporter.aws import explained
from exporter.setup.definitions import MARKER

DESCRIPTION = "Tables and views of aws-user-exporter."

# What GetTable returns and UpdateTable takes: https://docs.aws.amazon.com/glue/latest/webapi/API_TableInput.html
_TABLE_INPUT = (
    "Name",
    "Description",
    "Owner",
    "LastAccessTime",
    "LastAnalyzedTime",
    "Retention",
    "StorageDescriptor",
    "PartitionKeys",
    "ViewOriginalText",
    "ViewExpandedText",
    "TableType",
    "Parameters",
    "TargetTable",
)


@dataclass(frozen=True, slots=True)
class Found:
    """A table or view of the catalog. `definition` is what setup made it from, None where setup has not; `columns` are Hive types by name, partitions too."""

    name: str
    kind: str
    definition: str | None
    columns: Mapping[str, str]

    @property
    def is_view(self) -> bool:
        return self.kind == "VIRTUAL_VIEW"

    @property
    def is_external(self) -> bool:
        return self.kind == "EXTERNAL_TABLE"

    @property
    def is_ours(self) -> bool:
        """Whether setup has made it, and dropping it drops no data."""
        return self.definition is not None and (self.is_view or self.is_external)


class Catalog:
    """`client` is a boto3 client of Glue. Every method raises UserError and TransientError as `aws.explain` says."""

    def __init__(self, client: Any, database: str) -> None:
        self._client = client
        self.database = database.lower()
        """As Glue spells it: in lower case."""

    def database_marker(self) -> str | None:
        """The marker of the database, empty where it has none; None where there is no database."""
        with explained("glue:GetDatabase", self._database_name):
            try:
                found = self._client.get_database(Name=self.database)["Database"]
            except self._client.exceptions.EntityNotFoundException:
                return None
        return str(found.get("Parameters", {}).get(MARKER, ""))

    def create_database(self) -> None:
        """Makes the database, with the marker."""
        with explained("glue:CreateDatabase", self._database_name):
            self._client.create_database(DatabaseInput={"Name": self.database, "Description": DESCRIPTION, "Parameters": {MARKER: "setup"}})

    def delete_database(self) -> None:
        """Drops the database, and whatever it still holds: look first."""
        with explained("glue:DeleteDatabase", self._database_name):
            self._client.delete_database(Name=self.database)

    def find(self, name: str, database: str | None = None) -> Found | None:
        """A table or view by name, in this database or another; None where there is none."""
        place = (database or self.database).lower()
        with explained("glue:GetTable", f"{place}.{name}"):
            try:
                return _found(self._client.get_table(DatabaseName=place, Name=name.lower())["Table"])
            except self._client.exceptions.EntityNotFoundException:
                return None

    def all(self) -> list[Found]:
        """Every table and view of the database, by name."""
        found: list[Found] = []
        token: dict[str, str] = {}
        while True:
            with explained("glue:GetTables", self._database_name):
                page = self._client.get_tables(DatabaseName=self.database, **token)
            found += [_found(table) for table in page["TableList"]]
            if not page.get("NextToken"):
                return sorted(found, key=lambda table: table.name)
            token = {"NextToken": page["NextToken"]}

    def mark(self, name: str, definition: str) -> None:
        """Notes on a view from what it was made."""
        with explained("glue:GetTable", f"{self.database}.{name}"):
            table = self._client.get_table(DatabaseName=self.database, Name=name)["Table"]
        marked = {key: value for key, value in table.items() if key in _TABLE_INPUT}
        marked["Parameters"] = {**table.get("Parameters", {}), MARKER: definition}
        with explained("glue:UpdateTable", f"{self.database}.{name}"):
            self._client.update_table(DatabaseName=self.database, TableInput=marked, SkipArchive=True)

    def drop(self, name: str) -> None:
        """Takes a table or view out of the catalog. Files of an external table stay."""
        with explained("glue:DeleteTable", f"{self.database}.{name}"):
            self._client.delete_table(DatabaseName=self.database, Name=name)

    @property
    def _database_name(self) -> str:
        return f"the Glue database {self.database}"


def _found(table: Mapping[str, Any]) -> Found:
    columns = [*table.get("StorageDescriptor", {}).get("Columns", ()), *table.get("PartitionKeys", ())]
    parameters: Mapping[str, str] = table.get("Parameters", {})
    return Found(
        name=str(table["Name"]),
        kind=str(table.get("TableType", "")),
        definition=parameters.get(MARKER),
        columns={str(column["Name"]).lower(): str(column.get("Type", "")) for column in columns},
    )
