"""The watch: what turns in a real ledger is told by real channels, whatever fails on the way."""

import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dicom_node.__main__ import main
from dicom_node.alerts.watch import Watch, watching
from dicom_node.config import Config, parse
from dicom_node.ledger import Device, Drift, Ledger, Process
from dicom_node.ops.processes import PARTS
from tests.certificates import Authority
from tests.dicom_node.alerts.posted import Posted, web_hook
from tests.dicom_node.ledger.records import PIPELINE, Clock, instance
from tests.system.waiting import wait_until


@pytest.fixture
def hook() -> Iterator[Posted]:
    with web_hook() as posted:
        yield posted


@pytest.fixture
def clock() -> Clock:
    made = Clock()
    made.now = datetime.now(UTC)
    return made


@pytest.fixture
def configured(tmp_path: Path, ledger_url: str, hook: Posted) -> Callable[..., Config]:
    def make(**sections: dict[str, object]) -> Config:
        (tmp_path / "url").write_text(hook.url)
        document = {
            "node": {"state": str(tmp_path / "state"), "no_destination": True},
            "ledger": {"url": ledger_url},
            "notify": {"webhook_file": str(tmp_path / "url")},
        }
        (tmp_path / "state").mkdir(exist_ok=True)
        return parse(document | sections, tmp_path)

    return make


@pytest.fixture
def ledger(ledger_url: str, clock: Clock) -> Iterator[Ledger]:
    with closing(Ledger.open(ledger_url, clock)) as opened:
        live(opened)
        yield opened


def live(ledger: Ledger) -> None:
    for part in PARTS:
        ledger.workers.beat(Process(part, part, "host", 1, "1.0"))


def told(hook: Posted) -> list[tuple[str, str]]:
    return [(one["alert"], one["state"]) for body in hook.bodies for one in body["alerts"]]


def tell_all(watch: Watch) -> None:
    while watch.tell():
        pass


def test_onset_and_recovery_are_told_once_each_whoever_looks(
    ledger: Ledger, clock: Clock, configured: Callable[..., Config], hook: Posted
) -> None:
    watches = [Watch(configured(), ledger) for _ in range(3)]

    def look() -> None:
        clock.advance(31)
        live(ledger)
        for watch in watches:
            watch.look()
            tell_all(watch)

    ledger.jobs.accept(instance(1), PIPELINE)
    look()
    assert told(hook) == []
    clock.advance(600)
    look()
    look()
    assert told(hook) == [("CxrOldestWaiting", "firing")]
    job = ledger.jobs.claim(1, PIPELINE, "w", 60.0)
    assert job is not None
    ledger.handover.built(job.id, "w", [], [])
    look()
    look()
    assert told(hook) == [("CxrOldestWaiting", "firing"), ("CxrOldestWaiting", "resolved")]
    assert "1.2.3.1" not in json.dumps(hook.bodies)


def test_a_device_that_drifts_is_told_once_and_its_recovery_too(
    ledger: Ledger, clock: Clock, configured: Callable[..., Config], hook: Posted
) -> None:
    watch = Watch(configured(), ledger)
    found = Drift(
        Device("Maker", "Model", "XR-2", "PACS", "below 100 kV"), "sharpness", clock.now, 1.5, 1.8,
        100, 400, -2.0, 1 / 240, clock.now - timedelta(days=7),
    )  # fmt: skip
    more = replace(found, measure="brightness", now=0.7, before=0.5, effect=2.0)
    for held in ([], [found], [found, more], [], []):
        clock.advance(86_401)
        ledger.drifts.keep(held, 86_400)
        for _ in range(3):
            clock.advance(31)
            live(ledger)
            watch.look()
            tell_all(watch)
    assert told(hook) == [("CxrDrift", "firing"), ("CxrDrift", "resolved")]
    begun = hook.bodies[0]["alerts"][0]
    assert begun["subject"] == "XR-2 (Maker Model) by PACS, below 100 kV"
    assert begun["words"] == (
        "images of XR-2 (Maker Model) by PACS, below 100 kV:"
        " sharpness fell from 1.80 to 1.50 (medians; the last 7 days beside the 28 before; 100 and"
        " 400 images; by chance once in 240 days)"
    )


def test_a_channel_that_fails_is_tried_again_and_holds_up_no_other(
    ledger: Ledger,
    clock: Clock,
    configured: Callable[..., Config],
    hook: Posted,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "program.py").write_text(
        "import pathlib, sys\npathlib.Path(sys.argv[1]).write_text(sys.stdin.read())\n"
    )
    config = configured(
        notify={
            "webhook_file": str(tmp_path / "url"),
            "command": [sys.executable, str(tmp_path / "program.py"), str(tmp_path / "got")],
        }
    )
    hook.status = 503
    watch = Watch(config, ledger)
    ledger.jobs.accept(instance(1), PIPELINE)
    clock.advance(601)
    live(ledger)
    with caplog.at_level(logging.INFO):
        watch.look()
        tell_all(watch)
    assert (tmp_path / "got").exists()
    assert "could not tell of alerts: will try again" in caplog.messages
    assert ledger.notices.waiting() == {"webhook": 1}
    hook.status = 200
    clock.advance(60)
    tell_all(watch)
    assert ledger.notices.waiting() == {}
    # The first was answered with 503; nothing is told a third time.
    assert told(hook) == [("CxrOldestWaiting", "firing")] * 2


def test_a_part_that_is_gone_is_told_by_those_that_are_left(
    ledger: Ledger, clock: Clock, configured: Callable[..., Config], hook: Posted
) -> None:
    watch = Watch(configured(), ledger)
    for _ in range(5):
        clock.advance(40)
        for part in ("listen", "send"):
            ledger.workers.beat(Process(part, part, "host", 1, "1.0"))
        watch.look()
        tell_all(watch)
    assert [(one["alert"], one["subject"]) for one in hook.bodies[0]["alerts"]] == [
        ("CxrPartGone", "work")
    ]
    assert len(hook.bodies) == 1


def test_a_certificate_that_ends_soon_is_told_and_its_renewal_too(
    ledger: Ledger,
    clock: Clock,
    configured: Callable[..., Config],
    hook: Posted,
    tmp_path: Path,
) -> None:
    authority = Authority(tmp_path / "authority")
    issued = authority.issue("node", valid=timedelta(days=10))
    tls = {"certificate": str(issued.certificate), "key": str(issued.key)}
    watch = Watch(configured(tls=tls), ledger)
    watch.look()
    tell_all(watch)
    assert told(hook) == [("CxrCertificateExpires", "firing")]
    authority.issue("node", valid=timedelta(days=100))
    clock.advance(31)
    live(ledger)
    watch.look()
    tell_all(watch)
    assert told(hook)[1:] == [("CxrCertificateExpires", "resolved")]


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_a_watch_goes_on_where_the_ledger_is_damaged_and_ends_in_a_moment(
    configured: Callable[..., Config], ledger_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger.open(ledger_url)
    path = Path(ledger_url.removeprefix("sqlite:///"))
    with closing(ledger), caplog.at_level(logging.WARNING), watching(configured(), ledger):
        ledger.close()
        path.write_bytes(b"no database at all" * 1000)
        wait_until(lambda: "could not look for alerts" in caplog.text, 30, "a word of it")
    assert not [thread for thread in threading.enumerate() if thread.name == "watch"]


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_the_command_lists_what_is_on_and_tries_every_channel(
    ledger: Ledger,
    clock: Clock,
    configured: Callable[..., Config],
    hook: Posted,
    ledger_url: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "node.toml"
    file.write_text(
        f'[node]\nstate = "state"\nno_destination = true\n[ledger]\nurl = "{ledger_url}"\n'
        f'[notify]\nwebhook_file = "url"\ncommand = ["{tmp_path}/absent"]\n'
    )
    config = configured()
    assert main(["alerts", "--config", str(file)]) == 0
    assert capsys.readouterr().out == "nothing is on\n"
    ledger.jobs.accept(instance(1), PIPELINE)
    clock.advance(601)
    live(ledger)
    Watch(config, ledger).look()
    assert main(["alerts", "--config", str(file)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("CxrOldestWaiting (analysis): an image has waited 0:10:01 for its")
    assert said[0].split(", ")[-1].startswith("told 2")
    assert said[1] == "webhook: 1 message waits; see the log"
    assert main(["alerts", "--config", str(file), "--json"]) == 0
    (alert,) = json.loads(capsys.readouterr().out)["alerts"]
    assert (alert["alert"], alert["subject"]) == ("CxrOldestWaiting", "analysis")
    assert main(["alerts", "--config", str(file), "--test"]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "webhook: taken"
    assert said[1].startswith("command: failed: ")
    assert hook.bodies[-1]["is_test"] is True
