"""The change test of destinations: a kind that the project does not have is this one file.

It is defined here, given by value, and works end to end: a folder that outputs are put into.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydicom import dcmread

from dicom_node.cli.node.opening import open_ledger
from dicom_node.cli.node.parts import Part, run
from dicom_node.config import AnyDestination, load
from dicom_node.config.values import FolderPath
from dicom_node.delivery.kinds import DESTINATION_KINDS, DestinationKind, settings_of
from dicom_node.delivery.outcome import Fate, Outcome
from dicom_node.demo.modality import send
from dicom_node.demo.node import free_port
from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.demo.results import count_segmentation, read_report
from dicom_node.errors import SUCCESS, DestinationUnavailable
from dicom_node.ledger import Delivery
from dicom_node.spool import Spool
from tests.phantoms import draw
from tests.system.waiting import wait_until

PARTS = (Part.LISTEN, Part.WORK, Part.SEND)


class FolderDestination(AnyDestination):
    """Its section of the configuration."""

    kind: Literal["folder"]
    folder: FolderPath


class FolderCarrier:
    """Writes each output as a file, whole or not at all."""

    has_ended = False

    def __init__(self, to: FolderDestination, _aet: str, _spool: Spool) -> None:
        self._to = to

    @contextmanager
    def open(self, _deliveries: Sequence[Delivery]) -> Iterator["FolderCarrier"]:
        self.test()
        yield self

    def test(self) -> str:
        if not self._to.folder.is_dir():
            raise DestinationUnavailable(f"{self._to.name}: {self._to.folder} is no folder")
        return "the folder is there"

    def send(self, delivery: Delivery, content: bytes) -> Outcome:
        path = self._to.folder / f"{delivery.role}.dcm"
        path.with_suffix(".part").write_bytes(content)
        path.with_suffix(".part").rename(path)
        return Outcome(Fate.DELIVERED)


KINDS = {**DESTINATION_KINDS, "folder": DestinationKind(FolderDestination, FolderCarrier)}


def test_a_kind_of_destination_defined_here_gets_the_results_of_a_radiograph(
    tmp_path: Path,
) -> None:
    port, shelf = free_port(), tmp_path / "shelf"
    file = tmp_path / "node.toml"
    file.write_text(
        f"""
        [node]
        state = "state"
        port = {port}
        [[destination]]
        kind = "folder"
        name = "shelf"
        folder = "shelf"
        outputs = ["SEG", "SR"]
        next_best = false
        """,
        "utf-8",
    )
    config = load(file, {}, destination_settings=settings_of(KINDS))
    stop, ready = threading.Event(), [threading.Event() for _ in PARTS]
    parts = [
        threading.Thread(target=run, args=(part, config, stop, is_ready.set, KINDS))
        for part, is_ready in zip(PARTS, ready, strict=True)
    ]
    for part in parts:
        part.start()
    ledger = open_ledger(config)
    try:
        assert all(is_ready.wait(90) for is_ready in ready)
        source = as_dicom(draw(Kind.LEFT_OPACITY, rows=382, columns=318, seed=4))
        (sent,) = send([source], "127.0.0.1", port)
        assert sent.status == SUCCESS
        # Nothing is lost meanwhile, and why it waits can be read.
        wait_until(lambda: ledger.breakers.of("shelf").failures > 0, 60, "a first try")
        assert ledger.breakers.of("shelf").last_error == f"shelf: {shelf} is no folder"
        shelf.mkdir()
        wait_until(lambda: {f.name for f in shelf.iterdir()} == {"SEG.dcm", "SR.dcm"}, 60, "both")
        wait_until(lambda: not ledger.reports.summary().deliveries_waiting, 20, "the ledger")
        assert ledger.breakers.of("shelf").reachable
    finally:
        stop.set()
        for part in parts:
            part.join()
        ledger.close()
    report = read_report(shelf / "SR.dcm")
    assert report.percentages.agree(count_segmentation(shelf / "SEG.dcm"))
    assert dcmread(shelf / "SR.dcm").StudyInstanceUID == source.StudyInstanceUID
