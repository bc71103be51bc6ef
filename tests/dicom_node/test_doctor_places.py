"""`cxr-node doctor` on state that cannot be written or reached, for real reasons."""

import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from dicom_node.__main__ import main
from dicom_node.cli.checks import clocks
from dicom_node.cli.checks.check import Key, Level
from dicom_node.cli.checks.outside import audit
from dicom_node.cli.checks.places import broker, folders, ledger
from dicom_node.config import Config, parse
from dicom_node.demo.node import free_port
from dicom_node.ledger import Ledger, clock_ahead_s
from tests.certificates import Authority
from tests.conftest import RABBITMQ, missing
from tests.dicom_node.audit.receivers import TlsReceiver

pytestmark = pytest.mark.slow


@pytest.fixture
def guest(database: str) -> Iterator[str]:
    """The URL of the same database for a user who may read it and nothing more."""
    name = f"cxr_guest_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("DROP SCHEMA public CASCADE")
        owner.execute("CREATE SCHEMA public")
        Ledger.open(database).close()
        owner.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'right'")
        owner.execute(f"GRANT USAGE ON SCHEMA public TO {name}")
        owner.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}")
        yield database.replace("//postgres@", f"//{name}:right@").replace(
            "//postgres:", f"//{name}:"
        )
        owner.execute(f"DROP OWNED BY {name}")
        owner.execute(f"DROP ROLE {name}")


def of(url: str, folder: Path) -> Config:
    return parse({"node": {"state": folder}, "ledger": {"url": url}})


def test_a_user_who_may_only_read_the_ledger_is_a_fault(guest: str, tmp_path: Path) -> None:
    check = ledger(of(guest, tmp_path))
    assert (check.level, check.key) == (Level.FAULT, Key("ledger", "url"))
    assert "answers, and takes nothing" in check.found
    assert "permission denied for table" in check.found
    assert "right" not in check.found.replace("rights", "")


def test_a_standby_that_is_read_only_is_a_fault(database: str, tmp_path: Path) -> None:
    Ledger.open(database).close()
    name = database.rpartition("/")[2]
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    try:
        check = ledger(of(database, tmp_path))
    finally:
        with psycopg.connect(database, autocommit=True) as owner:
            owner.execute("SET default_transaction_read_only = off")
            owner.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    assert check.level is Level.FAULT
    assert "read-only transaction" in check.found


def test_a_database_that_is_not_there_is_a_fault(database: str, tmp_path: Path) -> None:
    check = ledger(of(f"{database}_not_there", tmp_path))
    assert (check.level, check.key) == (Level.FAULT, Key("ledger", "url"))
    assert "does not exist" in check.found


def test_nothing_was_changed_by_the_attempt_to_write(ledger_url: str, tmp_path: Path) -> None:
    opened = Ledger.open(ledger_url)
    before = opened.reports.summary().counts
    check = ledger(of(ledger_url, tmp_path))
    assert check.found.startswith("answers and takes rows")
    assert opened.reports.summary().counts == before
    opened.close()


def test_a_wrong_password_of_the_broker_is_a_fault(tmp_path: Path) -> None:
    url = RABBITMQ.replace("guest:guest", "guest:wrong")
    check = broker(parse({"node": {"state": tmp_path}, "broker": {"url": url}}))
    if "did not answer" in check.found:
        missing(f"no RabbitMQ at {RABBITMQ}")
    assert (check.level, check.key) == (Level.FAULT, Key("broker", "url"))
    assert "wrong" not in check.found


def test_the_servers_clock_is_that_of_this_host(database: str) -> None:
    ahead = clock_ahead_s(database)
    assert ahead is not None
    assert abs(ahead) < clocks.FAR_S


@pytest.mark.parametrize(
    ("ahead", "level", "said"),
    [
        (timedelta(seconds=0.5), Level.OK, "has the time of this host"),
        (timedelta(seconds=90), Level.WARNING, "is 90.0 s ahead of this host"),
        (timedelta(seconds=-3), Level.WARNING, "is 3.0 s behind this host"),
    ],
)
def test_a_clock_that_is_far_from_this_hosts_is_a_warning(
    ahead: timedelta, level: Level, said: str
) -> None:
    """Nobody here may set the server's."""
    check = clocks._compared("clock of the ledger", "the ledger's server", ahead.total_seconds())
    assert (check.level, said in check.found) == (level, True)


def test_a_folder_on_a_read_only_disk_is_a_fault(tmp_path: Path) -> None:
    """Mounted so in a namespace of its own, which ends with the command."""
    spool, file = tmp_path / "spool", tmp_path / "node.toml"
    spool.mkdir()
    file.write_text(f'[node]\nstate = "state"\n[spool]\nfolder = "{spool}"\n')
    doctor = f"{sys.executable} -m dicom_node doctor --no-network --config {file}"
    script = f"mount -t tmpfs -o ro none {spool} && exec {doctor}"
    run = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", script],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    if "spool" not in run.stdout:
        missing(f"no mounts here: {run.stderr}")
    assert run.returncode == 2
    (line,) = [one for one in run.stdout.splitlines() if one.startswith("fault    spool")]
    assert "Read-only file system" in line or "read-only" in line.lower()
    assert line.endswith(f"({file} line 4, [spool] folder)")


def test_a_folder_of_another_is_named_with_its_key(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    config = parse({"node": {"state": tmp_path}, "spool": {"folder": tmp_path / "file" / "spool"}})
    (check,) = [one for one in folders(config) if one.name == "spool"]
    assert (check.level, check.key) == (Level.FAULT, Key("spool", "folder"))


def test_a_receiver_of_the_audit_trail_that_is_away_is_a_fault(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "certificates")
    ours = authority.issue("node")
    keys = {"trusted": ours.trusted, "certificate": ours.certificate, "key": ours.key}
    port = free_port()

    def looked_at() -> Config:
        document = {"node": {"state": tmp_path},
                    "audit": {"syslog": f"tls://127.0.0.1:{port}", **keys}}  # fmt: skip
        return parse(document)

    check = audit(looked_at())
    assert (check.level, check.key) == (Level.FAULT, Key("audit", "syslog"))
    with TlsReceiver(authority.issue("audit").files, port) as receiver:
        check = audit(looked_at())
        assert (check.level, receiver.frames) == (Level.OK, [])


def test_a_round_trip_without_a_node_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "node.toml"
    file.write_text(f'[node]\nstate = "state"\nport = {free_port()}\nno_destination = true\n')
    (tmp_path / "state").mkdir()
    Ledger.open(f"sqlite:///{tmp_path / 'state' / 'ledger.sqlite'}").close()
    assert main(["doctor", "--config", str(file), "--round-trip"]) == 2
    said = capsys.readouterr().out
    assert "fault    round trip, received: sent as CXRTEST: this node: no connection to" in said
