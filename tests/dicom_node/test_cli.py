"""The command line: help worth reading, one clear line for an error, the right exit code."""

import argparse
import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from dicom_node import cli
from dicom_node.__main__ import build_parser, main
from dicom_node.cli.terminal.options import at_least_one, parse_time
from dicom_node.ledger import Filter, Ledger
from tests.system.waiting import run_cli

pytestmark = pytest.mark.slow

COMMANDS = (
    *("up", "listen", "work", "send", "page", "shadow", "config", "doctor", "conformance"),
    *("acceptance", "analyze", "demo"),
    *("status", "alerts", "find", "jobs", "job", "requeue", "destinations"),
    *("corrections", "differences"),
    *("prune", "backup", "restore"),
    *("models", "train", "pack", "evaluate", "benchmark"),
)


def commands() -> dict[str, argparse.ArgumentParser]:
    """By name, in the order of `--help`."""
    (found,) = (
        action
        for action in build_parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    return dict(found.choices)


def test_the_commands_are_those_that_people_know() -> None:
    assert set(commands()) == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_manual(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert len(capsys.readouterr().out.splitlines()) > 6


def test_a_command_is_the_file_of_its_name_and_nothing_else_lies_beside() -> None:
    files = {path.stem for path in Path(cli.__file__).parent.glob("*.py")} - {"__init__"}
    assert files == set(commands())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["up", "--destination", "PACS"], "is not AET@HOST:PORT"),
        (["up", "--port", "99999"], "is not between 1 and 65535"),
        (["up", "--config", "absent.toml"], "cannot be read"),
        (["listen"], "--config"),
        (["analyze", "absent.dcm", "--out", "out"], "no such file or folder"),
        (["analyze", __file__, "--out", "out", "--lung", "unet-nothing"], "no lung network called"),
        (["analyze", ".", "--out", "out", "--outputs", "SEG,PDF"], "'PDF' is not one of SEG, SR"),
        (["nothing"], "invalid choice"),
    ],
)
def test_wrong_usage_is_told_in_one_line_and_exits_2(
    arguments: list[str], said: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "dicom_node", *arguments]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 2
    assert said in run.stderr.splitlines()[-1]
    assert "Traceback" not in run.stderr


def test_status_of_a_folder_without_a_ledger_is_a_failure(tmp_path: Path) -> None:
    run = run_cli("status", "--state", str(tmp_path))
    assert run.returncode == 1
    assert "no ledger here" in run.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_manual_costs_no_library() -> None:
    libraries = ("pydantic", "pynetdicom", "sqlalchemy", "kombu", "numpy", "torch", "tqdm")
    code = (
        "import sys\nfrom dicom_node.__main__ import build_parser\nbuild_parser()\n"
        f"print([name for name in {libraries} if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


def test_the_listener_starts_without_torch() -> None:
    code = (
        "import sys, dicom_node.intake.listener, dicom_node.cli.node.parts as parts\n"
        "from dicom_node.cli.node.networks import pipeline_id\n"
        "pipeline_id('', '')\n"
        "print([name for name in ('torch', 'highdicom', 'skimage') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(run.stdout.replace("'", '"')) == []


HUGE = "99999999999999999999999"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["jobs", "--since", "99999999999d"], "is no time"),
        (["jobs", "--since", "9999-12-31T23:59:59-23:00"], "is no time"),
        (["jobs", "--since", "0001-01-01T00:00+14:00"], "is no time"),
        (["jobs", "--limit", HUGE], "is no number from 1 on"),
        (["jobs", "--limit", "9" * 5000], "is no number from 1 on"),
        (["job", HUGE], "is no number from 1 on"),
        (["requeue", "--job", HUGE], "is no number from 1 on"),
        (["requeue", "--since", "999999999d"], "is no time"),
        (["destinations", "pause", "PACS", "--for", "999999999d"], "is no time"),
        (["destinations", "pause", "PACS", "--until", "9999-12-31"], "is no time"),
    ],
)
def test_a_number_that_nobody_can_count_is_refused_in_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("arguments", [
    ["--max-wait", "nan"], ["--max-wait", "-1"], ["--max-wait", "1e300"], ["--since", "999999999d"],
])  # fmt: skip
def test_a_check_asked_for_what_nobody_can_count_is_unknown(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--check", *arguments]) == 3
    assert capsys.readouterr().out.startswith(f"UNKNOWN - argument {arguments[0]}: ")


def test_the_largest_numbers_are_asked_for_in_both_databases(ledger_url: str) -> None:
    with closing(Ledger.open(ledger_url)) as ledger:
        largest = at_least_one("9" * 18)
        assert ledger.jobs.get(largest) is None
        assert ledger.lookups.jobs(Filter(ids=[largest]), largest) == []
        for since in ("36500d", "1900-01-02", "2999-12-30"):
            assert ledger.lookups.jobs(Filter(since=parse_time(since)), 1) == []
