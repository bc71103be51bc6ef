"""The sender against real Application Entities: what arrives, what is tried again, what is not."""

import threading
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)
from pynetdicom import AE, evt

from dicom_node.config import Destination
from dicom_node.config.profiles import STANDARD, Profile
from dicom_node.delivery.association import DicomAssociation
from dicom_node.delivery.query import DicomQuery
from dicom_node.delivery.sender import Sender
from dicom_node.demo.pacs import Pacs
from dicom_node.errors import DestinationUnavailable, LedgerUnavailable
from dicom_node.ledger import DeliveryState, Progress
from dicom_node.ledger.work.workers import LEASE_S
from dicom_node.queueing import Queues
from tests.dicom_node.delivery.bench import CLASSES, USUAL, Bench, at, keys_of, wait_until
from tests.dicom_node.hearts import heart
from tests.dicom_node.ledger.records import progress

pytestmark = pytest.mark.slow


def test_all_outputs_of_a_study_arrive_and_the_job_is_delivered(bench: Bench, pacs: Pacs) -> None:
    job_id = bench.build(at(pacs))
    assert bench.loop(at(pacs)).deliver_due()
    assert [arrival.sop_class_uid for arrival in pacs.stored] == USUAL
    assert {arrival.calling_aet for arrival in pacs.stored} == {"CXRNODE"}
    assert progress(bench.ledger, job_id) is Progress.DELIVERED
    assert not bench.loop(at(pacs)).deliver_due()


def test_one_association_proposes_just_what_is_sent(bench: Bench) -> None:
    proposals: list[set[tuple[str, str]]] = []

    def remember(event: evt.Event) -> None:
        contexts = event.assoc.requestor.primitive.presentation_context_definition_list
        proposals.append({(cx.abstract_syntax, *cx.transfer_syntax) for cx in contexts})

    ae = AE(ae_title="PACS")
    for sop_class in CLASSES.values():
        ae.add_supported_context(sop_class)
    handlers = [(evt.EVT_REQUESTED, remember), (evt.EVT_C_STORE, lambda _: 0)]
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    try:
        destination = Destination(
            name="pacs", aet="PACS", host="127.0.0.1", port=server.server_address[1]
        )
        bench.build(destination)
        bench.loop(destination).deliver_due()
    finally:
        ae.shutdown()
    syntaxes = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
    assert proposals == [{(uid, syntax) for uid in USUAL for syntax in syntaxes}]


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (0x0000, DeliveryState.DELIVERED),
        (0xB000, DeliveryState.DELIVERED),
        (0x0111, DeliveryState.DELIVERED),
        (0xA700, DeliveryState.WAITING),
        (0xA7FF, DeliveryState.WAITING),
        (0x0110, DeliveryState.WAITING),
        (0x0124, DeliveryState.WAITING),
        (0xA900, DeliveryState.WAITING),
        (0xC123, DeliveryState.WAITING),
    ],
)
def test_a_status_decides_and_is_recorded(
    bench: Bench, pacs: Pacs, status: int, state: DeliveryState
) -> None:
    pacs.answer = lambda _: status
    job_id = bench.build(at(pacs))
    bench.loop(at(pacs)).deliver_due()
    deliveries = [d for d in bench.ledger.deliveries.of_job(job_id) if d.stands_in_for is None]
    assert [delivery.state for delivery in deliveries] == [state] * 3
    assert {delivery.dimse_status for delivery in deliveries} == {status}
    assert all(f"{status:#06x}" in (d.reason or "") for d in deliveries) == (
        state is not DeliveryState.DELIVERED
    )


def without(*roles: str) -> list[UID]:
    return [UID(uid) for role, uid in CLASSES.items() if role not in roles]


@dataclass(frozen=True)
class Old:
    """A destination that does not accept some of the classes, and what becomes of the outputs."""

    refuses: tuple[str, ...]
    profile: Profile
    arrived: str
    states: dict[str, str]
    progress: Progress = Progress.DELIVERED


OLD = {
    "SEG": Old(
        ("SEG",), STANDARD, "SR SC PR",
        {"SEG": "SUBSTITUTED", "SR": "DELIVERED", "SR2D": "RESERVE", "SC": "DELIVERED",
         "PR": "DELIVERED", "DOC": "RESERVE"},
    ),
    "SEG and PR": Old(
        ("SEG", "PR"), STANDARD, "SR SC",
        {"SEG": "SUBSTITUTED", "SR": "DELIVERED", "SR2D": "RESERVE", "SC": "DELIVERED",
         "PR": "SUBSTITUTED", "DOC": "RESERVE"},
    ),
    "SEG and PR, where SC is no output of its own": Old(
        ("SEG", "PR"), Profile(("SEG",)), "SC",
        {"SEG": "SUBSTITUTED", "SC": "DELIVERED", "PR": "SUBSTITUTED"},
    ),
    "both classes of SR": Old(
        ("SR", "SR2D"), STANDARD, "SEG SC DOC",
        {"SEG": "DELIVERED", "SR": "SUBSTITUTED", "SR2D": "SUBSTITUTED", "SC": "DELIVERED",
         "PR": "RESERVE", "DOC": "DELIVERED"},
    ),
    "SEG, and the next best is not wanted": Old(
        ("SEG",), Profile(("SEG", "SR"), next_best=False), "SR",
        {"SEG": "REFUSED", "SR": "DELIVERED"}, Progress.INCOMPLETE,
    ),
    "all but a page": Old(
        ("SEG", "PR", "SC", "SR", "SR2D"), STANDARD, "DOC",
        {"SEG": "SUBSTITUTED", "SR": "SUBSTITUTED", "SR2D": "SUBSTITUTED", "SC": "REFUSED",
         "PR": "REFUSED", "DOC": "DELIVERED"}, Progress.INCOMPLETE,
    ),
}  # fmt: skip


@pytest.mark.parametrize("old", OLD.values(), ids=OLD)
def test_what_is_not_accepted_at_association_is_replaced_by_the_next_best(
    bench: Bench, tmp_path: Path, old: Old
) -> None:
    with Pacs(tmp_path / "pacs", sop_classes=without(*old.refuses)) as pacs:
        destination = at(pacs, name="old", **keys_of(old.profile))
        job_id = bench.build(destination)
        bench.deliver_all(destination)
        arrived = {arrival.sop_class_uid for arrival in pacs.stored}
    assert arrived == {CLASSES[role] for role in old.arrived.split()}
    assert bench.by_role(job_id) == old.states
    assert progress(bench.ledger, job_id) is old.progress
    if old.states.get("SEG") == "SUBSTITUTED":
        said = [one.what for one in bench.ledger.reports.summary().substitutions]
        assert "old does not accept SEG: PR is sent instead" in said


def test_a_class_refused_by_status_counts_as_not_accepted(bench: Bench, pacs: Pacs) -> None:
    pacs.answer = lambda offer: 0x0122 if offer.sop_class_uid == CLASSES["SEG"] else 0x0000
    job_id = bench.build(at(pacs))
    bench.deliver_all(at(pacs))
    assert (bench.by_role(job_id)["SEG"], bench.by_role(job_id)["PR"]) == (
        "SUBSTITUTED",
        "DELIVERED",
    )
    assert "0x0122" in bench.ledger.reports.summary().substitutions[0].what


def test_who_takes_only_implicit_vr_gets_the_same_values_in_it(
    bench: Bench, tmp_path: Path
) -> None:
    with Pacs(tmp_path / "pacs", transfer_syntaxes=[ImplicitVRLittleEndian]) as pacs:
        job_id = bench.build(at(pacs))
        bench.deliver_all(at(pacs))
        assert len(pacs.stored) == 3
        built = {d.sop_instance_uid: d.path for d in bench.ledger.deliveries.of_job(job_id)}
        for arrival in pacs.stored:
            received = dcmread(arrival.path)
            assert received.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
            assert received == dcmread(bench.spool.resolve(built[arrival.sop_instance_uid]))
    assert bench.states(job_id) == [DeliveryState.DELIVERED] * 3
    assert list((tmp_path / "spool" / "tmp").iterdir()) == []


def test_the_files_own_syntax_leaves_byte_for_byte(bench: Bench, pacs: Pacs) -> None:
    job_id = bench.build(at(pacs))
    bench.deliver_all(at(pacs))
    sent = {d.sop_instance_uid: d.path for d in bench.ledger.deliveries.of_job(job_id)}
    for arrival in pacs.stored:
        built = bench.spool.read(sent[arrival.sop_instance_uid])
        assert data_set_of(arrival.path.read_bytes()) == data_set_of(built)


def data_set_of(content: bytes) -> bytes:
    """What follows the file meta group, which every receiver words its own way."""
    meta = dcmread(BytesIO(content)).file_meta
    return content[144 + meta.FileMetaInformationGroupLength :]


def test_no_transfer_syntax_in_common_is_not_accepting_either(bench: Bench, tmp_path: Path) -> None:
    with Pacs(tmp_path / "pacs", transfer_syntaxes=[RLELossless]) as pacs:
        destination = at(pacs, name="odd", outputs=("SR",), next_best=False)
        job_id = bench.build(destination)
        bench.deliver_all(destination)
    (delivery,) = bench.ledger.deliveries.of_job(job_id)
    assert delivery.reason == "odd does not accept SR in any transfer syntax offered"


def test_an_outage_ends_with_everything_delivered_once(bench: Bench, pacs: Pacs) -> None:
    pacs.stop()
    job_ids = [bench.build(at(pacs)) for _ in range(3)]
    loop, stop = bench.loop(at(pacs)), threading.Event()
    thread = threading.Thread(target=loop.run, args=(stop,))
    thread.start()
    try:
        wait_until(lambda: any(d.reason for d in bench.ledger.deliveries.of_job(job_ids[0])))
        assert bench.states(job_ids[0]) == [DeliveryState.WAITING] * 3
        pacs.start()
        arrivals = pacs.wait_for(lambda stored: len(stored) >= 9)
        wait_until(lambda: bench.states(job_ids[2]) == [DeliveryState.DELIVERED] * 3)
    finally:
        stop.set()
        loop.ring()
        thread.join()
    assert len({arrival.sop_instance_uid for arrival in arrivals}) == len(pacs.stored) == 9


def test_a_dead_destination_does_not_hold_up_another(
    bench: Bench, pacs: Pacs, tmp_path: Path
) -> None:
    dead = Destination(name="dead", aet="NOBODY", host="127.0.0.1", port=1)
    job_id = bench.build(dead, at(pacs))
    queues = Queues("filesystem://", tmp_path / "queue", prefetch=1)
    owner = heart(bench.ledger, "sender")
    sender = Sender("CXRNODE", [dead, at(pacs)], bench.spool, bench.ledger, queues, owner)
    stop = threading.Event()
    thread = threading.Thread(target=sender.run, args=(stop,))
    thread.start()
    try:
        pacs.wait_for(lambda stored: len(stored) == 3)
    finally:
        stop.set()
        thread.join()
        queues.close()
    waiting = {
        d.destination for d in bench.ledger.deliveries.of_job(job_id) if d.state == "WAITING"
    }
    assert waiting == {"dead"}


def test_a_claim_whose_answer_was_lost_is_sent_by_who_made_it(
    bench: Bench, pacs: Pacs, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = bench.build(at(pacs))
    loop, asked = bench.loop(at(pacs)), bench.ledger.deliveries.claim

    def lost(*arguments: Any, **named: Any) -> None:
        monkeypatch.setattr(bench.ledger.deliveries, "claim", asked)
        assert asked(*arguments, **named)
        raise LedgerUnavailable("no answer within 5 s")

    monkeypatch.setattr(bench.ledger.deliveries, "claim", lost)
    with pytest.raises(LedgerUnavailable):
        loop.deliver_due()
    assert loop.deliver_due()
    assert progress(bench.ledger, job_id) is Progress.DELIVERED
    attempts = {d.attempts for d in bench.ledger.deliveries.of_job(job_id) if not d.stands_in_for}
    assert attempts == {1}


class _Broken:
    """A query that nobody can read the answer of."""

    def held(self, _deliveries: object) -> list[int]:
        raise ValueError("no data set")


def test_what_is_in_doubt_is_sent_where_the_answer_about_it_cannot_be_read(
    bench: Bench, pacs: Pacs
) -> None:
    job_id = bench.build(at(pacs))
    bench.ledger.deliveries.claim(at(pacs).name, "dead", LEASE_S, 32)
    bench.ledger.deliveries.free_of(["dead"])
    loop = bench.loop(at(pacs))
    loop._sending._query = _Broken()
    assert loop.deliver_due()
    assert progress(bench.ledger, job_id) is Progress.DELIVERED


def test_what_a_bug_keeps_from_being_sent_is_not_held_for_ever(
    bench: Bench, pacs: Pacs, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.build(at(pacs))
    loop = bench.loop(at(pacs))

    def bug(*_: object, **__: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(loop._sending, "send", bug)
    with pytest.raises(ValueError, match="a bug"):
        loop.deliver_due()
    # What is in hand is renewed by each beat.
    assert loop._hand.ids == set()


def test_an_answer_to_a_query_that_cannot_be_read_is_none(bench: Bench, pacs: Pacs) -> None:
    job_id = bench.build(at(pacs))
    (delivery, *_) = bench.ledger.deliveries.of_job(job_id)
    # Three bytes of VR US.
    odd = dcmread(BytesIO(b"\x08\x00\x18\x00US\x03\x00abc"), force=True)

    class Odd:
        def find(self, *_: object) -> tuple[int, list[Dataset]]:
            return 0x0000, [odd]

    with pytest.raises(DestinationUnavailable, match="cannot be read"):
        DicomQuery(at(pacs), "CXRNODE")._shows(
            cast(DicomAssociation, Odd()),
            delivery.study_instance_uid,
            delivery.series_instance_uid,
            delivery.sop_instance_uid,
        )
