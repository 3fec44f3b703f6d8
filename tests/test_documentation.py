"""Every link of every page to another page, or to a heading in one, leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(path.relative_to(ROOT) for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")))
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\((?!https?://|mailto:)([^()#\s]*)(?:#([^()\s]*))?\)")


def headings(page: Path) -> set[str]:
    """As GitHub names them: lower case, spaces as hyphens, without other signs."""
    titles = re.findall(r"(?m)^#+ (.*)$", _CODE.sub(lambda code: code[0].strip("`") if "\n" not in code[0] else "", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for target, heading in _LINK.findall(_CODE.sub("", (ROOT / page).read_text(encoding="utf-8"))):
        found = (ROOT / page.parent / target).resolve() if target else ROOT / page
        if not found.exists() or (heading and heading not in headings(found)):
            broken.append(f"{target}#{heading}")
    assert broken == []


def test_every_page_can_be_reached() -> None:
    """From the README; the runbooks by their folder."""
    linked = {target for page in PAGES for target, _ in _LINK.findall((ROOT / page).read_text(encoding="utf-8"))}
    names = {Path(target).name for target in linked}
    assert [str(page) for page in PAGES if page.name not in names | {"README.md"} and page.parent.name != "runbooks"] == []
