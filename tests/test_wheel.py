"""The wheel on a clean machine: built from what is in the repository, beside the locked runtime and nothing else."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from exporter_process import samples_of
from real_process import RealProcess, request

import exporter

ROOT = Path(__file__).parents[1]
SOURCES = ("exporter", "infrastructure", "sql")
CONFIG = "engine: athena\nathena: {workgroup: reports}\nsources: {cloudtrail: {location: 's3://acme-trail/'}}\n"


def run(*command: str | Path) -> str:
    ran = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin"}, cwd="/")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def put_runtime(site: Path) -> None:
    """Puts what requirements.txt pins, as far as it is for this Python and system, into a folder of packages."""
    for name in re.findall(r"(?m)^([a-z0-9][a-z0-9-]*)==", (ROOT / "requirements.txt").read_text()):
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue
        for top in {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(Path(str(found.locate_file(top))))


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment that holds the wheel and its runtime."""
    folder = tmp_path_factory.mktemp("machine")
    source, python = folder / "source", folder / "venv" / "bin" / "python"
    for name in SOURCES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", source)
    pip = (sys.executable, "-I", "-m", "pip", "--quiet", "--disable-pip-version-check")
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder, source)
    run(sys.executable, "-I", "-m", "venv", "--without-pip", folder / "venv")
    (wheel,) = folder.glob("*.whl")
    run(*pip, "--python", python, "install", "--no-deps", "--no-index", wheel)
    shutil.rmtree(source)
    put_runtime(Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()))
    return folder


def test_demo_of_the_wheel_is_scraped(machine: Path) -> None:
    options = ("--people", "3", "--folder", machine / "data", "--web.listen-address", "127.0.0.1:0", "--log.level", "info")
    demo = (machine / "venv/bin/aws-user-exporter", "demo", *options)
    with RealProcess(("env", "-i", *map(str, demo)), machine / "log", machine) as process:
        place = process.wait_for_line("msg=starting")
        address = process.lines()[place - 1].rpartition("address=")[2]

        # Needs what is in sql/, and its own interpreter for what it decodes beside.
        for source in ("kiro_credits", "kiro_features", "cloudtrail", "cur"):
            process.wait_for_line('msg="day stored"', f"source={source}")
        samples = samples_of(request(address, "GET", "/metrics").text)
        assert ("API" in request(address, "GET", "/docs").text, "Traceback" in process.log.read_text()) == (True, False)
        assert process.terminate() == 0
    versions = [dict(labels)["version"] for name, labels in samples if name == "aws_user_exporter_build_info"]
    assert versions == [exporter.__version__]


def test_setup_of_the_wheel_has_its_statements_and_its_template(machine: Path) -> None:
    (machine / "config.yaml").write_text(CONFIG)
    said = run(machine / "venv/bin/aws-user-exporter", "setup", "--dry-run", "--stack", "--config.file", machine / "config.yaml")
    assert [text for text in ("CREATE EXTERNAL TABLE", "ResultsBucket: AWS::S3::Bucket") if text not in said] == []
