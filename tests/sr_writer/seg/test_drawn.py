"""A reader's SEG from the page: whose each segment is, and what else it says of its making."""

from datetime import UTC, datetime
from io import BytesIO

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from inference.findings import SEGMENTS, Decision, Laterality, Task
from sr_writer.seg.drawn import Masks, is_redrawn, redrawn, written_name
from tests.sr_writer.examples import findings, usual_results, write
from tests.sr_writer.reading import read

AT = datetime(2026, 11, 28, 23, 30, tzinfo=UTC)
LEFT = Task.INFECTION, Laterality.LEFT


def masks_of(seg: Dataset) -> Masks:
    return dict(zip(SEGMENTS, np.asarray(seg.pixel_array, np.bool_), strict=True))


def with_more(found: Masks) -> Masks:
    """Infection of the left lung, all of it."""
    return {**found, LEFT: found[Task.LUNG, Laterality.LEFT]}


def drawn(seg: Dataset, found: Masks, masks: Masks) -> Dataset:
    content = redrawn(
        seg, found, found, masks, uid="2.25.1", author="Vera", created=AT, begun_from=seg
    )
    return dcmread(BytesIO(content))


def types(seg: Dataset) -> list[str]:
    return [str(one.SegmentAlgorithmType) for one in seg.SegmentSequence]


def test_what_was_changed_is_half_the_readers_and_the_rest_the_networks() -> None:
    ours = read(usual_results()["SEG"])
    found = masks_of(ours)
    seg = drawn(ours, found, with_more(found))
    assert types(seg) == ["AUTOMATIC", "AUTOMATIC", "SEMIAUTOMATIC", "AUTOMATIC"]
    assert (
        seg.SegmentSequence[2].SegmentAlgorithmName == ours.SegmentSequence[2].SegmentAlgorithmName
    )
    assert np.array_equal(masks_of(seg)[LEFT], found[Task.LUNG, Laterality.LEFT])


def test_what_the_networks_had_not_found_is_the_readers_alone() -> None:
    ours = read(write(findings(Decision.NEGATIVE))["SEG"])
    found = masks_of(ours)
    seg = drawn(ours, found, with_more(found))
    assert types(seg) == ["AUTOMATIC", "AUTOMATIC", "MANUAL", "AUTOMATIC"]
    assert "SegmentAlgorithmName" not in seg.SegmentSequence[2]
    assert (ours.SegmentsOverlap, seg.SegmentsOverlap) == ("NO", "YES")


def test_it_has_a_name_an_author_and_a_predecessor_of_its_own() -> None:
    ours = read(usual_results()["SEG"])
    found = masks_of(ours)
    seg = drawn(ours, found, with_more(found))
    assert seg.SOPInstanceUID == seg.file_meta.MediaStorageSOPInstanceUID == "2.25.1"
    assert seg.SeriesInstanceUID != ours.SeriesInstanceUID
    assert (seg.StudyInstanceUID, seg.PatientID) == (ours.StudyInstanceUID, ours.PatientID)
    assert (seg.ContentCreatorName, seg.SeriesDescription) == (
        "Vera", "COVID-19: a reader's correction, not for diagnosis",
    )  # fmt: skip
    (study,) = seg.PredecessorDocumentsSequence
    (item,) = study.ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert item.ReferencedSOPInstanceUID == ours.SOPInstanceUID
    assert is_redrawn(seg)
    assert not is_redrawn(ours)


@pytest.mark.parametrize(
    ("name", "written"),
    [("Vera", "Vera"), ("Jörg Müller", "Joerg Mueller"), ("a^b=c\\d", "a b c d"), ("^", "")],
)
def test_a_name_is_written_in_letters_that_every_header_has(name: str, written: str) -> None:
    assert written_name(name) == written


def test_readers_whose_letters_no_header_has_are_told_from_each_other() -> None:
    names = ["Жанна", "Юрий", "Łukasz", "Ŵukasz", "Ж" * 64, "a" * 64 + "Ж"]
    written = [written_name(name) for name in names]
    assert len({*written}) == len(names)
    assert all(one.isascii() and one.strip() == one and len(one) <= 64 for one in written)
    assert written[0].startswith("Reader ")
    assert written[2].startswith("ukasz ")
