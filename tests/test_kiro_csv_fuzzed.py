"""Whatever a report of Kiro's may hold: contents that hypothesis makes up."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st
from kiro_csv_rig import PROFILE, REAL_HEADER, SMALL, USER, analytics, line_of, users

from exporter.sources.kiro_csv import REASONS

_PIECES = st.sampled_from([*"\",\n\r\t'", "\r\n", "\ufeff", "2026-07-10", "None", "KIRO_IDE", USER, "1", "1e400", "-1", "nan", "é", "\x1b", SMALL, "\n\n"])
_BODIES = st.one_of(st.binary(), st.lists(_PIECES).map(lambda pieces: "".join(pieces).encode()), st.text().map(lambda text: text.encode("utf-8", "replace")))


@settings(max_examples=400, deadline=None)
@given(body=_BODIES, header=st.sampled_from(["", f"{SMALL}\n", f"{REAL_HEADER}\n"]))
@example(body=b'"', header=f"{SMALL}\n")
@example(body=b'"\n"\n,"', header=f"{SMALL}\n")
def test_no_content_raises(body: bytes, header: str) -> None:
    for decoded in (users(header.encode() + body), analytics(header.encode() + body)):
        assert {rejection.reason for rejection in decoded.rejections} <= REASONS.keys()
        assert all(rejection.detail.isprintable() and len(rejection.detail) <= 80 for rejection in decoded.rejections)
        msgspec.json.encode(decoded.rows)


def _cleaned(text: str) -> str | None:
    """What is left of free text, by another way than the decoder's."""
    kept = "".join(character for character in text if not (ord(character) < 32 or 127 <= ord(character) < 160 or character in "\u200b\u2028\u2029\ufeff"))
    return None if kept.strip().lower() in ("", "none") else kept.strip()


@settings(max_examples=200, deadline=None)
@given(emails=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=1, max_size=5), end=st.sampled_from(["\n", "\r\n"]))
def test_free_text_goes_through_whatever_it_holds(emails: list[str], end: str) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(["Date", "UserId", "Client_Type", "User_Email"])
    writer.writerows(["2026-07-10", USER, "PLUGIN", email] for email in emails)
    decoded = users(file.getvalue())
    assert [row.user_email for row in decoded.rows] == [_cleaned(email) for email in emails]


@settings(max_examples=200, deadline=None)
@given(credits=st.lists(st.floats(min_value=0, max_value=1e15, allow_nan=False), min_size=1))
def test_credits_keep_their_value_whatever_their_notation(credits: list[float]) -> None:
    decoded = users("\n".join((SMALL, *(line_of(credits=repr(value)) for value in credits))))
    assert decoded.rejections == ()
    for row, value in zip(decoded.rows, credits, strict=True):
        assert row.credits_used is not None
        assert "e" not in row.credits_used.lower()
        assert abs(Decimal(row.credits_used) - Decimal(repr(value))) <= Decimal("5e-19")


@settings(max_examples=200, deadline=None)
@given(data=st.data(), line=st.integers(0, 19))
def test_a_stray_quote_costs_no_other_line(data: st.DataObject, line: int) -> None:
    rows = [f'2026-07-10,"{USER}",KIRO_CLI,8,"{PROFILE}",PRO_MAX,{number},"dev@example.com"' for number in range(20)]
    at = data.draw(st.integers(0, len(rows[line])))
    rows[line] = f'{rows[line][:at]}"{rows[line][at:]}'
    decoded = users("\n".join(("Date,UserId,Client_Type,Chat_Conversations,ProfileId,Subscription_Tier,Total_Messages,User_Email", *rows)))
    whole = {row.line: row.total_messages for row in decoded.rows if row.line != line + 2}
    assert whole == {number + 2: number for number in range(20) if number != line}
