"""What is installed, from where and by which interpreter; nothing is installed here: interpreters are scripts that write down how they were called."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import pytest
from tools import require_tool

import exporter

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.txt", "requirements-dev.txt")
PROGRAMS = ("cat", "chmod", "cksum", "cp", "dirname", "mkdir", "rm", "sh")

# Says which version it is, unless asked for a module that it lacks; makes a virtual environment with itself as its interpreter.
INTERPRETER = """#!/bin/sh
echo "$0 $*" >>"$CALLS"
case "$*" in
    *"{lacks}"*) exit 1 ;;
    *"-m venv"*)
        mkdir -p .venv/bin
        cp "$0" .venv/bin/python
        printf '#!/bin/sh\\necho "the exporter runs: $*"\\n' >.venv/bin/aws-user-exporter
        chmod +x .venv/bin/aws-user-exporter
        ;;
    *"import sys"*) echo "{version}./home/of/{version}" ;;
esac
"""


class Checkout:
    """The files that set up `.venv`, in a folder with a space in its name, on a machine that has only what the test puts on its PATH."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "programs"
        self.root = folder / "a place"
        self._calls = folder / "calls"
        self.path.mkdir()
        for program in PROGRAMS:
            (self.path / program).symlink_to(require_tool(program))
        for name in ("Makefile", ".ci/venv", "pyproject.toml", *LOCKS):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.root / name)

    def interpreter(self, name: str, version: str = "3.12", lacks: str = "nothing") -> Path:
        script = self.path / name
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(INTERPRETER.format(version=version, lacks=lacks))
        script.chmod(0o755)
        return script

    def make(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        self._calls.write_text("")
        variables = {"PATH": str(self.path), "CALLS": str(self._calls), **environment}
        return subprocess.run([require_tool("make"), *arguments], cwd=self.root, env=variables, capture_output=True, text=True, check=False)

    def calls(self, what: str) -> list[str]:
        """The calls of interpreters whose arguments hold these words, since `make` was last run."""
        return [line for line in self._calls.read_text().splitlines() if what in line]

    @property
    def maker(self) -> str:
        """The interpreter that was told to make the virtual environment."""
        (call,) = self.calls("-m venv")
        return call.split(" -m ")[0]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_demo_runs_once_set_up(checkout: Checkout) -> None:
    checkout.interpreter("python3.13")
    assert checkout.make("demo").stdout == "the exporter runs: demo\n"


@pytest.mark.parametrize("name", ["python3.11", "python3.12", "python3.13", "python3.14", "python3"])
def test_each_interpreter_name_will_do(checkout: Checkout, name: str) -> None:
    interpreter = checkout.interpreter(name)
    checkout.make("demo")
    assert checkout.maker == str(interpreter)


def test_interpreter_that_does_not_run_is_passed_over(checkout: Checkout) -> None:
    shim = checkout.path / "python3.11"
    shim.write_text("#!/bin/sh\necho 'pyenv: python3.11: command not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    runs = checkout.interpreter("python3.13")
    result = checkout.make("demo")
    assert (checkout.maker, "pyenv" in result.stderr) == (str(runs), False)


def test_interpreter_without_venv_is_passed_over(checkout: Checkout) -> None:
    checkout.interpreter("python3.11", lacks="ensurepip")
    complete = checkout.interpreter("python3.13")
    checkout.make("demo")
    assert checkout.maker == str(complete)


@pytest.mark.parametrize("how", ["argument", "environment"])
def test_python_overrides_the_first_found(checkout: Checkout, how: str) -> None:
    checkout.interpreter("python3.11")
    chosen = checkout.interpreter("of my own/python")
    if how == "argument":
        checkout.make("demo", f"PYTHON={chosen}")
    else:
        checkout.make("demo", PYTHON=str(chosen))
    assert checkout.maker == str(chosen)


def sentence(result: subprocess.CompletedProcess[str]) -> str:
    """The one line that make was given to print; its own line, that a target failed, comes after it."""
    assert result.returncode != 0
    assert result.stdout == ""
    line, makes_own = result.stderr.splitlines()
    assert makes_own.startswith("make: ***"), result.stderr
    return line


@pytest.mark.parametrize("target", ["demo", "test"])
def test_no_interpreter(checkout: Checkout, target: str) -> None:
    assert sentence(checkout.make(target)) == (
        "No Python 3.11 to 3.14 was found: install one with venv (Debian, Ubuntu: apt install python3 python3-venv) or name one with PYTHON=/path/to/python."
    )


def test_no_interpreter_with_venv(checkout: Checkout) -> None:
    checkout.interpreter("python3.12", lacks="ensurepip")
    assert sentence(checkout.make("demo")) == (
        "python3.12 cannot make virtual environments: install its venv package (Debian, Ubuntu: apt install python3-venv) and try again."
    )


def test_named_interpreter_that_does_not_run(checkout: Checkout) -> None:
    checkout.interpreter("python3.12")
    assert sentence(checkout.make("demo", "PYTHON=no/such python")) == (
        "PYTHON=no/such python is not one of Python 3.11 to 3.14 or does not run: name another interpreter."
    )


@pytest.mark.parametrize(("version", "suits"), [((3, 10), False), ((3, 11), True), ((3, 14), True), ((3, 15), False)])
def test_version_counts_and_not_the_name(checkout: Checkout, version: tuple[int, int], suits: bool) -> None:
    script = checkout.interpreter("python3.12")
    # This interpreter, which believes that it is another version.
    pretend = f'"{sys.executable}" -I -c "import sys; sys.version_info = (*{version}, 0); $3"'
    script.write_text(f'#!/bin/sh\necho "$0 $*" >>"$CALLS"\n[ "$2" = venv ] || {pretend}\n')
    checkout.make("demo")
    assert bool(checkout.calls("-m venv")) == suits


def test_second_run_installs_nothing(checkout: Checkout) -> None:
    checkout.interpreter("python3.13")
    checkout.make("demo")
    result = checkout.make("demo")
    assert (result.stdout, result.stderr, checkout.calls("-m")) == ("the exporter runs: demo\n", "", [])


def test_demo_needs_nothing_more_after_tests(checkout: Checkout) -> None:
    checkout.interpreter("python3.13")
    checkout.make("development")
    checkout.make("demo")
    assert checkout.calls("-m") == []


def test_tests_need_more_after_demo(checkout: Checkout) -> None:
    checkout.interpreter("python3.13")
    checkout.make("demo")
    checkout.make("development")
    assert checkout.calls("--requirement requirements-dev.txt")


@pytest.mark.parametrize("name", ["requirements.txt", "pyproject.toml"])
def test_change_of_what_is_installed_installs_again_into_the_same_place(checkout: Checkout, name: str) -> None:
    checkout.interpreter("python3.13")
    checkout.make("demo")
    with (checkout.root / name).open("a") as file:
        file.write("# changed\n")
    checkout.make("demo")
    assert (len(checkout.calls("-m pip")), checkout.calls("-m venv")) == (2, [])


def test_another_interpreter_makes_it_anew(checkout: Checkout) -> None:
    checkout.interpreter("python3.13", version="3.13")
    checkout.make("demo")
    other = checkout.interpreter("python3.12", version="3.12")
    checkout.make("demo", "PYTHON=python3.12")
    assert checkout.maker == str(other)


def test_interpreter_that_is_there_already_stays(checkout: Checkout) -> None:
    checkout.interpreter("python3.13", version="3.13")
    checkout.make("demo")
    checkout.interpreter("python3.12", version="3.12")
    checkout.make("demo")
    assert checkout.calls("-m venv") == []


def test_moved_checkout_is_set_up_anew(checkout: Checkout) -> None:
    checkout.interpreter("python3.13")
    checkout.make("demo")
    checkout.root = checkout.root.rename(checkout.root.with_name("another place"))
    checkout.make("demo")
    assert checkout.calls("-m venv --clear .venv")


def test_installs_with_hashes_and_without_builds(checkout: Checkout) -> None:
    checkout.interpreter("python3.13")
    checkout.make("demo")
    lock, project = checkout.calls("-m pip")
    assert "--only-binary :all: --require-hashes --requirement requirements.txt" in lock
    assert "--no-deps --no-build-isolation --editable ." in project


def test_failed_install_is_tried_again(checkout: Checkout) -> None:
    checkout.interpreter("python3.13", lacks="--editable")
    assert checkout.make("demo").returncode != 0
    checkout.interpreter("../a place/.venv/bin/python")
    assert checkout.make("demo").stdout == "the exporter runs: demo\n"


@pytest.mark.parametrize("feature", [r"^\.ONESHELL", r"\$\(file\b", r"(::|!)=", r"^\.RECIPEPREFIX", r"^undefine\b", r"\$\((guile|let|intcmp)\b"])
def test_makefile_has_nothing_that_make_3_81_lacks(feature: str) -> None:
    assert re.findall(feature, (ROOT / "Makefile").read_text(), re.MULTILINE) == []


def requirements(lock: str) -> list[str]:
    """A lock's logical lines, without comments."""
    text = re.sub(r"(?m)^\s*#.*\n?", "", (ROOT / lock).read_text()).replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_pins_and_hashes_everything_and_holds_nothing_else(lock: str) -> None:
    pinned = r"[a-z0-9][a-z0-9-]*==[\w.!]+( ; [\w.'<>=! ]+)?\s+(--hash=sha256:[0-9a-f]{64}\s*)+"
    assert [line for line in requirements(lock) if not re.fullmatch(pinned, line)] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_holds_no_address(lock: str) -> None:
    assert re.findall(r"\S+://\S*|(?m:^\s*-\S*(?:index|find-links|trusted).*)", (ROOT / lock).read_text()) == []


def pins(lock: str) -> Mapping[str, str]:
    return {line.split("==")[0]: line.split()[0] for line in requirements(lock)}


def test_development_lock_holds_the_runtime_lock() -> None:
    assert pins("requirements.txt").items() <= pins("requirements-dev.txt").items()


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("lock", "declared"),
    [
        ("requirements.txt", PROJECT["project"]["dependencies"]),
        ("requirements.txt", PROJECT["dependency-groups"]["build"]),
        ("requirements-dev.txt", PROJECT["dependency-groups"]["dev"]),
    ],
    ids=["dependencies", "build", "dev"],
)
def test_every_declared_dependency_is_locked(lock: str, declared: list[str]) -> None:
    names = {re.split(r"[\[<>=!~;, ]", requirement)[0].lower() for requirement in declared}
    assert names - set(pins(lock)) == set()


def test_build_backend_is_locked() -> None:
    assert PROJECT["build-system"]["requires"] == PROJECT["dependency-groups"]["build"]


def test_version_is_told_once() -> None:
    assert PROJECT["project"]["version"] == exporter.__version__


def test_changelog_begins_with_the_version() -> None:
    newest = re.search(r"^## (\S+) / ", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest
    assert newest[1] == exporter.__version__


def test_every_package_is_installed() -> None:
    packages = {".".join(folder.parent.relative_to(ROOT).parts) for folder in (ROOT / "exporter").rglob("__init__.py")}
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == packages | {"exporter_infrastructure", "exporter_sql"}


def test_every_file_of_the_packages_is_installed() -> None:
    shipped = {".py": {"exporter", "infrastructure", "sql"}, ".sql": {"sql"}, ".yaml": {"infrastructure", "sql"}}
    others = [path for top in ("exporter", "infrastructure", "sql") for path in (ROOT / top).rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert [str(path) for path in others if path.relative_to(ROOT).parts[0] not in shipped.get(path.suffix, set())] == []


def test_sql_is_found_under_its_import_name() -> None:
    installed = {path.name for path in Path(str(files("exporter_sql"))).joinpath("facts").iterdir()}
    assert installed == {path.name for path in (ROOT / "sql" / "facts").iterdir()}


@pytest.mark.parametrize("required", ["another-tool", ""])
def test_missing_tool_skips(monkeypatch: pytest.MonkeyPatch, required: str) -> None:
    monkeypatch.setenv("AUE_REQUIRE_TOOLS", required)
    with pytest.raises(pytest.skip.Exception, match="no-such-tool is not on the PATH"):
        require_tool("no-such-tool")


def test_missing_tool_fails_where_it_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUE_REQUIRE_TOOLS", "another-tool no-such-tool")
    with pytest.raises(pytest.fail.Exception, match="no-such-tool is not on the PATH"):
        require_tool("no-such-tool")


def test_tool_is_found_under_the_name_that_debian_gives_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "prometheus-alertmanager"
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path)]))
    assert require_tool("alertmanager") == str(program)
