"""Files with every oddity that is known, and some that are not, on a real Trino: facts are those of the embedded engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import cloudtrail_events_made as made
import pytest
from cloudtrail_events_made import ALICE_ID, Record, behalf, event, iam_user, identity_center_user, role_session
from kiro_files import analytic, analytic_key, put, user_report_key
from trino_facts import Row, compared
from trino_lake import Lake
from trino_server import TrinoServer

DAY = date(2026, 9, 3)
NEXT_NOON = datetime(2026, 9, 4, 12, tzinfo=UTC)
WRITTEN = datetime(2026, 9, 4, 2, tzinfo=UTC)
HEADER = (
    "Date,UserId,Client_Type,Chat_Conversations,Credits_Used,Overage_Cap,Overage_Credits_Used,Overage_Enabled,Subscription_Tier,Total_Messages,User_Email,"
    "auto_messages"
)
ROW = '2026-09-03,"{user}",KIRO_IDE,2,1.5,100.0,0.0,false,PRO,7,"a@example.com",7'

Content = Callable[[str], bytes]
"""A file with one user."""


def file(header: str = HEADER, row: str = ROW, end: str = "\n") -> Content:
    return lambda user: f"{header}{end}{row.format(user=user)}{end}".encode()


def cell(column: str, text: str) -> Content:
    """A file in which one cell reads differently."""
    cells = ROW.split(",")
    cells[HEADER.split(",").index(column)] = text
    return file(row=",".join(cells))


NUMBERS = (
    *("114.45787414391377", "0.1234567890123456785", "0.1234567890123456775", "0.00012345678901234565", "1e3", "1E-5", "1e400", "4.9E-324", "1e-30"),
    *(
        "inf",
        "NaN",
        "-1",
        "-0",
        "-0.0",
        "+5",
        "5.",
        ".5",
        ".",
        " 5 ",
        "\t5",
        "5\u00a0",
        "1,000",
        '"1,000"',
        '"5"',
        "1_000",
        "0x10",
        "٣",
        "\uff15",
        "5f",
        "1e",
        "--5",
    ),
    *(
        "1000000000000000",
        "1000000000000001",
        "999999999999999.999999999999999999",
        "999999999999999999999",
        "00012",
        "None",
        "",
        "null",
        "'5'",
        "5e99999999999",
    ),
)
MODELS = (
    "chat_messages",
    "_messages",
    "x_messages",
    "X_Messages",
    f"{'a' * 99}_messages",
    f"{'a' * 100}_messages",
    "a b_messages",
    "claude_opus_4.8_messages",
    "é_messages",
)
CASES: dict[str, Content] = {
    "as it should be": file(),
    "CR LF": file(end="\r\n"),
    "CR": file(end="\r"),
    "byte order mark": lambda user: b"\xef\xbb\xbf" + file()(user),
    "no last line end": lambda user: file()(user).rstrip(),
    "blank lines": lambda user: b"\n\n" + file()(user).replace(b"\n", b"\n\n\n"),
    "nothing": lambda user: b"",
    "the header twice": lambda user: file()(user) + f"{HEADER}\n".encode(),
    "other columns in another order": file("UserId,Total_Messages,Date,Client_Type,Credits_Used", '"{user}",7,2026-09-03,KIRO_IDE,1.5'),
    "quoted header": file(",".join(f'"{column}"' for column in HEADER.split(","))),
    "header with spaces": file(HEADER.replace(",", " , ")),
    "header in capitals": file(HEADER.upper()),
    "header with a no-break space": file(HEADER.replace("UserId", "UserId\u00a0")),
    "header with single quotes": file(HEADER.replace("UserId", "'UserId'")),
    "columns without a name": file(f"{HEADER},,", f"{ROW},,"),
    "a column twice": file(f"{HEADER},Date", f"{ROW},2026-09-03"),
    "a new column": file(f"{HEADER},Tool_Calls", f"{ROW},3"),
    "short row": file(row=ROW.rsplit(",", 1)[0]),
    "long row": file(row=f"{ROW},1"),
    "no date": file("UserId,Client_Type,Credits_Used", '"{user}",KIRO_IDE,1.5'),
    "no client": file("Date,UserId,Credits_Used", '2026-09-03,"{user}",1.5'),
    "no measure": file("Date,UserId,Client_Type,Unknown", '2026-09-03,"{user}",KIRO_IDE,5'),
    "line that is not UTF-8": lambda user: file()(user).replace(b"a@example", b"\xff\xfea@example"),
    "header that is not UTF-8": lambda user: file(f"{HEADER},zz", f"{ROW},1")(user).replace(b"zz", b"z\xff"),
    "user in Latin-1": lambda user: file()(f"{user}QQ").replace(b"QQ", b"\xe9"),
    **{
        f"user {spelled!r}": file(row=ROW.replace('"{user}"', spelled))
        for spelled in (
            "'{user}'",
            "\"'{user}'\"",
            '"""{user}"""',
            '"  {user} "',
            '"\u00a0{user}\t"',
            '"d-1234567890.{user}"',
            '"D-12345ABCDE.{user}"',
            '"1234567890-{user}"',
            '"{user}\x02"',
            '"{user}\u200b"',
            '"User {user} name"',
            '""',
            '"NONE"',
            "\"''\"",
            '"{user}😀"',
            f'"{{user}}{"x" * 220}"',
            f'"{{user}}{"x" * 221}"',
            f'"{{user}}{"é" * 220}"',
        )
    },
    "user in capitals": lambda user: file()(user.upper()),
    **{
        f"mail {spelled!r}": cell("User_Email", spelled)
        for spelled in (
            '"a, b@example.com"',
            '"a ""x"" b"',
            'a"b',
            '" A@Example.com "',
            "None",
            '"STRAẞE@É.com"',
            '"\ta@b.c\t"',
            '"\xa0a@b.c"',
            '"a\x07@b.c"',
            '"a\u200b@b.c"',
            '"a\x0b\x0cb"',
            '"a\x85b\u2028c"',
            '"a\\nb\\"',
            "\\N",
        )
    },
    **{
        f"date {spelled!r}": cell("Date", spelled)
        for spelled in (
            "09-03-2026",
            '"2026-09-03"',
            " 2026-09-03 ",
            "'2026-09-03'",
            "\u00a02026-09-03",
            "2026-09-03T00:00:00",
            "2026/09/03",
            "2026-02-30",
            "2026-9-3",
            "13-03-2026",
            "٢٠٢٦-٠٩-٠٣",
            "2026-09-02",
        )
    },
    **{
        f"client {spelled!r}": cell("Client_Type", spelled)
        for spelled in (
            "kiro_cli",
            "KIRO_WEB",
            '"PLUGIN"',
            "KIRO IDE",
            "1KIRO",
            " KIRO_IDE ",
            "",
            "None",
            "'KIRO_IDE'",
            "K" * 64,
            "K" * 65,
            "ß",
            "KIRO_IDE\x0b",
        )
    },
    **{
        f"tier {spelled!r}": cell("Subscription_Tier", spelled)
        for spelled in ("Pro Max", "ProPlus", "None", "", "_", "ÉLITE-1", "PRO\t", "PRO\u00a0", "P\x08RO")
    },
    **{f"enabled {spelled!r}": cell("Overage_Enabled", spelled) for spelled in ("TRUE", "1", '" true "', "", "'true'")},
    **{f"{column} {spelled!r}": cell(column, spelled) for column in ("Credits_Used", "Total_Messages", "auto_messages") for spelled in NUMBERS},
    **{f"column {name!r}": file(HEADER.replace("auto_messages", name)) for name in MODELS},
}


def user(number: int) -> str:
    return str(UUID(int=0xAAAAAAAA_1111_4111_8111_000000000000 + number))


def shown(rows: list[Row]) -> set[str]:
    return {row[1] for row in rows}


@pytest.fixture(scope="module")
def odd_reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd") / "reports"
    for number, content in enumerate(CASES.values(), start=1):
        put(folder, user_report_key(DAY, part=f"_part_{number}"), content(user(number)), WRITTEN)
    put(folder, "AWSLogs/111122223333/KiroLogs/user_report/us-east-1/2026/09/03/00/notes.txt", file()("in-a-text-file"), WRITTEN)
    for number, counter in enumerate(("InlineChat_TotalEventCount", "InlineChat_EventCount", "Chat_AICodeLines", "NotYetKnown"), start=1):
        content = analytic(DAY, (user(number), {counter: 3}), columns=("UserId", "Date", counter, "Inline_AICodeLines"))
        put(folder, analytic_key(DAY, part=f"_part_{number}"), content.replace(b",0\n", b",2.0\n" if number % 2 else b",\n"), WRITTEN)
    put(folder, analytic_key(DAY, writer="QDeveloperLogs", exported="202609040000"), analytic(DAY, (user(1), {"Chat_MessagesSent": 9})), WRITTEN)
    put(folder, analytic_key(DAY, part="_part_9"), analytic(DAY, (user(9), {}), columns=("UserId", "Date", "NotYetKnown")), WRITTEN)
    return folder


@pytest.fixture(scope="module")
def reports(trino: TrinoServer, odd_reports: Path) -> Lake:
    return Lake(trino, odd_reports, "odd_reports")


def test_odd_rows_of_user_report(reports: Lake, odd_reports: Path, tmp_path: Path) -> None:
    rows = compared("kiro_credits", reports, odd_reports, tmp_path, NEXT_NOON, timedelta(days=2))
    names = dict(enumerate(CASES, start=1))
    left_out = {names[number] for number in names if user(number) not in "".join(shown(rows))}
    assert {"short row", "a column twice", "line that is not UTF-8", "user '\"NONE\"'", "date '2026-02-30'", "client '1KIRO'", "no measure"} <= left_out
    assert not {"CR LF", "CR", "byte order mark", "other columns in another order", "columns without a name", "user '\"{user}\\x02\"'"} & left_out


def test_odd_rows_of_by_user_analytic(reports: Lake, odd_reports: Path, tmp_path: Path) -> None:
    rows = compared("kiro_features", reports, odd_reports, tmp_path, NEXT_NOON, timedelta(days=2))
    assert {(row[1], row[4], row[5]) for row in rows if row[1] == user(1)} == {(user(1), None, 0), (user(1), "chat_messagessent", 9)}
    assert {row[4] for row in rows if row[1] == user(2)} == {None, "inlinechat_totaleventcount"}


@pytest.mark.parametrize(("mail", "kept"), [('"a\nb"', 0), ('"a\rb"', 0), ('"a b"', 1)])
def test_a_row_on_two_lines_is_left_out_whole(mail: str, kept: int, trino: TrinoServer, tmp_path: Path) -> None:
    """Athena reads line by line, so this is what it cannot do; the embedded engine can."""
    folder = tmp_path / "reports"
    put(folder, user_report_key(DAY), cell("User_Email", mail)(user(1)))
    lake = Lake(trino, folder, f"two_lines_{ord(mail[2])}")
    assert lake.run("SELECT count(*), coalesce(sum(total_messages), 0) FROM kiro_user_report") == [[str(kept), str(7 * kept)]]


def at_portal(name: object) -> Record:
    return event(identity_center_user(None), "UserAuthentication", "signin", additionalEventData={"UserName": name})


def calls(name: str, source: str, *requests: object, answer: object = None) -> Iterator[Record]:
    for request in requests:
        yield event(iam_user("heidi"), name, source, requestParameters=request, responseElements=answer)


def odd_events() -> Iterator[Record]:
    for name in (
        "HIDDEN_DUE_TO_SECURITY_REASONS",
        "",
        None,
        {"name": "carol"},
        ["carol"],
        7,
        1.5,
        True,
        "İpek",
        "STRASSE ß ẞ",
        "ΣΑΣ",
        " pad ",
        "a'b",
        'a"b',
        "a\\b",
        "😀",
        "null",
    ):
        yield at_portal(name)
    for text in ("text", '{"UserName":"in a text"}', '{"UserName":', [{"UserName": "x"}], 5):
        yield event(identity_center_user(None, "Unknown"), additionalEventData=text)
    for session in (
        "aaaa@example.com",
        "a b@c",
        "x@y@z",
        "@",
        "UPPER@X.Y",
        "i-0DBC91F429E48EEED",
        "botocore-session-1",
        "x:y@z",
        "",
        "é@b",
        "٣@b",
        f"{'x' * 300}@y",
        "eks-",
    ):
        yield event(role_session("admin", session))
    for name in ("Terraform", "svc-x", "bot", "x-bot", "éric", "İ", "a/b", "a.b", "my jenkins", " svc-a", "HIDDEN_DUE_TO_SECURITY_REASONS"):
        yield event(iam_user(name))
    for user_id in (f" {ALICE_ID} ", f"x{ALICE_ID}", ALICE_ID.replace("-", ""), "\uff19" * 36, "", " "):
        yield event(behalf(role_session("reports", "nightly"), user_id))
    for who in (
        {},
        {"type": ""},
        {"type": "Weird"},
        {"type": "IAMUser", "userName": ""},
        {"type": "AssumedRole"},
        {"type": "AssumedRole", "principalId": "no-colon"},
    ):
        yield event(who)
    for who in (
        {"type": "SAMLUser", "identityProvider": None},
        {"type": "FederatedUser", "sessionContext": None},
        {"type": "IAMUser", "sessionContext": {"sessionIssuer": None}},
    ):
        yield event(who)
    for code in ("AccessDenied", "AccessDeniedException", "accessdenied", "Client.UnauthorizedOperation", "UnauthorizedOperation", " AccessDenied", ""):
        yield event(iam_user("heidi"), errorCode=code)
    for read_only in (True, False, None, "true", "True"):
        yield event(iam_user("heidi"), readOnly=read_only)
    for name, value in (
        ("awsRegion", None),
        ("recipientAccountId", None),
        ("eventType", None),
        ("recipientAccountId", ""),
        ("awsRegion", ""),
        ("eventSource", ""),
    ):
        yield event(iam_user("heidi"), **{name: value})
    for category in (None, "Insight", "Data", "NetworkActivity"):
        yield event(iam_user("heidi"), eventCategory=category)
    again = event(iam_user("first"))
    yield from (
        again,
        event(iam_user("first"), eventID=again["eventID"], errorCode="AccessDenied"),
        event(iam_user("first"), addendum={"reason": "UPDATED_DATA", "originalEventID": again["eventID"]}),
    )
    yield from calls(
        "UpdateDetector", "guardduty", "{broken", '{"enable":false}', {"enable": "false"}, {"enable": False}, {"enable": 0}, {"enable": {"x": 1}}, [], None
    )
    groups = {"items": [{"userId": "1"}, {"group": "all"}]}
    for name, source in (("ModifyImageAttribute", "ec2"), ("ModifySnapshotAttribute", "ec2"), ("ModifyDBSnapshotAttribute", "rds")):
        yield from calls(
            name,
            source,
            {"add": groups},
            {"launchPermission": {"add": groups}},
            {"launchPermission": {"remove": groups}},
            {"valuesToAdd": ["1", "all"]},
            'add": {"items"',
        )
    for answer in (None, {"publiclyAccessible": True}, {"publiclyAccessible": "false"}):
        yield from calls("RestoreDBInstanceFromDBSnapshot", "rds", {"publiclyAccessible": True}, {}, {"publiclyAccessible": False}, answer=answer)
    yield from calls("PutBucketLogging", "s3", {"BucketLoggingStatus": ""}, {"BucketLoggingStatus": {"LoggingEnabled": {"TargetBucket": "logs"}}}, None)
    yield from calls("PutBucketVersioning", "s3", {"VersioningConfiguration": {"Status": "Suspended"}}, {"VersioningConfiguration": {"Status": "Enabled"}}, "x")
    yield from calls("ModifyInstanceAttribute", "ec2", {"userData": "<sensitiveDataRemoved>"}, {"instanceType": "x"})
    yield from calls("UpdateProjectVisibility", "codebuild", {"projectVisibility": "PUBLIC_READ"}, {"projectVisibility": "PRIVATE"})
    for who in (made.root(), iam_user("heidi"), made.saml_user("x"), made.federated_user("", "visitor", "Root")):
        for mfa in ("Yes", "No", None):
            yield from (made.console_login(who, mfa=mfa, failed=failed) for failed in (True, False))
    yield from (
        made.console_login(iam_user("heidi"), mfa="No", SamlProviderArn="arn:x"),
        event(iam_user("heidi"), "ConsoleLogin", "signin", responseElements="x", additionalEventData="{y"),
    )
    portal = {"principalArn": "arn:aws:iam::1:saml-provider/AWSSSO_x_DO_NOT_DELETE"}
    reserved: dict[str, Any] = {"roleArn": "arn:aws:iam::1:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Dev_0123456789abcdef", "roleSessionName": "Zoe"}
    for request in (reserved, {**portal, "roleSessionName": 5}, portal, "{", None):
        for refused in ({}, {"errorCode": "AccessDenied"}):
            yield event(made.saml_user("zoe@x.y", "other="), "AssumeRoleWithSAML", "sts", requestParameters=request, **refused)


TIMES = ("2026-11-20T00:00:00Z", "2026-11-20T23:59:59Z", "2026-11-21T00:00:00Z", "2026-11-19T23:59:59Z", "2026-11-18T10:00:00Z")
NO_TIMES = ("2026-11-20T25:00:00Z", "2026-11-20T10:99:00Z", "2026-11-20 10:00:00", "2026-11-20T10:00:00.123Z", "2026-11-20T1a:00:00Z", "2026-11-20")


def test_odd_events_of_cloudtrail(trino: TrinoServer, tmp_path: Path) -> None:
    folder, day = tmp_path / "logs", made.DAY
    made.deliver(folder, [day - timedelta(days=1), day])
    timed = [event(iam_user("on-time"), at=time) for time in (*TIMES, *NO_TIMES)]
    made.write(made.log_path(folder, day, "1300Z_odd", organization="o-exampleorg1"), [*odd_events(), *timed])
    rows = compared("cloudtrail", Lake(trino, folder, "odd_logs"), folder, tmp_path, datetime(2026, 11, 21, 12, tzinfo=UTC), timedelta(days=2))
    on_time = {row[0]: row[6] for row in rows if row[3] == f"on-time@{made.ACCOUNT}" and row[4] == "access"}
    assert on_time == {day - timedelta(days=1): 1, day: 2}
