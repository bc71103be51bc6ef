"""Whatever is wrong with any object, the last gate names it and lets nothing through."""

from copy import deepcopy
from dataclasses import replace

import pytest
from pydicom import Dataset

from sr_writer.kinds import KINDS, SEG, SR, Kind
from sr_writer.verify import InvalidResult, verify
from tests.sr_writer.altering import Change, altered, assert_refused, check, set_to, without
from tests.sr_writer.examples import (
    ROLES,
    all_results,
    case_of,
    findings,
    header,
    identity,
    source_of,
    write,
)

every_kind = pytest.mark.parametrize("kind", KINDS, ids=ROLES)


def forget_an_algorithm(dataset: Dataset) -> None:
    del dataset.ContributingEquipmentSequence[-1]


CASES = [
    (set_to(PatientName="Another^Patient"), "(0010,0010)"),
    (set_to(PatientID="P2"), "(0010,0020)"),
    (set_to(StudyTime="101501"), "(0008,0030)"),
    (set_to(StudyInstanceUID="1.2.3"), "(0020,000D)"),
    (set_to(AccessionNumber=""), "(0008,0050)"),
    (without("PatientBirthDate"), "(0010,0030)"),
    (set_to(SOPInstanceUID="1.2.3"), "1.2.3 stands where"),
    (set_to(SeriesInstanceUID="1.2.3"), "1.2.3 stands where"),
    (set_to(Manufacturer=""), "Manufacturer has no value"),
    (set_to(Modality=None), "Modality has no value"),
    (forget_an_algorithm, "is not in the Contributing Equipment Sequence"),
]


@every_kind
def test_what_was_written_passes_and_so_does_a_copy_of_another_writer(kind: Kind) -> None:
    check(kind, all_results()[kind.role].content)
    check(kind, altered(kind, lambda _: None))


@every_kind
@pytest.mark.parametrize(("change", "message"), CASES)
def test_a_wrong_object_is_refused_by_name(kind: Kind, change: Change, message: str) -> None:
    assert_refused(kind, change, message)


@every_kind
def test_bytes_that_break_off_are_refused(kind: Kind) -> None:
    content = all_results()[kind.role].content
    for length in (0, 100, 200, len(content) // 2):
        with pytest.raises(InvalidResult):
            check(kind, content[:length])


def test_one_kind_in_anothers_place_is_refused() -> None:
    with pytest.raises(InvalidResult):
        check(SR, all_results()["SEG"].content)


def test_findings_whose_figures_contradict_their_masks_are_refused() -> None:
    wrong = replace(findings().left, infected_percent=1.0)
    with pytest.raises(InvalidResult, match="percent where"):
        write(replace(findings(), left=wrong))
    wrong = replace(findings().left, lung_pixels=7)
    with pytest.raises(InvalidResult, match="segment 1"):
        write(replace(findings(), left=wrong))


def test_another_patients_header_is_refused() -> None:
    content = all_results()["SR"].content
    other = source_of(header(PatientName="Another^Patient"))
    with pytest.raises(InvalidResult, match="0010,0010"):
        verify(SR, content, other, identity(), lambda _: ())


def test_verifying_alters_nothing() -> None:
    case = case_of(findings())
    before = deepcopy(case.source)
    content = all_results()["SEG"].content
    verify(SEG, content, case.source, case.identity, lambda dataset: SEG.verify(dataset, case))
    assert case.source.header == before.header
    assert case.source.inherited == before.inherited
