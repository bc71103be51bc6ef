"""`destinations pause`, `resume` and `try`: what a person says is done by a sender elsewhere."""

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dicom_node.config import Destination
from dicom_node.delivery.loop import DeliveryLoop
from dicom_node.demo.pacs import Pacs
from dicom_node.threads import beside
from tests.dicom_node.delivery.bench import Bench, at, wait_until
from tests.dicom_node.hearts import heart
from tests.system.waiting import run_cli

pytestmark = pytest.mark.slow


@contextmanager
def sending(bench: Bench, to: Destination) -> Iterator[None]:
    """A sender that goes on by itself and lives as long as this; nobody rings its bell."""
    owner = heart(bench.ledger, "sender")
    loop = DeliveryLoop(to, bench.sending(to), bench.ledger, owner)
    with beside(threading.Event(), {"heart": owner.run}):
        stop = threading.Event()
        thread = threading.Thread(target=loop.run, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            loop.ring()
            thread.join()


def destinations(bench: Bench, pacs: Pacs, *arguments: str) -> "subprocess.CompletedProcess[str]":
    file = bench.folder / "node.toml"
    file.write_text(
        f"""
        [node]
        state = "."
        [[destination]]
        name = "pacs"
        aet = "{pacs.aet}"
        host = "{pacs.host}"
        port = {pacs.port}
        """,
        "utf-8",
    )
    return run_cli("destinations", "--config", str(file), *arguments)


def history(bench: Bench) -> list[tuple[str, str | None]]:
    return [(entry.event, entry.owner) for entry in bench.ledger.breakers.history("pacs")]


def test_a_pause_stops_a_running_sender_and_resume_lets_it_go_on_at_once(
    bench: Bench, pacs: Pacs
) -> None:
    with sending(bench, at(pacs)):
        paused = destinations(
            bench, pacs, "pause", "pacs", "--for", "2h", "--why", "upgrade", "--by", "me"
        )
        assert paused.returncode == 0, paused.stderr
        assert paused.stdout.startswith("pacs: paused by me, since 20")
        assert paused.stdout.endswith(": upgrade; nothing sent yet\n")
        bench.build(at(pacs))
        listed = destinations(bench, pacs).stdout
        assert f"pacs  PACS@{pacs.host}:{pacs.port}" in listed
        assert "paused by me" in listed
        assert "3 WAITING" in listed
        assert pacs.stored == []
        resumed = destinations(bench, pacs, "resume", "pacs", "--by", "me")
        assert resumed.returncode == 0, resumed.stderr
        pacs.wait_for(lambda stored: len(stored) == 3, 60)
    assert history(bench) == [("paused", "me"), ("resumed", "me")]
    assert destinations(bench, pacs, "resume", "pacs").stderr.endswith("pacs is not paused\n")


def test_try_says_what_the_destination_answers_and_ends_its_rest(bench: Bench, pacs: Pacs) -> None:
    bench.build(at(pacs))
    pacs.stop()
    bench.loop(at(pacs)).deliver_due()
    bench.ledger.breakers.unreachable("pacs", "s1", "connection refused", 3600)
    refused = destinations(bench, pacs, "try", "pacs", "--by", "me")
    assert refused.returncode == 1
    assert "connection refused" in refused.stderr
    (row,) = json.loads(destinations(bench, pacs, "--json").stdout)
    assert (row["standing"]["reachable"], row["standing"]["failures"]) == (False, 2)
    pacs.start()
    with sending(bench, at(pacs)):
        tried = destinations(bench, pacs, "try", "pacs", "--by", "me")
        assert tried.returncode == 0, tried.stderr
        said = "pacs: answered the echo with 0x0000; 3 deliveries wait for it and are sent now\n"
        assert tried.stdout == said
        pacs.wait_for(lambda stored: len(stored) == 3, 60)
    assert [event for event, _ in history(bench)] == [
        "cannot be reached", "tried", "tried", "reached again",
    ]  # fmt: skip
    wait_until(lambda: not bench.ledger.reports.summary().deliveries_waiting)
    assert "reached since 20" in destinations(bench, pacs).stdout


def test_one_that_answers_and_takes_nothing_is_said_with_its_answer(
    bench: Bench, pacs: Pacs
) -> None:
    bench.build(at(pacs))
    pacs.answer = lambda _dataset: 0xC001
    bench.loop(at(pacs)).deliver_due()
    said = destinations(bench, pacs).stdout
    assert "answers, and declines 3 results: pacs: S" in said
    assert "answered 0xc001 (Cannot Understand)" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("pause", "pcas"), "no destination 'pcas' is configured: did you mean pacs?"),
        (("pause", "pacs", "--until", "2020-01-01T08:00"), "has passed"),
        (("pause", "pacs", "--for", "soon"), "'soon' is no time: write 90m, 2h or 3d"),
        (("resume", "pcas"), "a destination 'pcas'"),
        (("try", "pcas"), "no destination 'pcas' is configured: did you mean pacs?"),
    ],
)
def test_what_cannot_be_done_is_said(
    bench: Bench, pacs: Pacs, arguments: tuple[str, ...], said: str
) -> None:
    run = destinations(bench, pacs, *arguments)
    assert run.returncode == 2
    assert said in run.stderr
