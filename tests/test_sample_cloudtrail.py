"""The sample's CloudTrail logs look like real ones, are a pure function of their arguments, and belong to the people of the Kiro reports."""

from __future__ import annotations

import gzip
import json
import re
import statistics
from collections import Counter, defaultdict
from datetime import date, timedelta
from pathlib import Path

import pytest
from sample_folders import contents, rows_of
from sample_logs import FORMS, Record, delivered, happened, logs_of, role_of, session_of, user_of

from exporter.sample import Organisation, Person, Summary, write
from exporter.sample.attendance import days_at_work
from exporter.sample.cloudtrail_incident import victim

PEOPLE, SEED, EVENTS = 250, 7, 4.0
FIRST, LAST = date(2026, 10, 20), date(2026, 11, 21)
DAYS = [FIRST + timedelta(days=offset) for offset in range((LAST - FIRST).days + 1)]


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


# Identities


def test_whoever_takes_a_role_in_identity_center_has_signed_in_once_that_day(records: list[Record], people: dict[str, Person]) -> None:
    spelled = {name: key for key, person in people.items() for name in (person.user, person.email)}
    signed_in = Counter((user_of(record), happened(record).date()) for record in records if record["eventName"] == "UserAuthentication")
    taken = {
        (spelled[record["userIdentity"]["userName"].lower()], happened(record).date())
        for record in records
        if record["userIdentity"].get("type") == "SAMLUser" and "AWSReservedSSO_" in record["requestParameters"]["roleArn"]
    }
    assert signed_in == Counter(taken)


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
