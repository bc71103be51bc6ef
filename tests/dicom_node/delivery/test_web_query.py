"""What a DICOMweb server shows of what it stored: SENT, then VERIFIED by QIDO-RS."""

import json

import pytest

from dicom_node.config import WebDestination
from dicom_node.delivery.verifying import VerificationLoop
from dicom_node.delivery.web_query import WebQuery
from dicom_node.ledger import DeliveryState
from tests.dicom_node.delivery.bench import Bench, delivery_of
from tests.dicom_node.delivery.web_archive import (
    Reply,
    Request,
    WebArchive,
    stored,
    uid_element,
    web_archive,
)

pytestmark = pytest.mark.slow


def at(archive: WebArchive) -> WebDestination:
    return WebDestination(kind="dicomweb", name="cloud", stow=archive.stow, verify="query")


def verify(bench: Bench, archive: WebArchive) -> None:
    """What is due two seconds after it was sent."""
    bench.clock.advance(5)
    to = at(archive)
    VerificationLoop(to, bench.ledger, WebQuery(to, "CXRNODE"), None).verify_due()


def searched(archive: WebArchive) -> int:
    return sum(request.method == "GET" for request in archive.requests)


def test_what_it_shows_is_verified(bench: Bench) -> None:
    with web_archive() as archive:
        job_id = bench.build(at(archive))
        bench.deliver_all(at(archive))
        assert bench.states(job_id) == [DeliveryState.SENT] * 3
        verify(bench, archive)
    assert bench.states(job_id) == [DeliveryState.VERIFIED] * 3
    assert searched(archive) == 3


def test_what_it_lost_is_sent_again_once_its_time_is_over(bench: Bench) -> None:
    with web_archive() as archive:
        job_id = bench.build(at(archive))
        bench.deliver_all(at(archive))
        lost = delivery_of(bench, job_id, "SR").sop_instance_uid
        del archive.held[lost]
        verify(bench, archive)
        assert bench.by_role(job_id)["SR"] == "SENT"
        bench.clock.advance(at(archive).verify_within_s)
        verify(bench, archive)
        assert bench.by_role(job_id)["SR"] == "WAITING"
        bench.clock.advance(600)
        bench.deliver_all(at(archive))
        verify(bench, archive)
        assert lost in archive.held
    assert bench.states(job_id) == [DeliveryState.VERIFIED] * 3


def test_all_instances_where_one_was_asked_for_are_no_sign(bench: Bench) -> None:
    def answer(request: Request) -> Reply:
        if request.method == "POST":
            return archive.keep(request)
        (other, *_) = archive.held
        return Reply(200, json.dumps([{"00080018": uid_element(other)}]).encode())

    with web_archive() as archive:
        archive.answer = answer
        job_id = bench.build(at(archive))
        bench.deliver_all(at(archive))
        verify(bench, archive)
    states = bench.by_role(job_id)
    assert (states["SEG"], states["SR"], states["SC"]) == ("VERIFIED", "SENT", "SENT")


@pytest.mark.parametrize(
    ("reply", "state", "why"),
    [
        (Reply(204), "SENT", "does not show it"),
        (Reply(200, b"[]"), "SENT", "does not show it"),
        (Reply(500), "SENT", "HTTP 500"),
        (Reply(401), "SENT", "is the node's secret right?"),
        (Reply(404), "UNVERIFIED", "offers no search"),
        (Reply(403), "UNVERIFIED", "HTTP 403 Forbidden"),
        (Reply(501), "UNVERIFIED", "HTTP 501 Not Implemented"),
        (Reply(200, b"<html>"), "UNVERIFIED", "with what is none"),
        (Reply(200, b'{"00080018": 1}'), "UNVERIFIED", "with what is none"),
    ],
)
def test_whatever_it_answers_is_said(bench: Bench, reply: Reply, state: str, why: str) -> None:
    with web_archive() as archive:
        archive.answer = lambda r: archive.keep(r) if r.method == "POST" else reply
        job_id = bench.build(at(archive))
        bench.deliver_all(at(archive))
        verify(bench, archive)
    delivery = delivery_of(bench, job_id, "SEG")
    assert delivery.state == state
    events = [event.detail for event in bench.ledger.reports.events(job_id)]
    assert any(why in detail for detail in events) or why in (delivery.verification or "")


def test_a_study_that_is_not_found_is_not_a_search_that_is_not_offered(bench: Bench) -> None:
    def answer(request: Request) -> Reply:
        if request.method == "POST":
            return archive.keep(request)
        return Reply(200, b"[]") if "StudyInstanceUID=2.25.0" in request.path else Reply(404)

    with web_archive() as archive:
        archive.answer = answer
        job_id = bench.build(at(archive))
        bench.deliver_all(at(archive))
        verify(bench, archive)
    assert bench.states(job_id) == [DeliveryState.SENT] * 3


def test_what_is_there_after_a_lost_answer_is_not_sent_again(bench: Bench) -> None:
    def answer(request: Request) -> Reply | None:
        if request.method == "GET":
            return archive.search(request)
        archive.keep(request)
        return None if len(archive.posted) == 1 else stored(str(request.dataset.SOPInstanceUID))

    with web_archive() as archive:
        archive.answer = answer
        job_id = bench.build(at(archive))
        bench.deliver_all(at(archive))
        assert bench.by_role(job_id)["SEG"] == "WAITING"
        bench.clock.advance(600)
        bench.deliver_all(at(archive))
        assert bench.states(job_id) == [DeliveryState.SENT] * 3
    assert len(archive.posted) == 3
