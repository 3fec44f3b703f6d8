"""Style and script of the page at `/docs`, and the policy that allows them and nothing else."""

from __future__ import annotations

import base64
import hashlib

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --blue: #0969da; --green: #1a7f37; --red: #cf222e; }
@media (prefers-color-scheme: dark) { :root { --blue: #4493f8; --green: #3fb950; --red: #ff7b72; } }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto 6rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; }
h2 { font-size: 1.05rem; margin: 0; display: flex; flex-wrap: wrap; gap: .75rem; align-items: baseline; }
h2 a { color: inherit; text-decoration: none; }
h2 a:hover { text-decoration: underline; }
h3 { font-size: .8rem; text-transform: uppercase; letter-spacing: .06em; opacity: .7; margin: 1.25rem 0 .25rem; }
a { color: var(--blue); }
code, pre, h2 a { font-family: ui-monospace, "Cascadia Mono", Consolas, monospace; }
code { font-size: .9em; }
section { border: 1px solid var(--line); border-radius: .5rem; padding: 1rem 1.25rem; margin: 1.25rem 0; }
section > p { margin: .5rem 0 0; }
.method { font-size: .75rem; font-weight: 700; letter-spacing: .05em; color: #fff; background: var(--blue); border-radius: .25rem; padding: .1rem .5rem; }
.post { background: var(--green); }
@media (prefers-color-scheme: dark) { .method { color: #0d1117; } }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); overflow-wrap: break-word; }
tr:last-child td { border-bottom: 0; }
th { font-weight: 600; }
td:first-child { white-space: nowrap; }
.scroll { overflow-x: auto; }
.quiet { opacity: .7; }
ul { padding-left: 1.25rem; }
summary { cursor: pointer; font-size: .9rem; margin-top: .75rem; }
form { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: .5rem 1rem; align-items: end; margin-top: .25rem; }
label { font-size: .8rem; display: block; }
input, select, button { font: inherit; font-size: .9rem; width: 100%; margin-top: .15rem; }
input, select, button { height: 2.25rem; padding: .3rem .5rem; border: 1px solid var(--line); border-radius: .3rem; }
button { cursor: pointer; font-weight: 600; background: var(--blue); border-color: var(--blue); color: #fff; }
@media (prefers-color-scheme: dark) { button { color: #0d1117; } }
:focus-visible { outline: 2px solid var(--blue); outline-offset: 2px; }
pre { background: var(--soft); border-radius: .3rem; padding: .75rem; margin: .5rem 0 0; }
pre { overflow: auto; max-height: 28rem; font-size: .8rem; line-height: 1.45; }
output { display: block; }
"""

# An answer is shown as text, never as HTML. Numbers are left as they came: JavaScript would round long decimals.
SCRIPT = r"""
function indented(text) {
  let depth = 0;
  const line = () => "\n" + "  ".repeat(depth);
  return text.replace(/"(?:[^"\\]|\\.)*"|[{}\[\],:]/g, (part, at) => {
    if ("{[".includes(part)) { depth++; return "}]".includes(text[at + 1]) ? part : part + line(); }
    if ("}]".includes(part)) { depth--; return "{[".includes(text[at - 1]) ? part : line() + part; }
    return part === "," ? part + line() : part === ":" ? ": " : part;
  });
}
for (const form of document.forms) {
  form.addEventListener("submit", async event => {
    event.preventDefault();
    const query = new URLSearchParams();
    let path = form.dataset.path;
    for (const field of form.elements) {
      if (!field.name || field.value === "") continue;
      if (field.dataset.place === "path") path = path.replace("{" + field.name + "}", () => encodeURIComponent(field.value));
      else query.set(field.name, field.value);
    }
    const address = path + (query.size ? "?" + query : "");
    const output = form.nextElementSibling, link = document.createElement("a"), pre = document.createElement("pre");
    link.href = link.textContent = address;
    output.replaceChildren("Asking ", link);
    try {
      const answer = await fetch(address), text = await answer.text();
      pre.textContent = indented(text);
      output.replaceChildren(answer.status + " \u00b7 ", link, pre);
    } catch (error) {
      pre.textContent = String(error);
      output.replaceChildren(link, pre);
    }
  });
}
"""


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


# The page may apply this one style sheet, run this one script and ask this exporter: nothing else, and no form is ever sent by the browser itself.
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; connect-src 'self'; style-src {_hash(STYLE)}; script-src {_hash(SCRIPT)}"
)
