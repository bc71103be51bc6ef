"""A patient's radiographs of different days, through a whole node: what the archive gets, and what
an operator sees.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import Comprehensive3DSRStorage, EncapsulatedPDFStorage, SegmentationStorage

from dicom_node.demo.modality import send
from dicom_node.demo.node import RunningNode
from dicom_node.demo.pacs import Pacs
from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.errors import SUCCESS
from tests.dicom_node.rejecting import predecessors, referenced
from tests.phantoms import draw
from tests.system.waiting import ended_job, run_cli, wait_until

KEYS = """
[node]
state = "state"
[priors]
days = 30
[[destination]]
name = "pacs"
aet = "{pacs.aet}"
host = "127.0.0.1"
port = {pacs.port}
preset = "ohif"
"""


def visit(day: int, kind: Kind, **overrides: object) -> Dataset:
    """On a day of March 2026, of one patient."""
    date = f"202603{day:02d}"
    dates = dict.fromkeys(("StudyDate", "SeriesDate", "ContentDate", "AcquisitionDate"), date)
    image = draw(kind, rows=382, columns=318, seed=4)
    keys: dict[str, Any] = {"IssuerOfPatientID": "HOSPITAL"} | dates | overrides
    return as_dicom(image, **keys)


class Site:
    """A node beside an archive."""

    def __init__(self, node: RunningNode, pacs: Pacs, config: Path) -> None:
        self.node, self.pacs, self.config = node, pacs, config

    def receive(self, image: Dataset) -> None:
        (sent,) = send([image], "127.0.0.1", self.node.port)
        assert sent.status == SUCCESS
        ended_job(self.node.state, image.SOPInstanceUID)

    def of(self, image: Dataset, sop_class: str, count: int = 1) -> Dataset:
        """The last that the archive got of this image, once it has so many."""

        def paths() -> list[Path]:
            return [one.path for one in self.pacs.stored if one.sop_class_uid == sop_class
                    and one.path.parent.name == image.StudyInstanceUID]  # fmt: skip

        wait_until(lambda: len(paths()) >= count, 90, f"{count} of {sop_class}")
        assert len(paths()) == count
        return dcmread(paths()[-1])

    def job(self, image: Dataset) -> tuple[dict[str, Any], str]:
        """What `cxr-node job` says, for machines and for people."""
        number = str(ended_job(self.node.state, image.SOPInstanceUID).id)
        as_json = run_cli("job", number, "--json", "--config", str(self.config)).stdout
        return json.loads(as_json), run_cli("job", number, "--config", str(self.config)).stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("priors")
    with Pacs(folder / "pacs") as pacs:
        config = folder / "node.toml"
        config.write_text(KEYS.format(pacs=pacs), "utf-8")
        with RunningNode(folder / "state", config_file=config) as node:
            yield Site(node, pacs, config)


def test_each_report_tells_of_the_days_before_and_of_nobody_else(site: Site) -> None:
    first, second = visit(1, Kind.HEALTHY), visit(4, Kind.LEFT_OPACITY)
    stranger = visit(2, Kind.RIGHT_OPACITY, PatientBirthDate="19010203")
    for image in (first, stranger, second):
        site.receive(image)
    report = site.of(second, Comprehensive3DSRStorage)
    earlier = site.of(first, Comprehensive3DSRStorage)
    assert referenced(report, "PertinentOtherEvidenceSequence") == {
        first.SOPInstanceUID,
        earlier.SOPInstanceUID,
    }
    page = bytes(site.of(second, EncapsulatedPDFStorage).EncapsulatedDocument)
    assert b"2026-03-01" in page
    assert b"birth date or sex differ under this Patient ID: 2026-03-02" in page
    told, lines = site.job(second)
    (omitted,) = told["earlier_radiographs"]["omitted"]
    assert (omitted["taken"][:10], omitted["why"]) == ("2026-03-02", "other_patient")
    assert "  2026-03-01T08:04:30  left 0.0 %, right 0.0 %" in lines
    assert "not compared: birth date or sex differ under this Patient ID" in lines
    # Nor is the stranger told of them.
    assert "PertinentOtherEvidenceSequence" not in site.of(stranger, Comprehensive3DSRStorage)


def test_one_that_comes_late_makes_the_report_of_a_later_day_anew(site: Site) -> None:
    """Under a name of its own, in the place of the one before; what has no words stays."""
    others = {"PatientID": "SOMEBODY-ELSE"}
    late, last = visit(20, Kind.HEALTHY, **others), visit(25, Kind.RIGHT_OPACITY, **others)
    site.receive(last)
    before = site.of(last, Comprehensive3DSRStorage)
    assert "PertinentOtherEvidenceSequence" not in before
    site.receive(late)
    after = site.of(last, Comprehensive3DSRStorage, count=2)
    assert predecessors(after) == {before.SOPInstanceUID}
    assert late.SOPInstanceUID in referenced(after, "PertinentOtherEvidenceSequence")
    ended_job(site.node.state, last.SOPInstanceUID)
    site.of(last, SegmentationStorage, count=1)
