"""The OpenAPI document of the people API, and the page that is made from it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import date, timedelta
from html.parser import HTMLParser
from typing import Any

import jsonschema
import pytest
from facts_in_memory import Caused, at
from openapi_spec_validator import validate
from people_asked import Asked, Client, asking, known

from exporter.model import DayRange
from exporter.web import people_docs, people_docs_parts
from exporter.windows import SUFFIXES, Landed

NOW, DAY = at(2026, 7, 15), date(2026, 7, 14)
PATHS = {
    "/api/users/analytics": "get",
    "/api/users/top-by-usage": "get",
    "/api/users/top-by-cost": "get",
    "/api/users/inactive": "get",
    "/api/users/{user}": "get",
    "/api/users/analyze": "post",
}


@pytest.fixture(scope="module")
def api() -> Iterator[Client]:
    people = known([Caused(DAY, "session:alice", 3, services={"ec2": 3})], NOW, {"cloudtrail": Landed(DayRange(DAY, DAY), timedelta(days=14))}).people
    with asking(Asked(people)) as client:
        yield client


@pytest.fixture(scope="module")
def document(api: Client) -> Any:
    return json.loads(api.get("/api/openapi.json").text)


@pytest.fixture(scope="module")
def html(api: Client) -> str:
    answer = api.get("/docs")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    return answer.text


# The document


def test_document_is_valid(document: Any) -> None:
    validate(document)


def test_document_has_every_route_and_no_other(document: Any) -> None:
    assert {path: list(methods) for path, methods in document["paths"].items()} == {path: [method] for path, method in PATHS.items()}


def test_every_problem_is_described(document: Any) -> None:
    described = {path: set(document["paths"][path][method]["responses"]) for path, method in PATHS.items()}
    reading = {"200", "422", "503"}
    assert described == {
        "/api/users/analytics": reading,
        "/api/users/top-by-usage": reading,
        "/api/users/top-by-cost": {*reading, "404"},
        "/api/users/inactive": reading,
        "/api/users/{user}": {*reading, "404"},
        "/api/users/analyze": {"202", "403", "409"},
    }


def test_windows_are_those_of_the_metrics(document: Any) -> None:
    for path in PATHS:
        for parameter in document["paths"][path][PATHS[path]].get("parameters", []):
            if parameter["name"] == "window":
                assert (tuple(parameter["schema"]["enum"]), parameter["schema"]["default"]) == (SUFFIXES, "last_30d")


def test_every_parameter_is_explained(document: Any) -> None:
    parameters = [parameter for path, method in PATHS.items() for parameter in document["paths"][path][method].get("parameters", [])]
    assert [parameter["name"] for parameter in parameters if not parameter.get("description")] == []


@pytest.mark.parametrize("path", ["analytics", "top-by-usage", "inactive", "{user}"])
def test_answers_are_as_the_document_says(api: Client, document: Any, path: str) -> None:
    schema = document["paths"][f"/api/users/{path}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    answer = json.loads(api.get(f"/api/users/{path.replace('{user}', 'alice')}").text)
    jsonschema.validate(answer, {**schema, "components": document["components"]})


@pytest.mark.parametrize(("path", "status"), [("nobody", "404"), ("nobody?window=x", "422")])
def test_problems_are_as_the_document_says(api: Client, document: Any, path: str, status: str) -> None:
    schema = document["paths"]["/api/users/{user}"]["get"]["responses"][status]["content"]["application/json"]["schema"]
    answer = api.get(f"/api/users/{path}")
    assert str(answer.status) == status
    jsonschema.validate(json.loads(answer.text), {**schema, "components": document["components"]})


# The page


class Reader(HTMLParser):
    """Collects what a page would load or send, and its forms."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.forms: dict[str, list[str]] = {}
        self._form: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.addresses += [given[name] for name in ("href", "src", "action", "data", "poster") if name in given]
        self.handlers += [name for name in given if name.startswith("on") or name == "style"]
        if tag == "form":
            self._form = self.forms.setdefault(given["data-path"], [])
        elif tag in ("input", "select"):
            self._form.append(given["name"])


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    return reader


def test_page_loads_nothing_from_elsewhere(html: str) -> None:
    assert [address for address in read(html).addresses if not re.match(r"[/#]", address) or address.startswith("//")] == []
    assert not re.search(r"https?:|@import|url\(", html)


def test_page_may_do_what_its_policy_names_and_it_names_what_the_page_has(api: Client, html: str) -> None:
    def hashes(tag: str) -> list[str]:
        return [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in re.findall(f"<{tag}>(.*?)</{tag}>", html, re.DOTALL)]

    (style,), (script,) = hashes("style"), hashes("script")
    assert api.get("/docs").headers["content-security-policy"] == (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; connect-src 'self'; "
        f"style-src 'sha256-{style}'; script-src 'sha256-{script}'"
    )


def test_page_has_nothing_inline_that_the_policy_would_refuse(html: str) -> None:
    assert read(html).handlers == []


def test_page_names_every_endpoint_parameter_and_problem(html: str, document: Any) -> None:
    text = re.sub("<[^>]+>", "", html)
    for path, method in PATHS.items():
        operation = document["paths"][path][method]
        told = [path, operation["summary"], *(parameter["name"] for parameter in operation.get("parameters", []))]
        assert [each for each in told if each not in text] == []


def test_every_question_can_be_tried(html: str, document: Any) -> None:
    expected = {
        path: [parameter["name"] for parameter in document["paths"][path]["get"].get("parameters", [])] for path, method in PATHS.items() if method == "get"
    }
    assert read(html).forms == expected


def test_every_text_of_the_document_is_escaped() -> None:
    hostile = "<script>alert('x')</script>\x1b\u202e\"&"
    parameter = {"name": hostile, "in": "query", "description": hostile, "schema": {"enum": [hostile], "default": hostile}}
    operation = {
        "summary": hostile,
        "description": hostile,
        "parameters": [parameter],
        "responses": {hostile: {"description": hostile, "content": {"application/json": {"schema": {"properties": {hostile: {"description": hostile}}}}}}},
    }
    html = people_docs.page({"info": {"title": hostile, "version": hostile, "description": hostile}, "paths": {hostile: {"get": operation}}})
    assert (html.count("<script>"), "\x1b" in html, "\u202e" in html, "alert('x')" in html) == (1, False, False, False)


def test_landing_page_leads_to_the_docs(api: Client) -> None:
    assert "/docs" in read(api.get("/").text).addresses


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"a":1,"b":[],"c":{}}', '{\n  "a": 1,\n  "b": [],\n  "c": {}\n}'),
        ('{"a":[1.100000000000000000001,{"b":null}]}', '{\n  "a": [\n    1.100000000000000000001,\n    {\n      "b": null\n    }\n  ]\n}'),
        ('{"a{[,:\\"]}":"<b>\\\\"}', '{\n  "a{[,:\\"]}": "<b>\\\\"\n}'),
    ],
)
def test_script_shows_json_without_changing_a_digit(text: str, shown: str) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not on the PATH")
    function = people_docs_parts.SCRIPT.partition("for (const form")[0]
    code = f"{function}\nprocess.stdout.write(indented({json.dumps(text)}))"
    assert subprocess.run([node, "-e", code], capture_output=True, text=True, check=True).stdout == shown
