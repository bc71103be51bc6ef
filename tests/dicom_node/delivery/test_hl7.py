"""HL7 v2 as a destination: python-hl7's MLLP server at the other end, and what it may answer."""

import ssl
import sys
from pathlib import Path
from typing import Any

import hl7
import pytest

from dicom_node.config import Hl7Destination
from dicom_node.delivery.hl7 import Hl7Carrier
from dicom_node.delivery.loop import DECLINED_TRIES
from dicom_node.demo.node import free_port
from dicom_node.errors import DestinationUnavailable
from dicom_node.ledger import REJECTION_NOTE, DeliveryState
from inference.findings import Decision
from tests.dicom_node.certificates import authority
from tests.dicom_node.delivery.bench import Bench, delivery_of
from tests.dicom_node.handover.receiver import Answer, Receiver, accept, receiver, refusing
from tests.dicom_node.handover.reports import later, note, report, waiting
from tests.sr_writer.examples import findings, header

pytestmark = pytest.mark.slow


def at(it: Receiver | int, **keys: Any) -> Hl7Destination:
    port = it if isinstance(it, int) else it.port
    return Hl7Destination(kind="hl7", name="ris", host="127.0.0.1", port=port, **keys)


def carrier(bench: Bench, to: Hl7Destination) -> Hl7Carrier:
    return Hl7Carrier(to, "CXRNODE", bench.spool)


def test_a_report_arrives_once_and_says_by_whom_and_for_whom(bench: Bench) -> None:
    with receiver() as it:
        to = at(it, receiving_application="RIS", receiving_facility="NG", sending_facility="X")
        job_id = waiting(bench, [report()], to)
        bench.deliver_all(to)
        bench.deliver_all(to)
    (message,) = it.messages
    msh = message.segment("MSH")
    assert [str(msh(n)) for n in (3, 4, 5, 6, 11)] == ["CXRNODE", "X", "RIS", "NG", "P"]
    assert bench.states(job_id) == [DeliveryState.DELIVERED]


def test_letters_beyond_ascii_arrive_as_they_are(bench: Bench) -> None:
    with receiver() as it:
        dataset = header(SpecificCharacterSet="ISO_IR 100", PatientName="M\u00fcller^J\u00f6rg")
        waiting(bench, [report(dataset=dataset)], at(it))
        bench.deliver_all(at(it))
    (message,) = it.messages
    assert str(message.segment("PID")(5)(1)(1)) == "M\u00fcller"


# What is answered


@pytest.mark.parametrize("code", ["AA", "CA"])
def test_what_is_accepted_is_delivered(bench: Bench, code: str) -> None:
    with receiver() as it:
        it.answer = lambda message: str(message.create_ack(code))
        job_id = waiting(bench, [report()], at(it))
        bench.deliver_all(at(it))
    assert bench.states(job_id) == [DeliveryState.DELIVERED]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (refusing("AE"), "answered AE"),
        (refusing("AR"), "answered AR"),
        (refusing("CE", "101"), "answered CE (101 required field missing)"),
        (refusing("XX"), "answered with a code that HL7 does not know"),
    ],
    ids=["AE", "AR", "CE", "unknown"],
)
def test_what_is_declined_is_told_a_few_times_under_one_id(
    bench: Bench, answer: Answer, said: str
) -> None:
    with receiver() as it:
        it.answer = answer
        job_id = waiting(bench, [report()], at(it))
        for _ in range(2 * DECLINED_TRIES):
            bench.deliver_all(at(it))
            bench.clock.advance(600)
    assert len(it.messages) == DECLINED_TRIES
    assert len(set(it.texts)) == 1
    delivery = delivery_of(bench, job_id, "SR")
    assert delivery.state is DeliveryState.REFUSED
    assert (delivery.reason or "").endswith(said)


def test_what_it_never_takes_is_told_once(bench: Bench) -> None:
    with receiver() as it:
        it.answer = refusing("AR", "203")
        job_id = waiting(bench, [report()], at(it))
        bench.deliver_all(at(it))
    assert len(it.messages) == 1
    assert bench.states(job_id) == [DeliveryState.REFUSED]


def test_what_may_pass_is_told_until_it_has(bench: Bench) -> None:
    with receiver() as it:
        it.answer = refusing("AR", "207")
        job_id = waiting(bench, [report()], at(it))
        for _ in range(2 * DECLINED_TRIES):
            bench.deliver_all(at(it))
            bench.clock.advance(4000)
        assert bench.states(job_id) == [DeliveryState.WAITING]
        it.answer = accept
        bench.deliver_all(at(it))
    assert bench.states(job_id) == [DeliveryState.DELIVERED]
    assert len(set(it.texts)) == 1


def test_what_a_receiver_says_of_the_patient_is_kept_nowhere(bench: Bench) -> None:
    with receiver() as it:
        it.answer = refusing("AE", "204", "ANNA MEIER IS NOT KNOWN")
        job_id = waiting(bench, [report()], at(it))
        bench.deliver_all(at(it))
    kept = [entry.detail for entry in bench.ledger.reports.events(job_id)]
    assert any("204 unknown key identifier" in detail for detail in kept)
    assert not any("MEIER" in detail for detail in kept)


def _of_another(message: hl7.Message) -> str:
    return str(message.create_ack("AA")).replace(str(message.segment("MSH")(10)), "OTHER")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda _: "close", "ris: closed the connection without an answer"),
        (_of_another, "ris: acknowledged another message than this one"),
        (lambda _: "HELLO", "ris: answered with what is no acknowledgement"),
        (lambda _: b"\x0b" + 70_000 * b"A", "ris: an answer longer than 65536 bytes"),
    ],
    ids=["closed", "of another", "none", "endless"],
)
def test_without_a_word_on_it_it_may_have_arrived_and_is_told_again(
    bench: Bench, answer: Answer, said: str
) -> None:
    with receiver() as it:
        it.answer = answer
        job_id = waiting(bench, [report()], at(it))
        bench.deliver_all(at(it))
        delivery = delivery_of(bench, job_id, "SR")
        assert (delivery.state, delivery.in_doubt) == (DeliveryState.WAITING, True)
        assert delivery.reason == said
        it.answer = accept
        bench.clock.advance(600)
        bench.deliver_all(at(it))
    assert bench.states(job_id) == [DeliveryState.DELIVERED]
    assert len(set(it.texts)) == 1


def test_who_is_not_there_rests_and_nothing_is_sent(bench: Bench) -> None:
    to = at(free_port())
    job_id = waiting(bench, [report()], to)
    bench.deliver_all(to)
    assert bench.states(job_id) == [DeliveryState.WAITING]
    assert bench.ledger.breakers.of("ris").failures == 1
    assert not delivery_of(bench, job_id, "SR").in_doubt
    with pytest.raises(DestinationUnavailable, match="no connection to"):
        carrier(bench, to).test()


# What is taken back


def test_a_correction_and_a_withdrawal_come_under_the_number_of_the_first(bench: Bench) -> None:
    first = report()
    second = later(first, findings(Decision.NEGATIVE))
    with receiver() as it:
        for outputs in ([first], [second], [note(first, second)]):
            waiting(bench, outputs, at(it))
            bench.deliver_all(at(it))
    numbers = {str(message.segment("OBR")(3)) for message in it.messages}
    assert len(numbers) == 1
    assert [str(m.segment("OBR")(25)) for m in it.messages] == ["P", "C", "X"]
    assert [str(m.segment("OBX")(11)) for m in it.messages] == ["P", "C", "W"]


def test_a_withdrawal_names_the_patient_whom_the_report_named(bench: Bench) -> None:
    wrong = report(dataset=header(PatientID="WRONG"))
    with receiver() as it:
        waiting(bench, [wrong], at(it))
        waiting(bench, [later(wrong), note(wrong)], at(it))
        bench.deliver_all(at(it))
    told = [
        (str(m.segment("PID")(3)(1)(1)), str(m.segment("OBR")(25)), str(m.segment("OBR")(3)))
        for m in it.messages
    ]
    assert [each[:2] for each in told] == [("WRONG", "P"), ("P1", "C"), ("WRONG", "X")]
    assert told[0][2] == told[2][2] != told[1][2]


def test_a_note_whose_report_is_gone_is_for_a_person(bench: Bench) -> None:
    with receiver() as it:
        job_id = waiting(bench, [note(report())], at(it))
        bench.deliver_all(at(it))
    assert bench.states(job_id) == [DeliveryState.REFUSED]
    assert "cannot be named" in (delivery_of(bench, job_id, REJECTION_NOTE).reason or "")
    assert it.messages == []


# TLS


def context(folder: Path, *, mutual: bool = False) -> ssl.SSLContext:
    issuer = authority(folder)
    identity = issuer.issue("ris")
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    found.load_cert_chain(identity.certificate, identity.key)
    if mutual:
        found.verify_mode = ssl.CERT_REQUIRED
        found.load_verify_locations(issuer.certificate)
    return found


def test_over_tls_it_arrives_and_the_certificate_is_looked_at(bench: Bench, tmp_path: Path) -> None:
    with receiver(context(tmp_path)) as it:
        to = at(it, tls=True, trusted=tmp_path / "authority.pem")
        job_id = waiting(bench, [report()], to)
        bench.deliver_all(to)
        offer = carrier(bench, to).offer()
        with pytest.raises(DestinationUnavailable, match="certificate was refused"):
            carrier(bench, at(it, tls=True, trusted=tmp_path / "ris.pem", tls_name="x")).test()
    assert bench.states(job_id) == [DeliveryState.DELIVERED]
    assert offer.answer == "took the connection, over TLS"
    assert offer.certificate_ends_at is not None


def test_who_wants_a_certificate_gets_the_node_s(bench: Bench, tmp_path: Path) -> None:
    with receiver(context(tmp_path, mutual=True)) as it:
        without = at(it, tls=True, trusted=tmp_path / "authority.pem")
        job_id = waiting(bench, [report()], without)
        bench.deliver_all(without)
        assert bench.states(job_id) == [DeliveryState.WAITING]
        assert it.messages == []
        own = {"certificate": tmp_path / "ris.pem", "key": tmp_path / "ris.key"}
        bench.clock.advance(600)
        bench.deliver_all(at(it, tls=True, trusted=tmp_path / "authority.pem", **own))
    assert bench.states(job_id) == [DeliveryState.DELIVERED]


def test_files_that_are_no_good_are_known_before_anything_is_sent(
    bench: Bench, tmp_path: Path
) -> None:
    with receiver() as it:
        to = at(it, tls=True, trusted=tmp_path / "missing.pem")
        job_id = waiting(bench, [report()], to)
        bench.deliver_all(to)
    assert "cannot be read" in (bench.ledger.breakers.of("ris").last_error or "")
    assert bench.states(job_id) == [DeliveryState.WAITING]


def test_without_its_library_it_waits_and_says_what_to_install(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "hl7", None)
    monkeypatch.delitem(sys.modules, "dicom_node.handover.oru", raising=False)
    to = at(free_port())
    job_id = waiting(bench, [report()], to)
    bench.deliver_all(to)
    assert bench.states(job_id) == [DeliveryState.WAITING]
    assert "needs the extra `handover`" in (bench.ledger.breakers.of("ris").last_error or "")
