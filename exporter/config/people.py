"""The keys of config.yaml about people: who is one, and what is published of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, model_validator

from exporter.config.addresses import FilePath, Location
from exporter.config.base import Model, key, sentences
from exporter.config.scalars import Pattern, TeamRule, Text
from exporter.config.schedules import ScheduleText


class Patterns(Model):
    """Which principals are people. They act on days read from now on."""

    person_session: Pattern = key(
        r"^[^@\s]+@[^@\s]+$", "Sessions of roles that are people, beside those of Identity Center: a regular expression (RE2) on the session name."
    )
    service_user: tuple[Pattern, ...] = key(
        ("^svc-", "-bot$", "terraform", "jenkins", "github"), "IAM users that are programs: regular expressions (RE2) on the name or the ARN."
    )
    human_identity_providers: tuple[Text, ...] = key((), "SAML and OIDC providers whose users are people, by ARN or name.")


MAPPING_FILE = "user_mapping.csv"
"""The file that `people.sync` writes, in its location."""


def _of_its_own(location: str) -> str:
    folder = location.removesuffix("/").removesuffix(MAPPING_FILE)
    if folder.endswith(".csv") or folder.removeprefix("s3://").strip("/").count("/") < 1:
        sentences([((), f"expected a folder below the bucket or root which holds nothing but {MAPPING_FILE}: Athena reads whatever is in it")])
    return f"{folder.removesuffix('/')}/" if folder.startswith("s3://") else folder


class Sync(Model):
    """The directory as a CSV file, for people who use SQL."""

    location: Annotated[Location, AfterValidator(_of_its_own)] | None = key(
        None, f"Folder or `s3://bucket/prefix/` into which `sync-users` writes `{MAPPING_FILE}`, and nothing else lies. `null` writes none."
    )
    schedule: ScheduleText = key("0 3 * * *", "When the running service writes it, where the location is set.")


class People(Model):
    """Who the identities are."""

    file: FilePath | None = key(
        None,
        "People as CSV with a header, or as a YAML list: `user`, `display_name`, `email`, `team`, `department`, `aliases` (separated by `;`), `kiro_tier` "
        "(a licensed seat), `kiro_since` (held since, YYYY-MM-DD). Only `user` is required.",
    )
    team: tuple[TeamRule, ...] = key(("file", "attribute:department"), "Where a person's team comes from: the first rule that answers, else `unknown`.")
    patterns: Patterns = key({}, "Which principals of CloudTrail are people.")
    sync: Sync = key({}, "Where, and when, the directory is written as CSV.")


class Privacy(Model):
    """What is published of people."""

    user_label: Literal["name", "email", "id", "hash"] = key(
        "name", "What stands in the label `user`. With `hash` no name, mail or id leaves the exporter: not in metrics, the API or logs."
    )
    hash_key: Text | None = key(None, "Key of the hash; needed for `hash`. Keep it in the environment: `${USER_HASH_KEY}`.")
    only_teams: tuple[Text, ...] = key((), "Only people of these teams stand by name; the others are summed into `_other`. None: all teams.")
    exclude_users: tuple[Text, ...] = key((), "People who are summed into `_other`, by user name.")

    @model_validator(mode="after")
    def _keyed(self) -> Privacy:
        if self.user_label == "hash" and self.hash_key is None:
            sentences([(("hash_key",), "expected a key, because user_label is hash: without one a hash is found out by trying names")])
        return self
