"""FHIR R4 as a destination: a server that keeps what it is given, and what others answer."""

from pathlib import Path
from typing import Any

import pytest

from dicom_node.config import FhirDestination
from dicom_node.delivery.fhir import FhirCarrier
from dicom_node.delivery.loop import DECLINED_TRIES
from dicom_node.errors import DestinationUnavailable
from dicom_node.ledger import DeliveryState
from inference.findings import Decision
from tests.dicom_node.delivery.bench import Bench, delivery_of
from tests.dicom_node.handover.fhir_server import FHIR, FhirServer, fhir_server
from tests.dicom_node.handover.reports import later, note, report, waiting
from tests.sr_writer.examples import findings

pytestmark = pytest.mark.slow


def at(it: FhirServer, **keys: Any) -> FhirDestination:
    return FhirDestination(kind="fhir", name="ehr", base=it.base, **keys)


def test_a_report_becomes_resources_and_a_repetition_doubles_nothing(bench: Bench) -> None:
    with fhir_server() as it:
        job_id = waiting(bench, [report()], at(it))
        bench.deliver_all(at(it))
        waiting(bench, [report()], at(it))
        bench.deliver_all(at(it))
    assert bench.states(job_id) == [DeliveryState.DELIVERED]
    assert len(it.posted) == 2
    assert it.posted[0] == it.posted[1]
    assert (len(it.of("DiagnosticReport")), len(it.of("Observation"))) == (1, 3)
    assert it.headers[0]["Content-Type"] == FHIR


def test_a_later_issue_takes_its_place_and_a_note_takes_it_back(bench: Bench) -> None:
    first = report()
    second = later(first, findings(Decision.NEGATIVE))
    with fhir_server() as it:
        for outputs, status in (
            ([first], "preliminary"),
            ([second], "corrected"),
            ([note(first, second)], "entered-in-error"),
        ):
            waiting(bench, outputs, at(it))
            bench.deliver_all(at(it))
            assert {each["status"] for each in it.held} == {status}
            assert len(it.held) == 4


def test_the_node_says_who_it_is(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("t0ken\n")
    with fhir_server() as it:
        to = at(it, auth="bearer", secret_file=tmp_path / "secret")
        waiting(bench, [report()], to)
        bench.deliver_all(to)
    assert it.headers[0]["Authorization"] == "Bearer t0ken"


@pytest.mark.parametrize("answer", [(204, "", b""), (202, "text/plain", b"thanks")])
def test_a_webhook_need_not_speak_fhir(bench: Bench, answer: tuple[int, str, bytes]) -> None:
    with fhir_server() as it:
        it.answer = lambda: answer
        job_id = waiting(bench, [report()], at(it))
        bench.deliver_all(at(it))
    assert bench.states(job_id) == [DeliveryState.DELIVERED]


REFUSAL = (
    b'{"resourceType": "OperationOutcome", "issue": [{"code": "invalid", "diagnostics": "ANNA"}]}'
)
INSIDE = b'{"resourceType": "Bundle", "entry": [{"response": {"status": "422 ANNA"}}]}'


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((422, FHIR, REFUSAL), "answered HTTP 422 Unprocessable Content (invalid)"),
        ((412, FHIR, b"ANNA"), "answered HTTP 412 Precondition Failed"),
        ((200, FHIR, INSIDE), "answered HTTP 200 OK, and 422 for what is in it"),
    ],
    ids=["whole", "two matches", "an entry"],
)
def test_what_is_declined_is_sent_a_few_times(
    bench: Bench, answer: tuple[int, str, bytes], said: str
) -> None:
    with fhir_server() as it:
        it.answer = lambda: answer
        job_id = waiting(bench, [report()], at(it))
        for _ in range(2 * DECLINED_TRIES):
            bench.deliver_all(at(it))
            bench.clock.advance(600)
    assert len(it.posted) == DECLINED_TRIES
    delivery = delivery_of(bench, job_id, "SR")
    assert delivery.state is DeliveryState.REFUSED
    reason = (delivery.reason or "").replace("Unprocessable Entity", "Unprocessable Content")
    assert reason.endswith(said)
    assert not any("ANNA" in entry.detail for entry in bench.ledger.reports.events(job_id))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((503, FHIR, b""), "HTTP 503"),
        ((401, FHIR, b""), "is the node's secret right?"),
        ((404, FHIR, b""), "is base right?"),
        ((200, "text/html", b"<html>"), "is base right?"),
        ((302, "text/html", b""), "is base right?"),
    ],
)
def test_who_takes_nothing_at_all_is_left_alone(
    bench: Bench, answer: tuple[int, str, bytes], said: str
) -> None:
    with fhir_server() as it:
        it.answer = lambda: answer
        job_id = waiting(bench, [report()], at(it))
        bench.deliver_all(at(it))
        bench.deliver_all(at(it))
    assert len(it.posted) == 1
    assert bench.states(job_id) == [DeliveryState.WAITING]
    assert said in (delivery_of(bench, job_id, "SR").reason or "")


def test_it_is_asked_what_it_can(bench: Bench) -> None:
    with fhir_server() as it:
        to = at(it)
        assert (
            FhirCarrier(to, "CXRNODE", bench.spool).test()
            == "answered what it can with HTTP 200 OK"
        )
    with pytest.raises(DestinationUnavailable, match="no connection"):
        FhirCarrier(to, "CXRNODE", bench.spool).offer()
