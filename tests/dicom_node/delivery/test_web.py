"""DICOMweb as a destination: the same states and retries as by C-STORE, against a real server."""

import pytest
from pydicom.uid import ImplicitVRLittleEndian, SegmentationStorage

from dicom_node.delivery.loop import DECLINED_TRIES
from dicom_node.ledger import DeliveryState, Progress
from tests.dicom_node.delivery.bench import CLASSES, Bench, delivery_of, reason
from tests.dicom_node.delivery.web_archive import (
    Reply,
    Request,
    at,
    failed,
    stored,
    web_archive,
)
from tests.dicom_node.ledger.records import progress

pytestmark = pytest.mark.slow


def role_of(request: Request) -> str:
    roles: dict[str, str] = {uid: role for role, uid in CLASSES.items()}
    return roles[request.dataset.SOPClassUID]


# What is sent


def test_every_output_arrives_once_as_the_bytes_it_was_built_of(bench: Bench) -> None:
    with web_archive() as archive:
        job_id = bench.build(at(archive))
        bench.deliver_all(at(archive))
    assert bench.states(job_id) == [DeliveryState.DELIVERED] * 3
    assert [role_of(request) for request in archive.posted] == ["SEG", "SR", "SC"]
    for delivery in bench.ledger.deliveries.of_job(job_id):
        if delivery.state is DeliveryState.DELIVERED:
            built = bench.spool.resolve(delivery.path).read_bytes()
            assert archive.held[delivery.sop_instance_uid] == built


def test_a_transfer_syntax_that_is_not_taken_is_followed_by_the_next(bench: Bench) -> None:
    def answer(request: Request) -> Reply:
        if request.dataset.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian:
            return archive.keep(request)
        return failed(str(request.dataset.SOPInstanceUID), 0xC122)

    with web_archive() as archive:
        archive.answer = answer
        job_id = bench.build(at(archive, transfer_syntaxes=["explicit", "implicit"]))
        bench.deliver_all(at(archive, transfer_syntaxes=["explicit", "implicit"]))
    assert bench.states(job_id) == [DeliveryState.DELIVERED] * 3


def test_the_next_best_goes_where_a_class_is_not_taken(bench: Bench) -> None:
    def answer(request: Request) -> Reply:
        if request.dataset.SOPClassUID == SegmentationStorage:
            return failed(str(request.dataset.SOPInstanceUID), 0x0122)
        return archive.keep(request)

    with web_archive() as archive:
        archive.answer = answer
        job_id = bench.build(at(archive))
        bench.deliver_all(at(archive))
    states = bench.by_role(job_id)
    assert (states["SEG"], states["PR"]) == ("SUBSTITUTED", "DELIVERED")


# What is answered


def test_one_failure_of_three_is_tried_again_and_the_others_are_there(bench: Bench) -> None:
    def answer(request: Request) -> Reply:
        uid = str(request.dataset.SOPInstanceUID)
        return failed(uid, 0xA700, 202) if role_of(request) == "SR" else archive.keep(request)

    with web_archive() as archive:
        archive.answer = answer
        job_id = bench.build(at(archive))
        bench.deliver_all(at(archive))
        states = bench.by_role(job_id)
        assert (states["SEG"], states["SR"], states["SC"]) == ("DELIVERED", "WAITING", "DELIVERED")
        assert delivery_of(bench, job_id, "SR").dimse_status == 0xA700
        archive.answer = archive.store_or_search
        bench.clock.advance(600)
        bench.deliver_all(at(archive))
    assert progress(bench.ledger, job_id) is Progress.DELIVERED
    assert len(archive.held) == 3


def test_a_warning_is_a_delivery_and_is_kept(bench: Bench) -> None:
    with web_archive() as archive:
        archive.answer = lambda request: stored(str(request.dataset.SOPInstanceUID), 0xB000, 202)
        job_id = bench.build(at(archive, outputs=["SR"], next_best=False))
        bench.deliver_all(at(archive))
    (kept,) = [e.detail for e in bench.ledger.reports.events(job_id) if e.event == "delivered"]
    assert kept.startswith("status 0xb000: Coercion")


def test_what_is_too_large_is_refused_after_a_few_tries(bench: Bench) -> None:
    with web_archive() as archive:
        archive.answer = lambda _: Reply(413)
        to = at(archive, outputs=["SR"], next_best=False)
        job_id = bench.build(to)
        for _ in range(2 * DECLINED_TRIES):
            bench.deliver_all(to)
            bench.clock.advance(600)
    assert len(archive.posted) == DECLINED_TRIES
    assert bench.states(job_id) == [DeliveryState.REFUSED]
    assert "HTTP 413" in reason(bench, job_id, "SR")


@pytest.mark.parametrize("status", [429, 503])
def test_who_is_busy_is_left_alone_for_as_long_as_he_says(bench: Bench, status: int) -> None:
    with web_archive() as archive:
        archive.answer = lambda _: Reply(status, headers={"Retry-After": "120"})
        job_id = bench.build(at(archive))
        bench.deliver_all(at(archive))
        assert len(archive.posted) == 1
        assert bench.states(job_id) == [DeliveryState.WAITING] * 3
        bench.clock.advance(110)
        bench.deliver_all(at(archive))
        assert len(archive.posted) == 1
        archive.answer = archive.store_or_search
        bench.clock.advance(20)
        bench.deliver_all(at(archive))
    assert progress(bench.ledger, job_id) is Progress.DELIVERED


def test_who_gets_busy_after_the_first_is_left_alone_too(bench: Bench) -> None:
    def answer(request: Request) -> Reply:
        if archive.held:
            return Reply(429, headers={"Retry-After": "120"})
        return archive.keep(request)

    with web_archive() as archive:
        archive.answer = answer
        job_id = bench.build(at(archive))
        bench.deliver_all(at(archive))
        bench.clock.advance(110)
        bench.deliver_all(at(archive))
    assert len(archive.posted) == 2
    assert bench.states(job_id).count(DeliveryState.DELIVERED) == 1


def test_a_page_of_somebody_else_is_no_delivery(bench: Bench) -> None:
    with web_archive() as archive:
        archive.answer = lambda _: Reply(200, b"<html>Please log in</html>", "text/html")
        job_id = bench.build(at(archive))
        bench.deliver_all(at(archive))
    assert bench.states(job_id) == [DeliveryState.WAITING] * 3
    assert reason(bench, job_id).endswith("HTTP 200 OK with text/html: is stow right?")
    assert not bench.ledger.breakers.of("cloud").reachable


def test_patients_data_follow_no_redirection(bench: Bench) -> None:
    with web_archive() as elsewhere, web_archive() as archive:
        archive.answer = lambda _: Reply(307, headers={"Location": elsewhere.stow})
        job_id = bench.build(at(archive))
        bench.deliver_all(at(archive))
        assert elsewhere.requests == []
    assert "it is not followed elsewhere" in reason(bench, job_id)


def test_an_output_that_breaks_the_connection_keeps_no_other_from_arriving(bench: Bench) -> None:
    with web_archive() as archive:
        archive.answer = lambda r: None if role_of(r) == "SEG" else archive.keep(r)
        job_id = bench.build(at(archive))
        bench.loop(at(archive)).deliver_due()
    states = bench.by_role(job_id)
    assert (states["SEG"], states["SR"], states["SC"]) == ("WAITING", "DELIVERED", "DELIVERED")
    assert "connection lost while sending" in reason(bench, job_id)


def test_a_server_that_is_away_gets_everything_when_it_is_back(bench: Bench) -> None:
    with web_archive() as archive:
        pass
    job_id = bench.build(at(archive))
    assert not bench.loop(at(archive)).deliver_due()
    assert "(connection refused)" in reason(bench, job_id)
    standing = bench.ledger.breakers.of("cloud")
    assert (standing.reachable, standing.failures) == (False, 1)
    with web_archive(port=archive.port) as back:
        bench.clock.advance(2)
        bench.deliver_all(at(archive))
        assert len(back.held) == 3
    assert bench.ledger.breakers.of("cloud").reachable
