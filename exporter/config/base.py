"""What every section of the config is made of, and how its mistakes are told."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, ValidationInfo, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from exporter.config.addresses import Url
from exporter.config.errors import KeyPath, Origin, Places
from exporter.config.scalars import Duration, Region, RoleArn, Text, format_duration

Engine = Literal["duckdb", "athena"]

SENTENCE = "sentence"
RELATION = "relation"
"""Types of our own pydantic errors: a finished sentence; a bound set by the key `other`, whose value the wording may have to hide."""


def key(default: object, meaning: str, **limits: Any) -> Any:
    """A key that may be left out. Its default is written, and parsed, as an operator would write it."""
    return Field(default=default, validate_default=True, description=meaning, **limits)


def sentences(faults: Iterable[tuple[KeyPath, str]]) -> None:
    """Raise every mistake in (key path below this value, sentence)."""
    details = [InitErrorDetails(type=PydanticCustomError(SENTENCE, "{text}", {"text": text}), loc=path, input=None) for path, text in faults]
    if details:
        raise ValidationError.from_exception_data("config", details)


def bounded(expected: str, other: str, bound: timedelta) -> PydanticCustomError:
    """A mistake in relation to another key, whose value the wording may have to hide."""
    return PydanticCustomError(RELATION, "{expected}", {"expected": expected, "other": other, "bound": format_duration(bound)})


_LONGEST_MAX_AGE = timedelta(days=31)


def _in_reach(max_age: timedelta, info: ValidationInfo) -> timedelta:
    if max_age > _LONGEST_MAX_AGE:
        sentences([((), f"expected at most {format_duration(_LONGEST_MAX_AGE)}: last_30d of an older day is not kept")])
    lands_by = info.data.get("lands_by")
    if lands_by is not None and max_age <= lands_by:
        raise bounded("a duration of more than", "lands_by", lands_by)
    return max_age


MaxAge = Annotated[Duration, AfterValidator(_in_reach)]
"""For how long facts are published without newer ones: longer than `lands_by` of the same section, where it has one."""


class Model(BaseModel):
    """A section: frozen, and without room for unknown keys. A section without a value is one that leaves out all its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _empty_section(cls, section: Any) -> Any:
        # `people:` with every key below it commented out.
        return {} if section is None else section


class WholeFile(Model):
    """All of a file. Two are equal when every value is, wherever it stands in the file."""

    _places: Places = PrivateAttr(default_factory=Places)

    def model_post_init(self, context: Any, /) -> None:
        """Keep where the keys stand, when the loader says so."""
        if isinstance(context, Origin):
            self._places = context.places

    @property
    def places(self) -> Places:
        """Where the keys stand in the file, for errors that only show later. No part of equality."""
        return self._places


class Aws(Model):
    """How AWS is reached."""

    region: Region = key("us-east-1", "Region of the buckets and of Athena.")
    profile: Text | None = key(
        None, "Profile of the AWS configuration files. `null` uses the usual chain: environment variables, then the role of the machine."
    )
    role_arn: RoleArn | None = key(None, "Role to assume, for data in another account.")
    external_id: Text | None = key(None, "External id that the role asks for.")
    endpoint_url: Url | None = key(None, "Another address for AWS: tests, private endpoints.")


class AwsOverride(Aws):
    """The keys of `aws` that one section sets for itself. Those it leaves out come from `aws`; `null` takes one back."""

    def __eq__(self, other: object) -> bool:
        # What is set to the default and what is left out differ: only the latter follows `aws`.
        return isinstance(other, AwsOverride) and self.model_fields_set == other.model_fields_set and super().__eq__(other)

    def __hash__(self) -> int:
        return super().__hash__()


OVERRIDE = "Keys of `aws` for this section only; those left out come from `aws`, `null` takes one back."
