"""The page at `/docs`: an OpenAPI document as one page of HTML that needs nothing else, with a form for every question."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape
from string import Template
from typing import Any

from exporter.logs import printable
from exporter.web.people_docs_parts import SCRIPT, STYLE

_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title><style>$style</style></head>
<body>
<h1>$title</h1>
<p class="quiet">Version $version &middot; <a href="/">aws-user-exporter</a> &middot; <a href="/metrics">/metrics</a>
&middot; <a href="/api/openapi.json">OpenAPI document</a></p>
<p>$description</p>
<ul>$contents</ul>
$operations
<script>$script</script>
</body>
</html>
""")
_CONTENT = Template('<li><a href="#$anchor"><code>$path</code></a> $summary</li>\n')
_OPERATION = Template("""<section id="$anchor">
<h2><span class="method $method">$shown_method</span><a href="#$anchor">$path</a></h2>
<p>$summary.$description</p>
$parameters
<details><summary>What it answers</summary>
<h3>$status</h3>
<div class="scroll"><table><tbody>$fields</tbody></table></div>
<h3>Otherwise</h3>
<div class="scroll"><table><tbody>$problems</tbody></table></div>
</details>
$attempt
</section>
""")
_PARAMETERS = Template('<h3>Parameters</h3><div class="scroll"><table><tbody>$rows</tbody></table></div>')
_ROW = Template("<tr><td><code>$name</code></td><td>$kind</td><td>$description</td></tr>\n")
_ATTEMPT = Template("""<h3>Try it</h3>
<form data-path="$path">$fields<div><button>Ask</button></div></form>
<output></output>
<noscript><p class="quiet">The form needs JavaScript; any HTTP client does as well.</p></noscript>
""")

Document = Mapping[str, Any]


def page(document: Document) -> str:
    """The page as HTML. Every text of the document is escaped here."""
    operations = [
        (path, method, operation) for path, methods in document["paths"].items() for method, operation in methods.items() if method in ("get", "post")
    ]
    information = document["info"]
    return _PAGE.substitute(
        title=_text(information["title"]),
        version=_text(information["version"]),
        description=_marked(information.get("description", "")),
        style=STYLE,
        script=SCRIPT,
        contents="".join(
            _CONTENT.substitute(anchor=_anchor(path), path=_text(path), summary=_marked(operation.get("summary", ""))) for path, _, operation in operations
        ),
        operations="".join(_operation(document, path, method, operation) for path, method, operation in operations),
    )


def _operation(document: Document, path: str, method: str, operation: Document) -> str:
    answers = operation["responses"]
    status = min(answers)
    parameters = operation.get("parameters", [])
    rows = "".join(
        _ROW.substitute(
            name=_text(each["name"]),
            kind=_kind(document, _given(each["schema"])),
            description=_marked(each.get("description", "")) + _default(each["schema"]),
        )
        for each in parameters
    )
    return _OPERATION.substitute(
        anchor=_anchor(path),
        method=_text(method),
        shown_method=_text(method.upper()),
        path=_text(path),
        summary=_marked(operation.get("summary", "")),
        description=" " + _marked(operation["description"]) if operation.get("description") else "",
        parameters=_PARAMETERS.substitute(rows=rows) if rows else "",
        status=_text(status),
        fields="".join(_fields(document, _schema(answers[status]))),
        problems="".join(
            _ROW.substitute(name=_text(each), kind="", description=_marked(answers[each].get("description", ""))) for each in sorted(answers) if each != status
        ),
        attempt=_ATTEMPT.substitute(path=_text(path), fields="".join(_field(document, each) for each in parameters)) if method == "get" else "",
    )


def _fields(document: Document, schema: Document, before: str = "") -> Iterator[str]:
    """A row a field of an answer; the fields of what it holds follow with its name in front."""
    for name, each in _resolved(document, schema).get("properties", {}).items():
        yield _ROW.substitute(name=_text(before + name), kind=_kind(document, each), description=_marked(each.get("description", "")))
        chosen = _given(each)
        if "$ref" in chosen:
            yield from _fields(document, chosen, f"{before}{name}.")
        for inner, sign in ((chosen.get("items"), "[]."), (chosen.get("additionalProperties"), ".*.")):
            if isinstance(inner, Mapping):
                held = next((one for one in inner.get("anyOf", [inner]) if "$ref" in one), None)
                if held is not None:
                    yield from _fields(document, held, f"{before}{name}{sign}")


def _kind(document: Document, schema: Document) -> str:
    """What a value may be, in few words."""
    if "anyOf" in schema:
        return " or ".join(_kind(document, each) for each in schema["anyOf"])
    schema = _resolved(document, schema)
    if "enum" in schema:
        return " &middot; ".join(f"<code>{_text(str(each))}</code>" for each in schema["enum"])
    kind = str(schema.get("type", "any"))
    if kind == "array":
        return f"list of {_kind(document, schema['items'])}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"object: name to {_kind(document, schema['additionalProperties'])}"
    if "minimum" in schema and "maximum" in schema:
        return f"{_text(kind)}, {_text(str(schema['minimum']))} to {_text(str(schema['maximum']))}"
    return _text({"date-time": "time", "date": "date"}.get(str(schema.get("format")), kind))


def _default(schema: Document) -> str:
    return f" Default: <code>{_text(str(schema['default']))}</code>." if schema.get("default") is not None else ""


def _field(document: Document, parameter: Document) -> str:
    """One field of the form."""
    name, schema = _text(parameter["name"]), parameter["schema"]
    chosen = _resolved(document, _given(schema))
    default = "" if schema.get("default") is None else str(schema["default"])
    attributes = f'name="{name}" data-place="{_text(parameter["in"])}"' + (" required" if parameter.get("required") else "")
    if "enum" in chosen:
        empty = [] if default else ['<option value=""></option>']
        options = [f"<option{' selected' if str(each) == default else ''}>{_text(str(each))}</option>" for each in chosen["enum"]]
        return f"<label>{name}<select {attributes}>{''.join([*empty, *options])}</select></label>"
    if chosen.get("type") == "integer":
        attributes += ' type="number"' + "".join(
            f' {bound}="{_text(str(chosen[key]))}"' for bound, key in (("min", "minimum"), ("max", "maximum")) if key in chosen
        )
    return f'<label>{name}<input {attributes} value="{_text(default)}" autocomplete="off"></label>'


def _given(schema: Document) -> Document:
    """What a value is where there is one."""
    found: Document = next((one for one in schema.get("anyOf", ()) if one.get("type") != "null"), schema)
    return found


def _schema(answer: Document) -> Document:
    schema: Document = answer.get("content", {}).get("application/json", {}).get("schema", {})
    return schema


def _resolved(document: Document, schema: Document) -> Document:
    if "$ref" not in schema:
        return schema
    found: Any = document
    for step in str(schema["$ref"]).removeprefix("#/").split("/"):
        found = found[step]
    return dict(found)


def _anchor(path: str) -> str:
    return re.sub("[^a-z0-9]+", "-", path.lower()).strip("-")


def _marked(text: str) -> str:
    """Escaped text in which what stands in backquotes is code."""
    return re.sub("`([^`]*)`", r"<code>\1</code>", _text(text))


def _text(text: str) -> str:
    return escape(printable(text))
