"""The keys of config.yaml that weigh AWS activity."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from exporter.config.base import Model, key, sentences
from exporter.config.scalars import Rate, Text, WholeNumber


class Score(Model):
    """Weights of the activity score."""

    read: Rate = key(1, "Weight of an event that reads.")
    write: Rate = key("1.25", "Weight of an event that writes.")
    sensitive: Rate = key("1.1", "Weight of a sensitive event, on top.")


class Levels(Model):
    """Events of 30 days from which a level holds."""

    light: WholeNumber = key(1, "Below it: inactive.", ge=1)
    moderate: WholeNumber = key(10, "More than light.", ge=1)
    heavy: WholeNumber = key(100, "More than moderate.", ge=1)
    very_heavy: WholeNumber = key(500, "More than heavy.", ge=1)

    @model_validator(mode="after")
    def _rising(self) -> Levels:
        if not self.light < self.moderate < self.heavy < self.very_heavy:
            sentences([((), "expected light < moderate < heavy < very_heavy")])
        return self


class AddedSensitiveEvent(Model):
    """An event to call sensitive, beside the list that comes with the exporter."""

    category: Text = Field(
        description="`sign_in`, `iam_policy`, `credentials`, `audit_trail`, `detection`, `kms`, `s3`, `network`, `exposure` or `organization`."
    )
    source: Text = Field(description="eventSource, such as `s3.amazonaws.com`, or `s3` for short.")
    event: Text = Field(description="eventName, such as `DeleteBucket`.")
    when: Text = key("always", "A condition by its name; the list in `sql/sensitive_events.yaml` shows them in use.")


def _off(value: Any) -> Any:
    return None if isinstance(value, str) and value.lower() == "false" else value


class Usage(Model):
    """How AWS activity is weighed."""

    score: Annotated[Score | None, BeforeValidator(_off)] = key({}, "Weights of the activity score, or `false` for no score.")
    levels: Annotated[Levels | None, BeforeValidator(_off)] = key({}, "From how many events each usage level holds, or `false` for no levels.")
    sensitive_events: tuple[AddedSensitiveEvent, ...] = key((), "Events to call sensitive, beside the list that comes with the exporter.")
