"""`cxr-node doctor` on nodes that are well and on some that are not."""

import json
import os
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from dicom_node.__main__ import main
from dicom_node.cli.checks.places import ledger as look_at_ledger
from dicom_node.config import parse
from dicom_node.demo.node import free_port
from dicom_node.demo.pacs import Pacs
from dicom_node.ledger import Ledger
from dicom_node.ops.liveness import Owner
from dicom_node.ops.running import only_one
from tests.dicom_node.certificates import authority


@pytest.fixture
def pacs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pacs]:
    with Pacs(tmp_path_factory.mktemp("pacs")) as running:
        yield running


def written(folder: Path, *lines: str, to: int = 104, port: int | None = None) -> Path:
    """A configuration with one destination on this host."""
    file = folder / "node.toml"
    node = ["[node]", 'state = "state"', f"port = {port or free_port()}"]
    there = ["[[destination]]", 'name = "archive"', 'aet = "PACS"', 'host = "127.0.0.1"']
    file.write_text("\n".join([*node, *lines, *there, f"port = {to}"]) + "\n")
    return file


@contextmanager
def another_program(tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """The port of one that hangs up on whoever calls, after the handshake of TLS."""

    class Calls(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            if tls is not None:
                with suppress(OSError), tls.wrap_socket(self.request, server_side=True):
                    pass

    with socketserver.TCPServer(("127.0.0.1", 0), Calls) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def examined(
    capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and the checks by name."""
    code = main(["doctor", "--json", *arguments])
    return code, {check["name"]: check for check in json.loads(capsys.readouterr().out)}


def not_well(checks: dict[str, dict[str, Any]]) -> dict[str, str]:
    """But for the clock and the disks, which are this machine's own."""
    return {
        name: check["level"]
        for name, check in checks.items()
        if check["level"] != "ok" and name != "clock" and not name.startswith("disk")
    }


def test_all_is_well_and_nothing_was_changed(
    tmp_path: Path, pacs: Pacs, capsys: pytest.CaptureFixture[str]
) -> None:
    code, checks = examined(capsys, "--config", str(written(tmp_path, to=pacs.port)))
    assert not_well(checks) == {}
    assert code in (0, 1)
    assert checks["destination archive"]["found"].endswith("answered the echo with 0x0000")
    assert "verified" in checks["model, lung"]["found"]
    assert [path.name for path in tmp_path.iterdir()] == ["node.toml"]


def test_a_node_that_has_run_is_looked_at_in_full(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state"
    (state / "spool").mkdir(parents=True)
    Ledger.open(parse({"node": {"state": state}}).ledger_url).close()
    _, checks = examined(capsys, "--config", str(written(tmp_path)), "--no-network")
    assert not_well(checks) == {}
    assert "fsync" in checks["spool"]["found"]
    assert "the newest" in checks["ledger"]["found"]
    assert "GiB free" in checks["disk of the spool"]["found"]


def test_a_destination_that_does_not_answer_is_a_fault_unless_nobody_asks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(written(tmp_path, to=free_port()))
    code, checks = examined(capsys, "--config", file)
    assert (code, not_well(checks)) == (2, {"destination archive": "fault"})
    assert "connection refused" in checks["destination archive"]["found"]
    assert "AE title" in checks["destination archive"]["to_do"]
    code, checks = examined(capsys, "--config", file, "--no-network")
    assert (code in (0, 1), not_well(checks)) == (True, {})


def test_every_fault_of_a_configuration_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, "prot = 1", "hots = 2")
    assert main(["doctor", "--config", str(file)]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("fault    configuration: ") for line in lines)


def test_a_port_is_taken_by_another_program_or_by_ours(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with another_program() as port:
        file = written(tmp_path, port=port)
        _, checks = examined(capsys, "--config", str(file), "--no-network")
        assert checks["port"]["level"] == "fault"
        assert "in use by another program" in checks["port"]["found"]
        state = tmp_path / "state"
        state.mkdir()
        with only_one(parse({"node": {"state": state, "port": port}}).node, ["archive"]):
            _, checks = examined(capsys, "--config", str(file), "--no-network")
        assert checks["port"]["found"].startswith(f"127.0.0.1:{port} is ours: cxr-node up")
        with Owner(state / "run", "send"):
            _, checks = examined(capsys, "--config", str(file), "--no-network")
        assert checks["port"]["level"] == "fault"
        with Owner(state / "run", "listen"):
            _, checks = examined(capsys, "--config", str(file), "--no-network")
        ours = f"127.0.0.1:{port} is ours: cxr-node listen, pid {os.getpid()}"
        assert checks["port"]["found"] == ours


def test_a_listener_of_another_state_folder_answers_as_ours(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Pacs(tmp_path / "other", aet="CXRNODE") as other:
        file = written(tmp_path, port=other.port)
        _, checks = examined(capsys, "--config", str(file), "--no-network")
    assert checks["port"]["found"].endswith("is a listener that answers as CXRNODE")


def test_a_damaged_model_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = tmp_path / "mine.safetensors"
    weights.write_bytes(b"cut short")
    file = written(tmp_path, "[models]", f'lung = "{weights}"')
    code, checks = examined(capsys, "--config", str(file), "--no-network")
    assert (code, not_well(checks)) == (2, {"model, lung": "fault"})
    assert str(weights) in checks["model, lung"]["found"]


def test_a_folder_that_cannot_be_written_is_a_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "state").write_text("no folder")
    code, checks = examined(capsys, "--config", str(written(tmp_path)), "--no-network")
    assert code == 2
    assert checks["state folder"]["level"] == "fault"
    assert checks["state folder"]["to_do"]


def test_the_ledgers_schema_is_compared_and_left_alone(ledger_url: str, tmp_path: Path) -> None:
    config = parse({"node": {"state": tmp_path}, "ledger": {"url": ledger_url}})
    assert look_at_ledger(config).found == "none yet: made at the first start"
    Ledger.open(ledger_url).close()
    assert look_at_ledger(config).found.endswith("the newest")
    for version, oldest, level in (
        ("0001", "0001", "warning"), ("9999", "0001", "ok"), ("9999", "9999", "fault"),
    ):  # fmt: skip
        engine = create_engine(ledger_url.replace("postgresql:", "postgresql+psycopg:"))
        with engine.begin() as connection:
            connection.execute(text(f"UPDATE alembic_version SET version_num = '{version}'"))
            connection.execute(text(f"UPDATE compatibility SET oldest = '{oldest}'"))
        engine.dispose()
        check = look_at_ledger(config)
        assert (check.level, version in check.found) == (level, True)


@pytest.mark.parametrize(
    ("at", "said"), [(0, "file is not a database"), (100, "disk image is malformed")]
)
def test_a_damaged_ledger_is_to_be_put_back(tmp_path: Path, at: int, said: str) -> None:
    config = parse({"node": {"state": tmp_path}})
    Ledger.open(config.ledger_url).close()
    with Path(config.ledger_url.removeprefix("sqlite:///")).open("r+b") as file:
        # The file's header, or that of its first page.
        file.seek(at)
        file.write(b"no database" * 100)
    check = look_at_ledger(config)
    assert check.level == "fault"
    assert said in check.found
    assert "cxr-node restore" in check.to_do
    assert "password" not in check.to_do


def test_a_destination_whose_certificate_is_no_good_is_not_said_to_be_away(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours, other = authority(tmp_path, "ours"), authority(tmp_path, "other")
    there = other.issue("pacs")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(there.certificate, there.key)
    with another_program(context) as port:
        file = written(tmp_path, "[tls]", f'trusted = "{ours.certificate}"', to=port)
        file.write_text(f"{file.read_text()}tls = true\n")
        _, checks = examined(capsys, "--config", str(file))
    check = checks["destination archive"]
    assert "its certificate was refused" in check["found"]
    assert "have archive's certificate renewed" in check["to_do"]
    assert "AE title" not in check["to_do"]


def test_a_ledger_and_a_broker_that_are_away_are_faults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = free_port()
    monkeypatch.setenv("CXR_LEDGER_URL", f"postgresql://cxr:secret@127.0.0.1:{nobody}/cxr")
    monkeypatch.setenv("CXR_BROKER_URL", f"amqp://cxr:secret@127.0.0.1:{nobody}//")
    code = main(["doctor", "--config", str(written(tmp_path)), "--no-network"])
    said = capsys.readouterr().out
    assert code == 2
    assert "fault    ledger: the ledger did not answer" in said
    assert "fault    broker: the broker did not answer" in said
    assert "secret" not in said
