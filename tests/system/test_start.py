"""A start that cannot be: one line and exit 2 before any part begins, whatever is wrong."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dicom_node.config import parse
from dicom_node.demo.modality import send
from dicom_node.demo.node import RunningNode, free_port
from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.ledger import JobState, Ledger
from tests.conftest import POSTGRES, RABBITMQ
from tests.phantoms import draw
from tests.system.waiting import run_cli, wait_until

KEPT_HERE = "no_destination = true"
#: Where nothing can be made, by whomever.
NOWHERE = "/proc/none"


@pytest.fixture
def taken_port() -> Iterator[int]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


def configured(folder: Path, text: str) -> list[str]:
    """The options that choose a configuration with these lines after `[node]`."""
    port = "" if "port =" in text else f"port = {free_port()}\n"
    file = folder / "node.toml"
    state = "" if "state =" in text else 'state = "state"\n'
    file.write_text(f"[node]\n{state}{port}{text}\n")
    return ["--config", str(file)]


def assert_refused(run: "subprocess.CompletedProcess[str]", said: str) -> None:
    assert run.returncode == 2, run.stderr
    (line,) = run.stderr.splitlines()
    assert said in json.loads(line)["event"]
    assert run.stdout == ""


@pytest.mark.parametrize("command", ["up", "work", "send"])
def test_without_a_destination_nothing_starts_unless_that_is_meant(
    command: str, tmp_path: Path
) -> None:
    assert_refused(run_cli(command, *configured(tmp_path, "")), "no destination")


def test_a_destination_and_none_contradict_each_other(tmp_path: Path) -> None:
    options = ["--no-destination", "--destination", "PACS@127.0.0.1:104"]
    assert_refused(run_cli("up", "--state", str(tmp_path), *options), "contradict each other")


@pytest.mark.parametrize("command", ["up", "listen"])
def test_a_port_in_use_is_named(command: str, tmp_path: Path, taken_port: int) -> None:
    options = configured(tmp_path, f"{KEPT_HERE}\nport = {taken_port}")
    assert_refused(run_cli(command, *options), f"{taken_port}: in use by another program")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f'state = "{NOWHERE}"', f"state folder {NOWHERE} cannot be written"),
        (f'[spool]\nfolder = "{NOWHERE}"', f"spool {NOWHERE} cannot be written"),
        ('[ledger]\nurl = "sqlite:///FOLDER/node.toml"', "file is not a database"),
        (f'[ledger]\nurl = "{POSTGRES}_absent"', 'database "postgres_absent" does not exist'),
        (f'[ledger]\nurl = "{POSTGRES.replace("postgres@", "nobody@")}"', "role"),
        (f'[broker]\nurl = "{RABBITMQ.replace(":guest", ":wrong")}"', "the broker refuses"),
        (f'[broker]\nurl = "{RABBITMQ.rstrip("/")}/absent"', "vhost absent not found"),
        ('[broker]\nurl = "ampq://127.0.0.1"', 'must be "embedded" or begin with amqp://'),
    ],
    ids=["state", "spool", "no ledger", "database", "role", "password", "vhost", "scheme"],
)
def test_what_only_a_person_can_change_ends_the_start(line: str, said: str, tmp_path: Path) -> None:
    options = configured(tmp_path, f"{KEPT_HERE}\n{line}".replace("FOLDER", str(tmp_path)))
    assert_refused(run_cli("send", *options), said)


def test_the_whole_node_looks_before_any_part_begins(tmp_path: Path) -> None:
    options = configured(tmp_path, f'{KEPT_HERE}\n[ledger]\nurl = "{POSTGRES}_absent"')
    assert_refused(run_cli("up", *options), "does not exist")


@pytest.mark.parametrize("command", ["up", "work"])
def test_weights_that_are_not_there_are_named(command: str, tmp_path: Path) -> None:
    options = configured(tmp_path, f'{KEPT_HERE}\n[models]\nlung = "absent.safetensors"')
    assert_refused(run_cli(command, *options), "absent.safetensors cannot be read")


@pytest.mark.parametrize("key", ["ledger", "broker"])
def test_a_service_that_is_down_is_waited_for(key: str, tmp_path: Path) -> None:
    url = {"ledger": "postgresql://cxr@127.0.0.1:1/cxr", "broker": "amqp://127.0.0.1:1//"}[key]
    options = configured(tmp_path, f'{KEPT_HERE}\n[{key}]\nurl = "{url}"')
    command = [sys.executable, "-m", "dicom_node", "send", *options, "--log-format", "json"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        assert any(json.loads(line)["event"] == f"waits for the {key}" for line in lines)
        assert process.poll() is None
        process.terminate()
        process.stderr.read()
        assert process.wait(20) == 0


@pytest.mark.long  # in tests/system/faults too, beside a node at work
def test_a_second_node_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    with RunningNode(tmp_path / "state") as node:
        run = run_cli(
            "up", "--no-destination", "--state", str(node.state), "--port", str(free_port())
        )
        assert_refused(run, f"another cxr-node up (pid {node.pid}, port {node.port}) runs on")
        status = run_cli("status", "--state", str(node.state))
        assert f"running, pid {node.pid}" in status.stdout
    assert "not running" in run_cli("status", "--state", str(node.state)).stdout


def test_results_that_stay_here_are_built_and_not_called_delivered(tmp_path: Path) -> None:
    source = as_dicom(draw(Kind.HEALTHY, rows=382, columns=318, seed=3))
    state = tmp_path / "state"
    with (
        RunningNode(state) as node,
        closing(Ledger.open(parse({"node": {"state": state}}).ledger_url)) as ledger,
    ):
        send([source], "127.0.0.1", node.port)
        wait_until(
            lambda: ledger.reports.summary().counts[JobState.BUILT] == 1,
            90,
            "the results to be built",
        )
        status = run_cli("status", "--state", str(state))
        assert "1 without a destination" in status.stdout
        assert (
            json.loads(run_cli("status", "--json", "--state", str(state)).stdout)["progress"][
                "KEPT"
            ]
            == 1
        )


def test_every_line_of_a_node_is_json_from_start_to_end(tmp_path: Path) -> None:
    with RunningNode(tmp_path / "state") as node:
        send([as_dicom(draw(Kind.LATERAL, rows=382, columns=318))], "127.0.0.1", node.port)
        os.kill(node.pid_of("work"), signal.SIGABRT)
        assert node.wait_for_log(lambda line: '"a part died"' in line, 30)
    events = [json.loads(line)["event"] for line in node.log]
    assert events[-1] == "stopped the node"


def modes(folder: Path) -> dict[str, int]:
    """What anybody but the owner may do with each file and folder."""
    return {
        str(path.relative_to(folder.parent)): stat.S_IMODE(path.stat().st_mode) & 0o077
        for path in [folder, *folder.rglob("*")]
        if path.exists()
    }


def test_nobody_else_may_read_the_nodes_files(tmp_path: Path) -> None:
    state = tmp_path / "state"
    (state / "queue").mkdir(parents=True)
    for path in (state, state / "queue"):
        path.chmod(0o755)
    (state / "ledger.sqlite").touch(0o644)
    before = os.umask(0o022)
    try:
        with RunningNode(state) as node:
            send([as_dicom(draw(Kind.LATERAL, rows=382, columns=318))], "127.0.0.1", node.port)
            found = modes(state)
    finally:
        os.umask(before)
    assert {name.partition("/")[2].partition("/")[0] for name in found} >= {"queue", "run", "spool"}
    assert set(found.values()) == {0}, found
