"""How urgent an instance is: by its sender, its age, its header and its request."""

from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from pydicom import Dataset, Sequence, dcmread
from pydicom.uid import UID

from dicom_node.config import PrioritySection
from dicom_node.intake.indexing import read_index
from dicom_node.intake.ranking import HIGH, LOW, MEDIUM, Ranking
from dicom_node.ledger import Priority
from dicom_node.network.dimse import associate, requestor
from dicom_node.patients import Patients
from tests.dicom_node.listening import Start
from tests.dicom_node.radiographs import file_bytes

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TODAY, LONG_AGO = "2026-03-01T11:58:00", "2019-05-06"


def rank(
    aet: str = "PACS",
    acquired_at: str = TODAY,
    request: int = MEDIUM,
    said: dict[str, list[str]] | None = None,
    **asked: Any,
) -> Priority:
    return Ranking(PrioritySection(**asked)).of(aet, acquired_at, said or {}, request, NOW)[0]


def test_what_nothing_is_said_of_is_routine() -> None:
    assert rank() is Priority.ROUTINE
    assert rank(acquired_at="") is Priority.ROUTINE
    said = Ranking(PrioritySection()).of("PACS", TODAY, {}, MEDIUM, NOW)
    assert said == (Priority.ROUTINE, "no rule says otherwise")


def test_a_sender_decides_before_all_else() -> None:
    who: dict[str, Any] = {"stat_callers": ["ER"], "low_callers": ["MIGRATION"]}
    urgent = {"RequestedProcedurePriority": ["STAT"]}
    assert rank("ER", LONG_AGO, **who) is Priority.STAT
    assert rank("MIGRATION", said=urgent, **who) is Priority.LOW
    assert rank("OTHER", **who) is Priority.ROUTINE


def test_what_is_old_is_low_whatever_it_says() -> None:
    urgent = {"RequestedProcedurePriority": ["STAT"]}
    assert rank(acquired_at=LONG_AGO, said=urgent) is Priority.LOW
    assert rank(acquired_at=LONG_AGO, said=urgent, low_after_days=36500) is Priority.STAT
    week = (NOW - timedelta(days=7)).isoformat()
    assert rank(acquired_at=week) is Priority.ROUTINE
    assert rank(acquired_at="2026-02-21") is Priority.LOW


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("STAT", Priority.STAT), ("stat", Priority.STAT), ("HIGH", Priority.STAT),
        ("LOW", Priority.LOW), ("ROUTINE", Priority.ROUTINE), ("", Priority.ROUTINE),
        ("STATIONARY", Priority.ROUTINE),
    ],
)  # fmt: skip
def test_requested_procedure_priority_counts_by_itself(value: str, meant: Priority) -> None:
    assert rank(said={"RequestedProcedurePriority": [value]}) is meant


def test_an_attribute_is_matched_by_wild_card_and_by_nothing_else() -> None:
    asked: dict[str, Any] = {"stat_attributes": ["StationName=ER?[1]*"]}
    assert rank(said={"StationName": ["er-[1] left"]}, **asked) is Priority.STAT
    assert rank(said={"StationName": ["ER-1 left"]}, **asked) is Priority.ROUTINE
    # Once given, the list is the whole list.
    assert rank(said={"RequestedProcedurePriority": ["STAT"]}, **asked) is Priority.ROUTINE


def test_a_request_counts_where_that_is_asked_for() -> None:
    assert [rank(request=one) for one in (MEDIUM, HIGH, LOW)] == [Priority.ROUTINE] * 3
    high = [rank(request=one, c_store_priority="high") for one in (MEDIUM, HIGH, LOW)]
    assert high == [Priority.ROUTINE, Priority.STAT, Priority.ROUTINE]
    both = [rank(request=one, c_store_priority="all") for one in (MEDIUM, HIGH, LOW)]
    assert both == [Priority.ROUTINE, Priority.STAT, Priority.LOW]


# Of real data sets


def said_of(image: Dataset, *keywords: str) -> dict[str, list[str]]:
    content = file_bytes(image)
    uids = str(image.SOPClassUID), str(image.SOPInstanceUID)
    said = read_index(content, *uids, Patients(b"key"), keywords).said
    return {keyword: list(values) for keyword, values in said.items()}


def test_values_are_read_from_the_image_and_from_its_requests(radiograph: Dataset) -> None:
    image = dcmread(BytesIO(file_bytes(radiograph)))
    image.StationName = "ER-CR1 "
    image.ImageType = ["ORIGINAL", "PRIMARY"]
    first, second = Dataset(), Dataset()
    first.RequestedProcedureID = "1"
    second.RequestedProcedurePriority = "STAT"
    image.RequestAttributesSequence = Sequence([first, second])
    keywords = ("StationName", "ImageType", "RequestedProcedurePriority", "PerformedLocation")
    assert said_of(image, *keywords) == {
        "StationName": ["ER-CR1"],
        "ImageType": ["ORIGINAL", "PRIMARY"],
        "RequestedProcedurePriority": ["STAT"],
        "PerformedLocation": [],
    }
    image.RequestAttributesSequence.is_undefined_length = True
    assert said_of(image, "RequestedProcedurePriority") == {"RequestedProcedurePriority": ["STAT"]}


def test_an_attribute_that_is_no_text_costs_only_itself(radiograph: Dataset) -> None:
    image = dcmread(BytesIO(file_bytes(radiograph)))
    image.add_new("StationName", "SQ", [Dataset()])
    image.add_new("RequestAttributesSequence", "LO", "no sequence")
    assert said_of(image, "StationName") == {"StationName": []}


def test_a_job_is_of_the_class_of_its_instance(running: Start, radiograph: Dataset) -> None:
    node = running(priority=PrioritySection(stat_callers=("ER",), c_store_priority="high"))
    assert node.send(radiograph, calling_aet="ER") == [0x0000]
    (job,) = node.ledger.jobs.of_instance(radiograph.SOPInstanceUID)
    assert job.priority is Priority.STAT
    assert node.ledger.reports.events(job.id)[0].detail == "STAT: sent by ER"
    store(node.listener.port, renamed(radiograph, "1.2.3"), HIGH)
    (other,) = node.ledger.jobs.of_instance("1.2.3")
    assert other.priority is Priority.STAT


def renamed(image: Dataset, uid: str) -> Dataset:
    """Another instance, of today."""
    other = dcmread(BytesIO(file_bytes(image)))
    other.SOPInstanceUID = other.file_meta.MediaStorageSOPInstanceUID = UID(uid)
    other.AcquisitionDate = datetime.now(UTC).strftime("%Y%m%d")
    return other


def store(port: int, image: Dataset, priority: int) -> None:
    """By a request of that priority."""
    syntax = str(image.file_meta.TransferSyntaxUID)
    contexts = [(str(image.SOPClassUID), syntax)]
    association = associate(requestor("PACS", contexts, 10, 60), "127.0.0.1", port, "ANY-SCP", [])
    assert association.is_established
    assert association.send_c_store(image, priority=priority).Status == 0x0000
    association.release()
