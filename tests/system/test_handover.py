"""A whole node hands over: HL7 and FHIR beside a PACS, from a radiograph to its rejection."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydicom import Dataset

from dicom_node.cli.node.opening import open_ledger
from dicom_node.cli.node.parts import Part, run
from dicom_node.config import Config, load
from dicom_node.demo.modality import send
from dicom_node.demo.node import free_port
from dicom_node.demo.pacs import Pacs
from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.errors import SUCCESS
from dicom_node.ledger import DeliveryState, Ledger
from tests.dicom_node.delivery.bench import Bench
from tests.dicom_node.handover.fhir_server import fhir_server
from tests.dicom_node.handover.receiver import accept, receiver
from tests.dicom_node.handover.reports import report, waiting
from tests.dicom_node.rejecting import rejection_note
from tests.phantoms import draw
from tests.system.waiting import wait_until

pytestmark = pytest.mark.slow

PARTS = (Part.LISTEN, Part.WORK, Part.SEND)


@contextmanager
def node(
    folder: Path, pacs: Pacs, hl7_port: int, fhir_base: str
) -> Iterator[tuple[Config, Ledger]]:
    file = folder / "node.toml"
    file.write_text(
        f"""
        [node]
        state = "state"
        port = {free_port()}
        [[destination]]
        name = "pacs"
        aet = "{pacs.aet}"
        host = "{pacs.host}"
        port = {pacs.port}
        [[destination]]
        kind = "hl7"
        name = "ris"
        host = "127.0.0.1"
        port = {hl7_port}
        [[destination]]
        kind = "fhir"
        name = "ehr"
        base = "{fhir_base}"
        """,
        "utf-8",
    )
    config = load(file, {})
    stop, ready = threading.Event(), [threading.Event() for _ in PARTS]
    parts = [
        threading.Thread(target=run, args=(part, config, stop, is_ready.set))
        for part, is_ready in zip(PARTS, ready, strict=True)
    ]
    for part in parts:
        part.start()
    ledger = open_ledger(config)
    try:
        assert all(is_ready.wait(90) for is_ready in ready)
        yield config, ledger
    finally:
        stop.set()
        for part in parts:
            part.join()
        ledger.close()


def give(config: Config, *datasets: Dataset) -> None:
    statuses = [sent.status for sent in send(datasets, "127.0.0.1", config.node.port)]
    assert statuses == [SUCCESS] * len(datasets)


def test_worklist_and_record_are_told_and_told_when_it_is_taken_back(tmp_path: Path) -> None:
    source = as_dicom(draw(Kind.LEFT_OPACITY, rows=382, columns=318, seed=4))
    with (
        Pacs(tmp_path / "pacs") as pacs,
        receiver() as ris,
        fhir_server() as ehr,
        node(tmp_path, pacs, ris.port, ehr.base) as (config, ledger),
    ):
        give(config, source)
        wait_until(lambda: bool(ris.messages and ehr.held), 60, "both to be told")
        first = ris.messages[0]
        assert str(first.segment("OBX")(5)) == "52101004^Present^SCT"
        assert str(source.StudyInstanceUID) in str(first)
        (told,) = ehr.of("DiagnosticReport")
        assert told["subject"]["identifier"]["value"] == source.PatientID
        give(config, rejection_note("113001", source))
        wait_until(
            lambda: len(ris.messages) == 2 and ehr.of("DiagnosticReport") != [told], 60, "a note"
        )
        assert str(ris.messages[1].segment("OBR")(25)) == "X"
        assert str(ris.messages[1].segment("OBR")(3)) == str(first.segment("OBR")(3))
        assert {each["status"] for each in ehr.held} == {"entered-in-error"}
        wait_until(lambda: not ledger.reports.summary().deliveries_waiting, 20, "the ledger")
        assert (len(ris.messages), len(ehr.posted)) == (2, 2)


def test_who_cannot_be_told_holds_up_nobody(tmp_path: Path) -> None:
    source = as_dicom(draw(Kind.LEFT_OPACITY, rows=382, columns=318, seed=5))
    with (
        Pacs(tmp_path / "pacs") as pacs,
        receiver() as ris,
        node(tmp_path, pacs, ris.port, f"http://127.0.0.1:{free_port()}/r4") as (config, ledger),
    ):
        ris.answer = lambda _: "close"
        give(config, source)
        wait_until(lambda: len(pacs.stored) == 3, 60, "the PACS to have all")
        wait_until(lambda: ledger.breakers.of("ehr").failures > 0, 60, "a try")
        waiting = {"ris": 1, "ehr": 1}
        wait_until(lambda: ledger.reports.summary().deliveries_waiting == waiting, 20, "no other")


def test_a_sender_killed_before_the_answer_tells_the_same_message_again(tmp_path: Path) -> None:
    file = tmp_path / "node.toml"
    with receiver() as ris:
        file.write_text(
            f"""
            [node]
            state = "."
            [[destination]]
            kind = "hl7"
            name = "ris"
            host = "127.0.0.1"
            port = {ris.port}
            """,
            "utf-8",
        )
        (to,) = load(file).destinations
        bench = Bench(tmp_path)
        job_id = waiting(bench, [report()], to)
        ris.answer = lambda _: None
        with sender(file) as process:
            wait_until(lambda: bool(ris.messages), 60, "a message")
            process.kill()
        ris.answer = accept
        with sender(file):
            wait_until(lambda: bench.states(job_id) == [DeliveryState.DELIVERED], 60, "an answer")
        bench.ledger.close()
    assert len(ris.texts) == 2
    assert len(set(ris.texts)) == 1


@contextmanager
def sender(config: Path) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", "dicom_node", "send", "--config", str(config)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()
