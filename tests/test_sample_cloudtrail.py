"""The sample's CloudTrail logs look like real ones, are a pure function of their arguments, and belong to the people of the Kiro reports."""

from __future__ import annotations

import gzip
import json
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sample_folders import contents, rows_of

from exporter.commands.sample_data import sample_data
from exporter.sample import Organisation, Person, Summary, write
from exporter.sample import cloudtrail_people as people_of_the_sample
from exporter.sample.attendance import days_at_work
from exporter.sample.cloudtrail_habits import habits_of
from exporter.sample.cloudtrail_incident import victim
from exporter.sample.cloudtrail_operations import operation

PEOPLE, SEED, EVENTS = 250, 7, 4.0
FIRST, LAST = date(2026, 10, 20), date(2026, 11, 21)
DAYS = [FIRST + timedelta(days=offset) for offset in range((LAST - FIRST).days + 1)]
NAME = re.compile(
    r"AWSLogs/(?P<organization>o-[a-z0-9]{10})/(?P<account>\d{12})/CloudTrail/(?P<region>[a-z0-9-]+)/(?P<day>\d{4}/\d\d/\d\d)/"
    r"(?P=account)_CloudTrail_(?P=region)_(?P<delivered>\d{8}T\d{4})Z_[A-Za-z0-9]{16}\.json\.gz"
)

Record = dict[str, Any]


def logs_of(folder: Path) -> Iterator[tuple[re.Match[str], list[Record]]]:
    for path in sorted(folder.glob("AWSLogs/o-*/*/CloudTrail/**/*.json.gz")):
        place = NAME.fullmatch(path.relative_to(folder).as_posix())
        assert place, path
        yield place, json.loads(gzip.decompress(path.read_bytes()))["Records"]


def delivered(place: re.Match[str]) -> datetime:
    return datetime.strptime(place["delivered"], "%Y%m%dT%H%M")


def happened(record: Record) -> datetime:
    return datetime.strptime(record["eventTime"], "%Y-%m-%dT%H:%M:%SZ")


def role_of(record: Record) -> str:
    issuer = (record["userIdentity"].get("sessionContext") or {}).get("sessionIssuer") or {}
    return str(issuer.get("userName", ""))


def session_of(record: Record) -> str:
    return str(record["userIdentity"].get("principalId", "")).partition(":")[2]


def user_of(record: Record) -> str | None:
    """The Identity Center id of a record, without what may stand before it."""
    behalf = record["userIdentity"].get("onBehalfOf")
    return behalf["userId"][-36:] if behalf else None


@pytest.fixture(scope="module")
def organisation() -> Organisation:
    return Organisation.generate(PEOPLE, SEED)


@pytest.fixture(scope="module")
def people(organisation: Organisation) -> dict[str, Person]:
    return {person.identity_center_id: person for person in organisation.people(FIRST - timedelta(days=1), LAST)}


@pytest.fixture(scope="module")
def summary(organisation: Organisation, tmp_path_factory: pytest.TempPathFactory) -> Summary:
    return write(organisation, tmp_path_factory.mktemp("logs"), FIRST, LAST, events=EVENTS, bill=False)


@pytest.fixture(scope="module")
def logs(summary: Summary) -> list[tuple[re.Match[str], list[Record]]]:
    return list(logs_of(summary.folder))


@pytest.fixture(scope="module")
def records(logs: list[tuple[re.Match[str], list[Record]]]) -> list[Record]:
    """Each event once, without what came again corrected."""
    once: dict[str, Record] = {}
    for _, found in logs:
        for record in found:
            if "addendum" not in record:
                once.setdefault(record["eventID"], record)
    return list(once.values())


@pytest.fixture(scope="module")
def in_identity_center(records: list[Record]) -> list[Record]:
    return [record for record in records if record["userIdentity"].get("type") == "AssumedRole" and role_of(record).startswith("AWSReservedSSO_")]


# The files


def test_no_file_is_empty(logs: list[tuple[re.Match[str], list[Record]]]) -> None:
    assert min(len(found) for _, found in logs) > 0


def test_the_summary_counts_files_and_events(summary: Summary, logs: list[tuple[re.Match[str], list[Record]]]) -> None:
    beside = len(list(summary.folder.glob("AWSLogs/o-*/*/CloudTrail-*/**/*.json.gz")))
    assert (summary.log_files, summary.events) == (len(logs) + beside, sum(len(found) for _, found in logs))


def test_files_lie_under_the_day_of_their_delivery(logs: list[tuple[re.Match[str], list[Record]]]) -> None:
    assert all(f"{delivered(place):%Y/%m/%d}" == place["day"] for place, _ in logs)


def test_the_trail_is_of_the_whole_organisation(organisation: Organisation, logs: list[tuple[re.Match[str], list[Record]]]) -> None:
    assert {place["organization"] for place, _ in logs} == {organisation.organization_id}
    assert {place["account"] for place, _ in logs} == {"111122223333", "444455556666", "222233334444", "777788889999"}
    assert len({(place["account"], place["region"]) for place, _ in logs}) > 6


def test_records_belong_to_the_account_and_region_of_their_file(logs: list[tuple[re.Match[str], list[Record]]]) -> None:
    assert all((record["recipientAccountId"], record["awsRegion"]) == (place["account"], place["region"]) for place, found in logs for record in found)


def test_files_come_five_to_fifteen_minutes_after_their_events(logs: list[tuple[re.Match[str], list[Record]]]) -> None:
    minutes = [(delivered(place) - happened(record)).total_seconds() / 60 for place, found in logs for record in found]
    assert min(minutes) > 4.9
    assert statistics.quantiles(minutes, n=100)[96] <= 15
    assert 60 < max(minutes) < 12 * 60


def test_what_happens_just_before_midnight_is_in_the_folder_of_the_next_day(logs: list[tuple[re.Match[str], list[Record]]]) -> None:
    later = Counter((delivered(place).date() - happened(record).date()).days for place, found in logs for record in found)
    assert set(later) == {0, 1}
    assert later[1] > 100


def test_every_day_is_whole(organisation: Organisation, records: list[Record], tmp_path: Path) -> None:
    alone = write(organisation, tmp_path, LAST, LAST, events=EVENTS, bill=False)
    found = {record["eventID"] for _, of_file in logs_of(alone.folder) for record in of_file if "addendum" not in record and happened(record).date() == LAST}
    assert found == {record["eventID"] for record in records if happened(record).date() == LAST}


def test_the_first_folder_holds_the_end_of_the_day_before(logs: list[tuple[re.Match[str], list[Record]]]) -> None:
    before = [happened(record).time().hour for place, found in logs for record in found if happened(record).date() < FIRST]
    assert before
    assert min(before) >= 18


def test_a_folder_is_the_same_whatever_span_it_is_written_with(organisation: Organisation, summary: Summary, tmp_path: Path) -> None:
    write(organisation, tmp_path, date(2026, 11, 2), date(2026, 11, 4), events=EVENTS, bill=False)
    days = "AWSLogs/.*/2026/11/0[2-4]/"
    found = {name: content for name, content in contents(tmp_path).items() if re.match(days, name)}
    assert found == {name: content for name, content in contents(summary.folder).items() if re.match(days, name)}


def test_writing_again_touches_nothing(tmp_path: Path) -> None:
    organisation = Organisation.generate(20, 1)
    write(organisation, tmp_path, LAST - timedelta(days=2), LAST)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    write(organisation, tmp_path, LAST - timedelta(days=2), LAST)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_large_organisations_have_several_files_at_the_same_time(tmp_path: Path) -> None:
    write(Organisation.generate(1_001, 1), tmp_path, LAST, LAST, events=0.5, cloudtrail=True, bill=False)
    assert max(Counter(name[: name.rindex("_")] for name in contents(tmp_path) if "/CloudTrail/" in name).values()) > 1


# Sums


def test_every_event_of_a_tiny_organisation_is_delivered_once(tmp_path: Path) -> None:
    organisation = Organisation.generate(5, 4)
    days = [date(2026, 11, 16) + timedelta(days=offset) for offset in range(5)]
    folder = write(organisation, tmp_path, days[0], days[-1], events=30, quirks=False, bill=False).folder
    arrived = Counter(record["eventID"] for _, found in logs_of(folder) for record in found)
    made = [
        event.record["eventID"]
        for day in days
        for person in organisation.people(day, day)
        if (habits := habits_of(person)) is not None
        for event in people_of_the_sample.events_of(organisation, person, habits, day, 30 / 20)
    ]
    assert len(made) > 300
    assert [arrived[event_id] for event_id in made] == [1] * len(made)


def test_whoever_takes_a_role_in_identity_center_has_signed_in_once_that_day(records: list[Record], people: dict[str, Person]) -> None:
    spelled = {name: key for key, person in people.items() for name in (person.user, person.email)}
    signed_in = Counter((user_of(record), happened(record).date()) for record in records if record["eventName"] == "UserAuthentication")
    taken = {
        (spelled[record["userIdentity"]["userName"].lower()], happened(record).date())
        for record in records
        if record["userIdentity"].get("type") == "SAMLUser" and "AWSReservedSSO_" in record["requestParameters"]["roleArn"]
    }
    assert signed_in == Counter(taken)


def events_of_people(records: list[Record]) -> int:
    return sum(1 for record in records if user_of(record) or role_of(record).startswith("AWSReservedSSO_") or record["userIdentity"].get("type") == "SAMLUser")


@pytest.mark.parametrize("events", [4.0, 40.0])
def test_about_as_many_events_are_made_as_were_asked_for(tmp_path: Path, events: float) -> None:
    folder = write(Organisation.generate(80, 2), tmp_path, date(2026, 11, 10), date(2026, 11, 16), events=events, bill=False).folder
    made = events_of_people([record for _, found in logs_of(folder) for record in found]) / 80 / 7
    assert 0.6 < made / events < 1.6


def test_without_being_asked_only_small_organisations_have_logs(tmp_path: Path) -> None:
    small, large = (write(Organisation.generate(people, 1), tmp_path / str(people), LAST, LAST, bill=False) for people in (1_000, 1_001))
    assert small.log_files > 0
    assert large.log_files == large.events == 0


# Identities


def typed(kind: str) -> Callable[[Record], bool]:
    return lambda record: record["userIdentity"].get("type") == kind


FORMS: dict[str, Callable[[Record], bool]] = {
    "a role of Identity Center, the session is a user name": lambda r: bool(role_of(r).startswith("AWSReservedSSO_") and "@" not in session_of(r)),
    "a role of Identity Center, the session is a mail": lambda r: bool(role_of(r).startswith("AWSReservedSSO_") and "@" in session_of(r)),
    "a role of Identity Center, the session has capitals": lambda r: bool(role_of(r).startswith("AWSReservedSSO_") and session_of(r) != session_of(r).lower()),
    "an Identity Center id that starts with the directory's": lambda r: len((r["userIdentity"].get("onBehalfOf") or {}).get("userId", "")) == 47,
    "the portal, without a name": lambda r: r["userIdentity"].get("type") == "IdentityCenterUser" and "userName" not in r["userIdentity"],
    "the portal, with the name that was typed": lambda r: typed("IdentityCenterUser")(r) and "UserName" in r.get("additionalEventData", {}),
    "a mistyped name": lambda r: typed("Unknown")(r) and r["additionalEventData"]["UserName"] == "HIDDEN_DUE_TO_SECURITY_REASONS",
    "the way from the portal into an account": lambda r: typed("SAMLUser")(r) and "AWSReservedSSO_" in r["requestParameters"]["roleArn"],
    "a person of the company's SAML provider": lambda r: typed("SAMLUser")(r) and r["userIdentity"]["identityProvider"] == "kZ3mQ9bT0vYhUe7LwXc5dR1sN2A=",
    "a person of an OpenID Connect provider": lambda r: typed("WebIdentityUser")(r) and r["userIdentity"]["userName"].endswith("@example.com"),
    "GitHub": lambda r: typed("WebIdentityUser")(r) and r["userIdentity"]["userName"].startswith("repo:acme/"),
    "a pod": lambda r: typed("WebIdentityUser")(r) and r["userIdentity"]["userName"].startswith("system:serviceaccount:"),
    "a pipeline's role": lambda r: session_of(r) == "GitHubActions" and "webIdFederationData" in r["userIdentity"]["sessionContext"],
    "a session under a person's mail": lambda r: typed("AssumedRole")(r) and role_of(r) == "Deploy" and session_of(r).endswith("@example.com"),
    "a session that says nothing": lambda r: typed("AssumedRole")(r) and bool(re.fullmatch(r"session-[0-9a-f]{8,12}", session_of(r))),
    "a chain that keeps its source": lambda r: role_of(r) == "Deploy" and "sourceIdentity" in r["userIdentity"]["sessionContext"],
    "a program as the source": lambda r: role_of(r) == "Deploy" and r["userIdentity"]["sessionContext"].get("sourceIdentity") == "svc-deploy",
    "an instance": lambda r: bool(re.fullmatch("i-[0-9a-f]{17}", session_of(r))) and r["userIdentity"]["sessionContext"]["ec2RoleDelivery"] == "2.0",
    "a task": lambda r: typed("AssumedRole")(r) and bool(re.fullmatch("[0-9a-f]{32}", session_of(r))),
    "a function": lambda r: r["userIdentity"].get("inScopeOf", {}).get("issuerType") == "AWS::Lambda::Function",
    "an SDK": lambda r: typed("AssumedRole")(r) and session_of(r).startswith("botocore-session-"),
    "a build": lambda r: typed("AssumedRole")(r) and session_of(r).startswith("AWSCodeBuild-"),
    "a service role": lambda r: typed("AssumedRole")(r) and "/aws-service-role/" in r["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"],
    "an IAM user that is a person": lambda r: typed("IAMUser")(r) and bool(re.fullmatch("[a-z]+", r["userIdentity"]["userName"])),
    "an IAM user in the console": lambda r: typed("IAMUser")(r) and "signInSessionArn" in r["userIdentity"].get("sessionContext", {}),
    "an IAM user that is a program": lambda r: typed("IAMUser")(r) and r["userIdentity"]["userName"] == "svc-backup",
    "a bot": lambda r: typed("IAMUser")(r) and r["userIdentity"]["userName"] == "deploy-bot",
    "a federated user": typed("FederatedUser"),
    "a service": lambda r: typed("AWSService")(r) and r["userIdentity"]["invokedBy"] == "ec2.amazonaws.com",
    "a service event": lambda r: r["eventType"] == "AwsServiceEvent" and "type" not in r["userIdentity"],
    "another account": lambda r: typed("AWSAccount")(r) and r["userIdentity"]["accountId"] == "999988887777",
    "nobody": lambda r: typed("AWSAccount")(r) and r["userIdentity"]["accountId"] == "ANONYMOUS_PRINCIPAL",
    "root": lambda r: typed("Root")(r) and "invokedBy" not in r["userIdentity"],
    "root, by a service": lambda r: typed("Root")(r) and r["userIdentity"].get("invokedBy") == "AWS Internal",
    "root, assumed": lambda r: typed("Root")(r) and r["userIdentity"]["sessionContext"].get("assumedRoot") == "true",
    "a role without a session": typed("Role"),
    "a directory": typed("Directory"),
    "a delegate": lambda r: "invokedByDelegate" in r["userIdentity"],
    "a service in a person's name": lambda r: role_of(r).startswith("AWSReservedSSO_") and r["userIdentity"].get("invokedBy") == "cloudformation.amazonaws.com",
    "AWS itself in a person's name": lambda r: role_of(r).startswith("AWSReservedSSO_") and r["userIdentity"].get("invokedBy") == "AWS Internal",
    "an application for many people": lambda r: session_of(r) == "analytics@example.com" and bool(user_of(r)),
    "a denied call": lambda r: r.get("errorCode") == "AccessDenied",
    "a denied call of EC2": lambda r: r.get("errorCode") == "Client.UnauthorizedOperation",
    "a call that failed otherwise": lambda r: r.get("errorCode") == "ThrottlingException",
    "a failed console sign-in": lambda r: r["eventName"] == "ConsoleLogin" and r["responseElements"] == {"ConsoleLogin": "Failure"},
    "a console sign-in without a second factor": lambda r: typed("IAMUser")(r) and (r.get("additionalEventData") or {}).get("MFAUsed") == "No",
    "something delicate that a pipeline does": lambda r: session_of(r) == "GitHubActions" and r["eventName"] == "AuthorizeSecurityGroupIngress",
    "a data event": lambda r: r.get("eventCategory") == "Data" and r["eventSource"] == "s3.amazonaws.com",
    "a record that does not say whether it changed anything": lambda r: "readOnly" not in r,
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_an_event_is_there(records: list[Record], form: str) -> None:
    assert any(FORMS[form](record) for record in records)


def test_some_services_name_the_person_and_others_do_not_in_the_same_session(in_identity_center: list[Record]) -> None:
    named: dict[str, set[bool]] = defaultdict(set)
    for record in in_identity_center:
        named[record["userIdentity"]["accessKeyId"]].add("onBehalfOf" in record["userIdentity"])
    assert sum(ways == {True, False} for ways in named.values()) > 20
    assert sum(ways == {False} for ways in named.values()) > 20


def test_an_id_and_a_session_of_one_event_are_of_the_same_person(in_identity_center: list[Record], people: dict[str, Person]) -> None:
    pairs = {(user, session_of(record).lower()) for record in in_identity_center if (user := user_of(record))}
    assert len(pairs) > 20
    assert all(session in (people[user].user, people[user].email) for user, session in pairs)


def test_ids_are_those_of_the_people_and_of_their_kiro_reports(summary: Summary, records: list[Record], people: dict[str, Person]) -> None:
    ids = {user for record in records if (user := user_of(record))}
    in_kiro = {row["UserId"][-36:] for row in rows_of(summary.folder)}
    assert ids <= set(people)
    assert len(ids & in_kiro) > 50


def test_some_people_use_only_kiro_some_only_aws_some_both_and_some_neither(summary: Summary, records: list[Record], people: dict[str, Person]) -> None:
    sessions = {session_of(record).lower() for record in records if role_of(record).startswith("AWSReservedSSO_")}
    in_aws = {person.user for person in people.values() if person.user in sessions or person.email in sessions}
    in_kiro = {people[row["UserId"][-36:]].user for row in rows_of(summary.folder)}
    everybody = {person.user for person in people.values()}
    assert min(len(in_aws - in_kiro), len(in_kiro - in_aws), len(everybody - in_aws - in_kiro)) > 5
    assert len(in_aws & in_kiro) > 50


# What they do


def own_events(records: list[Record], people: dict[str, Person]) -> Counter[tuple[str, date]]:
    """Events in roles of Identity Center by user and day."""
    spelled = {name: person.user for person in people.values() for name in (person.user, person.email)}
    return Counter((spelled[session_of(record).lower()], happened(record).date()) for record in records)


def test_people_rest_when_they_rest_from_kiro(in_identity_center: list[Record], people: dict[str, Person]) -> None:
    days: dict[bool, list[int]] = {True: [], False: []}
    events = own_events(in_identity_center, people)
    active = {user for user, _ in events}
    for person in people.values():
        for day in DAYS:
            if person.user in active and person.joined <= day <= person.left:
                days[bool(days_at_work(person, day) >> day.day & 1)].append(events[person.user, day] > 0)
    assert statistics.mean(days[True]) > 8 * statistics.mean(days[False]) > 0


def test_leavers_are_silent_before_they_come_and_after_they_left(in_identity_center: list[Record], people: dict[str, Person]) -> None:
    by_user = {person.user: person for person in people.values()}
    assert all(by_user[user].joined <= day <= by_user[user].left for user, day in own_events(in_identity_center, people))


def test_people_use_aws_as_much_as_people_do(in_identity_center: list[Record], people: dict[str, Person]) -> None:
    totals: Counter[str] = Counter()
    for (user, _), count in own_events(in_identity_center, people).items():
        totals[user] += count
    levels = Counter(
        next(level for level, least in ((4, 500), (3, 100), (2, 10), (1, 1), (0, 0)) if totals[person.user] >= least) for person in people.values()
    )
    assert min(levels[level] for level in range(4)) > 10
    assert levels[4] > 0


def test_most_calls_read(in_identity_center: list[Record]) -> None:
    answers = Counter(record.get("readOnly") for record in in_identity_center)
    assert 0.7 < answers[True] / (answers[True] + answers[False]) < 0.92
    assert 0 < answers[None] < len(in_identity_center) / 50


def test_departments_use_services_of_their_own(in_identity_center: list[Record], people: dict[str, Person]) -> None:
    spelled = {name: person.team.department for person in people.values() for name in (person.user, person.email)}
    used = Counter((spelled[session_of(record).lower()], record["eventSource"].split(".")[0]) for record in in_identity_center)
    assert used["Data", "glue"] > 0 == used["Operations", "glue"]
    assert used["Operations", "guardduty"] > 0 == used["Data", "guardduty"]


def test_a_role_that_only_reads_changes_nothing(in_identity_center: list[Record]) -> None:
    reading = [
        record for record in in_identity_center if role_of(record).startswith("AWSReservedSSO_ReadOnlyAccess_") and "invokedBy" not in record["userIdentity"]
    ]
    assert {record["eventName"] for record in reading if record.get("readOnly") is False} <= {"ConsoleLogin", "RegisterTaskDefinition"}


# Shared, repeated, beside


def test_a_shared_event_is_in_two_accounts_under_two_ids(records: list[Record]) -> None:
    shared: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if "sharedEventID" in record:
            shared[record["sharedEventID"]].append(record)
    pairs = [found for found in shared.values() if len(found) == 2]
    assert len(pairs) > 30
    assert all(a["eventTime"] == b["eventTime"] and a["recipientAccountId"] != b["recipientAccountId"] for a, b in pairs)
    assert max(len(found) for found in shared.values()) == 2


def test_whoever_takes_a_role_of_another_account_is_only_an_account_there(records: list[Record]) -> None:
    assumed = [record for record in records if record["eventName"] == "AssumeRole" and "sharedEventID" in record]
    seen = {record["userIdentity"]["accountId"] for record in assumed if record["userIdentity"]["type"] == "AWSAccount"}
    assert seen <= {"111122223333", "444455556666", "777788889999"}
    assert len(seen) > 1


def test_some_files_are_delivered_twice(logs: list[tuple[re.Match[str], list[Record]]]) -> None:
    copies = Counter(json.dumps(found) for _, found in logs)
    assert 0.003 < sum(count > 1 for count in copies.values()) / len(logs) < 0.03
    assert max(copies.values()) == 2


def test_events_come_again_only_in_such_files_and_in_corrections(logs: list[tuple[re.Match[str], list[Record]]]) -> None:
    once = {json.dumps(found): found for _, found in logs}.values()
    assert max(Counter(record["eventID"] for found in once for record in found).values()) == 1


def test_a_correction_names_the_event_that_it_corrects(logs: list[tuple[re.Match[str], list[Record]]], records: list[Record]) -> None:
    corrected = [record for _, found in logs for record in found if "addendum" in record]
    by_id = {record["eventID"]: record for record in records}
    assert corrected
    assert all(by_id[record["addendum"]["originalEventID"]]["requestID"] == record["requestID"] for record in corrected)


def test_other_things_lie_beside_the_logs(summary: Summary) -> None:
    beside = {path.relative_to(summary.folder).parts[3]: path for path in summary.folder.glob("AWSLogs/o-*/*/CloudTrail-*/**/*.json.gz")}
    digest, insight = (json.loads(gzip.decompress(beside[name].read_bytes())) for name in ("CloudTrail-Digest", "CloudTrail-Insight"))
    assert "Records" not in digest
    assert insight["Records"][0]["eventCategory"] == "Insight"


def test_oddities_add_no_event_and_take_none_away(organisation: Organisation, records: list[Record], tmp_path: Path) -> None:
    plain = write(organisation, tmp_path, date(2026, 11, 9), date(2026, 11, 13), events=EVENTS, quirks=False, bill=False)
    found = [record["eventID"] for _, of_file in logs_of(plain.folder) for record in of_file if record["eventTime"] >= "2026-11-09"]
    assert len(found) == len(set(found))
    assert set(found) == {record["eventID"] for record in records if "2026-11-09" <= record["eventTime"] < "2026-11-14"}
    assert not list(tmp_path.glob("AWSLogs/o-*/*/CloudTrail-*"))


# Bad days


@pytest.fixture(scope="module")
def bad_day(organisation: Organisation) -> tuple[date, Person]:
    return next((day, found[0]) for day in DAYS if (found := victim(organisation, day)))


def test_somebody_is_robbed_every_three_weeks(organisation: Organisation) -> None:
    days = [day for offset in range(21 * 5) if victim(organisation, day := date(2026, 6, 1) + timedelta(days=offset))]
    assert len(days) == 5
    assert {day.weekday() for day in days} <= {1, 2, 3}


def test_the_thief_is_denied_more_than_anybody_else(in_identity_center: list[Record], bad_day: tuple[date, Person]) -> None:
    day, person = bad_day
    denied = Counter(
        (session_of(record).lower(), happened(record).date()) for record in in_identity_center if "not authorized" in record.get("errorMessage", "")
    )
    ((session, when), most), (_, second) = denied.most_common(2)
    assert (session in (person.user, person.email), when) == (True, day)
    assert most > 5 * second


def test_some_of_what_the_thief_wants_works(in_identity_center: list[Record], bad_day: tuple[date, Person]) -> None:
    stolen = [record for record in in_identity_center if record["sourceIPAddress"] == "192.0.2.66" and happened(record).date() == bad_day[0]]
    done = {record["eventName"] for record in stolen if "errorCode" not in record}
    assert {"StopLogging", "PutUserPolicy", "AuthorizeSecurityGroupIngress", "CreateAccessKey", "UpdateDetector"} <= done


def test_root_signs_in_on_one_day_of_every_three_weeks(records: list[Record]) -> None:
    days = {happened(record).date() for record in records if record["userIdentity"].get("type") == "Root" and record["eventName"] == "ConsoleLogin"}
    assert 1 <= len(days) <= 2


# The rest


def test_an_operation_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(LookupError, match="ec2:Reboot is not in the catalogue"):
        operation("ec2", "Reboot")


def test_the_command_names_the_logs_in_the_config(tmp_path: Path) -> None:
    folder = tmp_path / "sample"
    result = CliRunner().invoke(sample_data, ["--people", "10", "--days", "2", "--last-day", "2026-11-20", "--events", "3", "--output", str(folder)])
    assert f'sources:\n  cloudtrail: {{location: "{folder}"}}\n  cur:' in result.output
    assert json.loads((folder / "sample.json").read_text())["events"] == 3


def test_the_command_leaves_the_logs_out(tmp_path: Path) -> None:
    folder = tmp_path / "sample"
    result = CliRunner().invoke(sample_data, ["--people", "10", "--days", "2", "--last-day", "2026-11-20", "--no-cloudtrail", "--output", str(folder)])
    assert "cloudtrail" not in result.output.lower()
    assert not list(folder.glob("AWSLogs/o-*"))
