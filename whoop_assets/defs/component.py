"""A Dagster component, so that a defs.yaml can place the project's assets in a deployment."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from pydantic import BaseModel, Field

from whoop_assets.defs.asset_namespace import DEFAULT_OWNERS, DEFAULT_PREFIX
from whoop_assets.defs.definitions import whoop_definitions
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.errors import ConfigurationError

ENV = "env:"
"""Prefix of a value that names an environment variable."""

_SCAFFOLDED = ("database_url", "client_id", "client_secret", "token_key")


class ScaffoldParams(BaseModel):
    """Options of `dg scaffold defs whoop_assets.WhoopComponent`."""

    key_prefix: str = Field(
        default="whoop", description="Prefix of all asset keys, for example health/whoop."
    )
    group_name: str | None = Field(
        default=None, description="Group of the daily assets; by default the prefix."
    )
    env_prefix: str | None = Field(
        default=None,
        description="Reads database, app and token key from variables with this prefix, for example"
        " TEAM_WHOOP_.",
    )
    automatic: bool = Field(default=True, description="False leaves out sensors and schedules.")


class WhoopScaffolder(dg.Scaffolder[ScaffoldParams]):
    """Writes a defs.yaml that loads."""

    @classmethod
    def get_scaffold_params(cls) -> type[ScaffoldParams]:
        """Return the model of the options."""
        return ScaffoldParams

    def scaffold(self, request: dg.ScaffoldRequest[ScaffoldParams]) -> None:
        """Write the file."""
        params = request.params
        attributes: dict[str, Any] = {"key_prefix": params.key_prefix.split("/")}
        if params.group_name is not None:
            attributes["group_name"] = params.group_name
        if not params.automatic:
            attributes["automatic"] = False
        if params.env_prefix is not None:
            attributes["resource"] = {name: f"{ENV}{params.env_prefix}{name.upper()}" for name in _SCAFFOLDED}
        dg.scaffold_component(request, attributes)


@dg.scaffold_with(WhoopScaffolder)
class WhoopComponent(dg.Component, dg.Model, dg.Resolvable):
    """WHOOP data in your own database: assets, checks, jobs, sensors and schedules."""

    key_prefix: Sequence[str] = Field(
        default=list(DEFAULT_PREFIX), description="Prefix of all asset keys.", examples=[["health", "whoop"]]
    )
    group_name: str | None = Field(
        default=None, description="Group of the daily assets; by default the prefix."
    )
    automatic: bool | None = Field(
        default=None,
        description="Whether to include sensors and schedules; by default the setting WHOOP_AUTOMATIC.",
    )
    webhook_wait_seconds: float = Field(
        default=0.0, description="How long a tick of the webhook sensor waits; needs sensors in threads."
    )
    owners: Sequence[str] = Field(default=list(DEFAULT_OWNERS), description="Owners of all assets.")
    freshness_hours: float | None = Field(
        default=None, description="Age in hours at which profile and cycles fail their freshness policy."
    )
    resource: Mapping[str, str | int] = Field(
        default={},
        description="Fields of WhoopResource. Write a secret as env:NAME, the name of its environment"
        " variable.",
        examples=[{"database_url": "env:WHOOP_DATABASE_URL", "timezone": "Europe/Berlin"}],
    )

    @classmethod
    def get_spec(cls) -> dg.ComponentTypeSpec:
        """Return what `dg list components` and the UI show."""
        return dg.ComponentTypeSpec(description=cls.__doc__, tags=["whoop", "wearables"])

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Create the definitions."""
        return whoop_definitions(
            self.key_prefix,
            self.group_name,
            WhoopResource(**{name: _value(name, text) for name, text in self.resource.items()}),
            automatic=self.automatic,
            webhook_wait_seconds=self.webhook_wait_seconds,
            owners=self.owners,
            freshness_hours=self.freshness_hours,
        )


def _value(name: str, value: str | int) -> Any:
    """Return the value of a field of the resource.

    `env:NAME` becomes a reference that Dagster resolves in each run.

    A template such as `{{ env.NAME }}` is no alternative: Dagster resolves it when it loads, and shows the
    value.
    """
    fields = WhoopResource.model_fields
    if name not in fields:
        raise ConfigurationError(
            f"resource.{name} in defs.yaml is not a field of WhoopResource: use one of"
            f" {', '.join(sorted(fields))}."
        )
    if not isinstance(value, str) or not value.startswith(ENV):
        return value
    variable = value.removeprefix(ENV).strip()
    return dg.EnvVar.int(variable) if fields[name].annotation is int else dg.EnvVar(variable)
