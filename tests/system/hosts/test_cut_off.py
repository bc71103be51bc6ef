"""A host whose cable is pulled in the middle of its work, for longer than a lease lasts.

It lives all the while and is told nothing. Another takes over; back again, it neither records nor
delivers what is another's by now, says so in its log, and works on.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pydicom import Dataset

from dicom_node.demo.pacs import Offer, Pacs, accept
from dicom_node.errors import SUCCESS
from dicom_node.ledger import Event, JobState, Ledger
from dicom_node.ledger.work.workers import LEASE_S
from tests.system.faults.stream import SEG, judge
from tests.system.hosts.node import Node
from tests.system.hosts.room import Part
from tests.system.hosts.site import job_of, record_of
from tests.system.waiting import has_ended, wait_until

pytestmark = pytest.mark.long

#: Seconds from the end of a lease until another has done it: two sweeps of recovery and the work,
#: on a machine that has ten times as much to do as it can.
TAKEN_OVER_WITHIN_S = 90.0
#: For whatever else is certain to come.
COMES_WITHIN_S = 240.0


def test_a_worker_cut_off_in_its_job_is_replaced_and_records_nothing(node: Node) -> None:
    with node.site.ledger() as ledger:
        radiograph, cut_off = cut_off_at_work(node, ledger)
        since = time.monotonic()
        job = job_of(ledger, radiograph)
        try:
            wait_until(lambda: is_silent(ledger, cut_off), LEASE_S + 30, "its silence to be seen")
            (said,) = [
                line for line in node.site.status().splitlines() if f"pid {cut_off.pid}," in line
            ]
            assert said.startswith(f"  work    {cut_off.host.name} pid")
            assert "vanished, silent for" in said
            wait_until(lambda: state_of(ledger, radiograph) is JobState.BUILT,
                       LEASE_S + TAKEN_OVER_WITHIN_S, "another to do it")  # fmt: skip
            print(f"taken over and built {time.monotonic() - since:.0f} s after the cut")
            assert not cut_off.says("lost the lease")
        finally:
            cut_off.host.connect()
        wait_until(lambda: cut_off.says("lost the lease"), COMES_WITHIN_S, "it to learn of that")
        wait_until(lambda: not is_silent(ledger, cut_off), COMES_WITHIN_S, "its sign of life")
        events = [entry.event for entry in ledger.reports.events(job.id)]
        # Nothing counts against the image: the worker was alive.
        wait_until(lambda: job_of(ledger, radiograph).deaths == 0, COMES_WITHIN_S, "its pardon")
        assert (events.count(Event.FREED), events.count(Event.BUILT)) == (1, 1)
        until_it_does(node, ledger, cut_off, Event.BUILT)
    node.assert_each_once()


def test_a_sender_cut_off_in_a_delivery_sends_no_more_than_the_same_once_again(node: Node) -> None:
    """The archive has stored it, and its answer does not get through."""
    pacs = node.site.pacs
    with node.site.ledger() as ledger:
        with held_at(pacs, SEG) as offered:
            radiograph = node.send()
            wait_until(offered.is_set, COMES_WITHIN_S, "the first delivery to begin")
            (cut_off,) = [one for one in node.senders if deliveries_of(ledger, one)]
            cut_off.host.cut_off()
            since = time.monotonic()
        try:
            first = stored(pacs, radiograph)
            wait_until(lambda: has_ended(ledger, job_of(ledger, radiograph)),
                       LEASE_S + TAKEN_OVER_WITHIN_S, "another to deliver")  # fmt: skip
            print(f"taken over and delivered {time.monotonic() - since:.0f} s after the cut")
        finally:
            cut_off.host.connect()
        wait_until(lambda: cut_off.says("lost the lease"), COMES_WITHIN_S, "it to learn of that")
        until_it_does(node, ledger, cut_off, Event.DELIVERED)
    node.assert_each_once()
    again = [one for one in pacs.stored if one.path.parent.name == radiograph.StudyInstanceUID]
    # The three results, and the one whose answer was lost once more: the same bytes.
    assert len(again) <= 4
    assert stored(pacs, radiograph) == first


def test_a_listener_cut_off_from_the_ledger_never_answers_success(node: Node) -> None:
    listener, services = node.listener, node.site.services
    with node.stream(listener.host) as stream:
        stream.wait_for(1)
        with listener.host.deaf_to(services.host):
            # What was under way has had its answer.
            wait_until(lambda: stream.answers[-1].status != SUCCESS, 120, "the first refusal")
            began, before = len(stream.accepted), len(stream.answers)
            wait_until(lambda: len(stream.answers) >= before + 2, 240, "two more answers")
            assert len(stream.accepted) == began
        stream.wait_for(2, COMES_WITHIN_S)
    print(f"refused {len(stream.refused)}, the slowest answer {stream.slowest_s:.1f} s")
    node.assert_each_once()


def test_two_senders_of_one_destination_deliver_nothing_twice(node: Node) -> None:
    pacs = node.site.pacs
    repeated = judge(node.accepted, pacs).repeated
    with node.site.ledger() as ledger:
        took: set[str | None] = set()
        # Each batch is one study's: by chance one of them may have had all.
        while len(took) < 2:
            radiographs = [node.send() for _ in range(5)]
            node.assert_each_once()
            for radiograph in radiographs:
                took |= owners(ledger, radiograph, Event.DELIVERED)
    assert judge(node.accepted, pacs).repeated == repeated


# --- what happens, and how it is seen ---


def cut_off_at_work(node: Node, ledger: Ledger) -> tuple[Dataset, Part]:
    """A radiograph that will not be done by the worker that has it."""
    deadline = time.monotonic() + COMES_WITHIN_S
    while time.monotonic() < deadline:
        radiograph = node.send()
        job = job_of(ledger, radiograph)
        wait_until(lambda: bool(holders(node, ledger)), COMES_WITHIN_S, "a worker to have it")
        for worker in holders(node, ledger):
            worker.host.cut_off()
            if job.id in jobs_of(ledger, worker):
                return radiograph, worker
            # It was done already.
            worker.host.connect()
        wait_until(lambda: has_ended(ledger, job_of(ledger, radiograph)), COMES_WITHIN_S, "it")  # noqa: B023
    raise AssertionError("no worker was met at work")


def holders(node: Node, ledger: Ledger) -> list[Part]:
    return [worker for worker in node.workers if jobs_of(ledger, worker)]


def jobs_of(ledger: Ledger, worker: Part) -> tuple[int, ...]:
    record = record_of(ledger, worker)
    return record.job_ids if record else ()


def deliveries_of(ledger: Ledger, sender: Part) -> int:
    record = record_of(ledger, sender)
    return record.deliveries if record else 0


def is_silent(ledger: Ledger, part: Part) -> bool:
    record = record_of(ledger, part)
    return record is None or not record.is_alive


def state_of(ledger: Ledger, radiograph: Dataset) -> JobState:
    return job_of(ledger, radiograph).state


def owners(ledger: Ledger, radiograph: Dataset, event: Event) -> set[str | None]:
    happened = ledger.reports.events(job_of(ledger, radiograph).id)
    return {entry.owner for entry in happened if entry.event == event}


def until_it_does(node: Node, ledger: Ledger, part: Part, event: Event) -> None:
    """Send, until this part is the one that has done it."""
    record = record_of(ledger, part)
    assert record is not None
    deadline = time.monotonic() + COMES_WITHIN_S
    while time.monotonic() < deadline:
        radiograph = node.send()
        wait_until(lambda: has_ended(ledger, job_of(ledger, radiograph)), COMES_WITHIN_S, "it")  # noqa: B023
        if record.process.name in owners(ledger, radiograph, event):
            return
    raise AssertionError(f"{record.process.name} does no more")


def stored(pacs: Pacs, radiograph: Dataset) -> bytes:
    """The SEG of it, as the archive has it."""

    def found() -> list[bytes]:
        return [one.path.read_bytes() for one in pacs.stored if one.sop_class_uid == SEG
                and one.path.parent.name == radiograph.StudyInstanceUID]  # fmt: skip

    wait_until(lambda: bool(found()), 60, "it to be stored")
    return found()[-1]


@contextmanager
def held_at(pacs: Pacs, sop_class_uid: str) -> Iterator[threading.Event]:
    """The next offer of that class is answered at the end of the block; set once it came."""
    offered, answering = threading.Event(), threading.Event()

    def answer(offer: Offer) -> int:
        if offer.sop_class_uid == sop_class_uid and not offered.is_set():
            offered.set()
            answering.wait()
        return SUCCESS

    pacs.answer = answer
    try:
        yield offered
    finally:
        answering.set()
        pacs.answer = accept
