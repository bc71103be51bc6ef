"""What is recorded is told: now or later, to real receivers, and nobody waits for it."""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dicom_node.audit import Participant, Subject, Trail, events
from dicom_node.audit.trail import waiting
from dicom_node.config import AuditSection, Config, parse
from dicom_node.demo.node import free_port
from dicom_node.errors import ConfigError
from tests.certificates import Authority
from tests.dicom_node.audit.messages import event_of, read
from tests.dicom_node.audit.receivers import TlsReceiver, UdpReceiver
from tests.system.waiting import wait_until

SMITH = Participant("smith@hospital")
SUBJECT = Subject("1.2.3", "PID-4711")


def settings(state: Path, **keys: Any) -> Config:
    return parse({"node": {"state": state}, "audit": keys})


def trail(audit: AuditSection, state: Path) -> Trail:
    return Trail(audit, state, "CXRNODE", "listen")


def told(texts: list[str]) -> list[str]:
    """What each is about, without the start and the stop of the process."""
    said = [event_of(read(text))[0] for text in texts]
    return [one for one in said if one != "Application Activity"]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "certificates")


@pytest.fixture
def receiver(authority: Authority) -> Iterator[TlsReceiver]:
    with TlsReceiver(authority.issue("audit").files) as running:
        yield running


def secured(authority: Authority, port: int) -> dict[str, Any]:
    ours = authority.issue("node")
    return {
        "syslog": f"tls://127.0.0.1:{port}",
        "trusted": ours.trusted, "certificate": ours.certificate, "key": ours.key,
    }  # fmt: skip


def test_a_file_has_a_message_a_line_that_nobody_else_may_read(tmp_path: Path) -> None:
    path = tmp_path / "audit.xml"
    with trail(settings(tmp_path, file=path).audit, tmp_path) as recorder:
        recorder.record(events.accessed(SMITH, SUBJECT))
    lines = path.read_text().splitlines()
    assert [event_of(read(line)) for line in lines] == [
        ("Application Activity", "Application Start"),
        ("DICOM Instances Accessed", ""),
        ("Application Activity", "Application Stop"),
    ]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_receiver_of_syslog_over_tls_gets_them_in_order(
    tmp_path: Path, authority: Authority, receiver: TlsReceiver
) -> None:
    config = settings(tmp_path, **secured(authority, receiver.port))
    with trail(config.audit, tmp_path) as recorder:
        for number in range(20):
            recorder.record(events.accessed(SMITH, Subject(f"1.2.{number}", "PID-4711")))
    wait_until(lambda: len(receiver.frames) == 22, 30, "22 messages")
    studies = [
        read(one).xpath("//*[@ParticipantObjectTypeCode='2']/@ParticipantObjectID")
        for one in receiver.messages[1:-1]
    ]
    assert studies == [[f"1.2.{number}"] for number in range(20)]
    assert waiting(config.audit, tmp_path) == {f"tls://127.0.0.1:{receiver.port}": 0}


def test_a_receiver_of_datagrams_gets_them_as_well(tmp_path: Path) -> None:
    receiver = UdpReceiver()
    audit = settings(tmp_path, syslog=f"udp://127.0.0.1:{receiver.port}").audit
    with trail(audit, tmp_path) as recorder:
        recorder.record(events.accessed(SMITH, SUBJECT))
    assert told([receiver.next() for _ in range(3)]) == ["DICOM Instances Accessed"]
    receiver.close()


def test_what_a_receiver_that_was_away_has_not_is_told_once_it_is_back(
    tmp_path: Path, authority: Authority
) -> None:
    port = free_port()
    config = settings(tmp_path, **secured(authority, port), file=tmp_path / "audit.xml")
    began = time.monotonic()
    with trail(config.audit, tmp_path) as recorder:
        recorder.record(events.accessed(SMITH, SUBJECT))
    # Nobody waited for a receiver that is not there; the file has it all the same.
    assert time.monotonic() - began < 6
    assert len((tmp_path / "audit.xml").read_text().splitlines()) == 3
    assert waiting(config.audit, tmp_path)[f"tls://127.0.0.1:{port}"] == 3
    with (
        TlsReceiver(authority.issue("audit").files, port) as receiver,
        trail(config.audit, tmp_path),
    ):
        wait_until(lambda: len(receiver.frames) >= 4, 60, "what waited")
    assert told(receiver.messages) == ["DICOM Instances Accessed"]


@pytest.mark.parametrize("fault", ["expired", "unknown issuer", "another name"])
def test_a_receiver_that_is_not_trusted_is_told_nothing(
    fault: str, tmp_path: Path, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    issuer = Authority(tmp_path / "other") if fault == "unknown issuer" else authority
    theirs = issuer.issue("audit", valid=timedelta(days=-1 if fault == "expired" else 9))
    with TlsReceiver(theirs.files) as receiver:
        keys = secured(authority, receiver.port)
        if fault == "another name":
            keys |= {"tls_name": "another.example"}
        config = settings(tmp_path, **keys)
        with (
            caplog.at_level(logging.WARNING, "dicom_node.audit.trail"),
            trail(config.audit, tmp_path) as recorder,
        ):
            recorder.record(events.accessed(SMITH, SUBJECT))
            wait_until(lambda: bool(caplog.records), 30, "a warning")
        assert receiver.frames == []
    record = caplog.records[0]
    assert (
        record.getMessage() == f"could not tell audit messages to tls://127.0.0.1:{receiver.port}"
    )
    assert "its certificate was refused" in str(record.__dict__["reason"])
    assert "4711" not in caplog.text


def test_more_than_are_to_wait_cost_the_oldest_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    audit = settings(tmp_path, syslog=f"udp://127.0.0.1:{free_port()}", most_waiting=5).audit
    # Nothing listens there; that one message was lost, the next one learns.
    with caplog.at_level(logging.WARNING), trail(audit, tmp_path) as recorder:
        for number in range(50):
            recorder.record(events.accessed(SMITH, Subject(f"1.2.{number}")))
    assert sum(waiting(audit, tmp_path).values()) <= 5
    assert "audit messages are lost" in caplog.text


def test_recording_costs_nothing_where_a_receiver_hangs(tmp_path: Path) -> None:
    """It takes the connection, and says nothing: the handshake does not end."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        authority = Authority(tmp_path / "certificates")
        port = silent.getsockname()[1]
        config = settings(tmp_path, **secured(authority, port))
        with trail(config.audit, tmp_path) as recorder:
            began = time.monotonic()
            for _ in range(1000):
                recorder.record(events.accessed(SMITH, SUBJECT))
            assert time.monotonic() - began < 1
    assert waiting(config.audit, tmp_path) == {f"tls://127.0.0.1:{port}": 1002}


def test_several_processes_tell_each_message_once(
    tmp_path: Path, authority: Authority, receiver: TlsReceiver
) -> None:
    """As threads: each has a trail, and with it connections, of its own."""
    config = settings(tmp_path, **secured(authority, receiver.port))

    def one(name: str) -> None:
        with Trail(config.audit, tmp_path, "CXRNODE", name) as recorder:
            for number in range(50):
                recorder.record(events.accessed(SMITH, Subject(f"1.2.{number}", name)))

    threads = [threading.Thread(target=one, args=(name,)) for name in ("listen", "work", "send")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with trail(config.audit, tmp_path):
        wait_until(lambda: len(receiver.frames) >= 157, 30, "all messages")
    assert len(set(receiver.frames)) == len(receiver.frames)
    assert len(told(receiver.messages)) == 150


def test_a_command_leaves_its_message_to_the_node(tmp_path: Path) -> None:
    path = tmp_path / "audit.xml"
    audit = settings(tmp_path, file=path).audit
    trail(audit, tmp_path).keep(events.restricted(SMITH, SMITH, "paused pacs"))
    assert not path.exists()
    with trail(audit, tmp_path):
        wait_until(lambda: path.exists() and "Restricted" in path.read_text(), 30, "the message")


def test_without_a_target_nothing_is_made(tmp_path: Path) -> None:
    with trail(settings(tmp_path).audit, tmp_path) as recorder:
        recorder.record(events.accessed(SMITH, SUBJECT))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ({"syslog": "tls://h:6514"}, "[audit] syslog needs trusted, there or in [tls]"),
        ({"syslog": "tcp://h:514"}, "[audit] syslog must be tls://HOST:PORT or udp://HOST:PORT"),
        ({"syslog": "udp://h:99999"}, "[audit] syslog port 99999 is not between 1 and 65535"),
        ({"most_waiting": 0}, "[audit] most_waiting must be at least 1"),
    ],
)
def test_a_fault_of_the_section_is_named(keys: dict[str, Any], fault: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        settings(tmp_path, **keys)
    assert fault in str(refused.value)
