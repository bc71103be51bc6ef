"""Whatever is wrong with an object, the last gate names it and lets nothing through."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from pydicom import Dataset, dcmread, dcmwrite

from inference.findings import Decision, Laterality, Task
from sr_writer import codes
from sr_writer.results import Role
from sr_writer.verify import InvalidResult, verify
from tests.sr_writer.examples import all_results, findings, header, identity, source_of, write
from tests.sr_writer.reading import everything, is_named

Change = Callable[[Dataset], None]


def check(role: Role, content: bytes) -> None:
    verify({role: content}, source_of(header()), findings(), identity())


def altered(role: Role, change: Change) -> bytes:
    dataset = dcmread(BytesIO(all_results()[role].content))
    change(dataset)
    buffer = BytesIO()
    dcmwrite(buffer, dataset)
    return buffer.getvalue()


def set_to(**values: object) -> Change:
    def change(dataset: Dataset) -> None:
        for keyword, value in values.items():
            setattr(dataset, keyword, value)

    return change


def without(keyword: str) -> Change:
    return lambda dataset: delattr(dataset, keyword)


def flip_a_pixel(dataset: Dataset) -> None:
    content = bytearray(dataset.PixelData)
    content[1000] ^= 0b100
    dataset.PixelData = bytes(content)


def swap_the_lungs(dataset: Dataset) -> None:
    left, right = dataset.SegmentSequence[:2]
    left.TrackingID, right.TrackingID = right.TrackingID, left.TrackingID


def name_another_source(dataset: Dataset) -> None:
    series = dataset.ReferencedSeriesSequence[0]
    series.ReferencedInstanceSequence[0].ReferencedSOPInstanceUID = "1.2.3"


def first(dataset: Dataset, name: str) -> Dataset:
    concept = getattr(codes, name)
    return next(item for item in everything(dataset) if is_named(item, concept))


def say_another_percentage(dataset: Dataset) -> None:
    value = first(dataset, "INFECTED_PERCENT").MeasuredValueSequence[0]
    value.NumericValue = float(value.NumericValue) + 0.02


def leave_a_percentage_out(dataset: Dataset) -> None:
    group = first(dataset, "MEASUREMENT_GROUP")
    group.ContentSequence = [
        i for i in group.ContentSequence if not is_named(i, codes.INFECTED_PERCENT)
    ]


def leave_a_region_out(dataset: Dataset) -> None:
    group = first(dataset, "MEASUREMENT_GROUP")
    group.ContentSequence = [i for i in group.ContentSequence if i.ValueType != "SCOORD"]


def open_a_region(dataset: Dataset) -> None:
    region = next(i for i in everything(dataset) if i.ValueType == "SCOORD")
    region.GraphicData = list(region.GraphicData)[:-2]


def move_a_region_outside(dataset: Dataset) -> None:
    region = next(i for i in everything(dataset) if i.ValueType == "SCOORD")
    region.GraphicData = [value + 1000 for value in region.GraphicData]


def name_another_algorithm(dataset: Dataset) -> None:
    first(dataset, "ALGORITHM_NAME").TextValue = "another"


def name_another_device(dataset: Dataset) -> None:
    first(dataset, "DEVICE_OBSERVER_UID").UID = "1.2.3"


def forget_an_algorithm(dataset: Dataset) -> None:
    del dataset.ContributingEquipmentSequence[-1]


def name_another_segmentation(dataset: Dataset) -> None:
    study = dataset.CurrentRequestedProcedureEvidenceSequence[0]
    study.ReferencedSeriesSequence[1].ReferencedSOPSequence[0].ReferencedSOPInstanceUID = "1.2.3"


def say_another_grade(dataset: Dataset) -> None:
    first(dataset, "EXTENT_GRADE").MeasuredValueSequence[0].NumericValue = 4


def leave_the_reason_out(dataset: Dataset) -> None:
    first(dataset, "SUMMARY").TextValue = "because"


def decide_otherwise(dataset: Dataset) -> None:
    container = first(dataset, "QUALITATIVE_EVALUATIONS")
    container.ContentSequence[0].ConceptCodeSequence[0].CodeValue = "272519000"


def say_that_it_succeeded_in_part(dataset: Dataset) -> None:
    first(dataset, "DETECTIONS").ConceptCodeSequence[0].CodeValue = "111223"


def conclude_otherwise(dataset: Dataset) -> None:
    first(dataset, "CONCLUSION").TextValue = "COVID-19 infection seen. About 90 % of the lungs."


def leave_the_notice_out(dataset: Dataset) -> None:
    dataset.ContentSequence = [i for i in dataset.ContentSequence if not is_named(i, codes.COMMENT)]


def conclude_last(dataset: Dataset) -> None:
    items = list(dataset.ContentSequence)
    items.append(items.pop(next(n for n, i in enumerate(items) if is_named(i, codes.CONCLUSION))))
    dataset.ContentSequence = items


def select_one_object_less(dataset: Dataset) -> None:
    del dataset.ContentSequence[-1]


def name_another_image(dataset: Dataset) -> None:
    image = dataset.ReferencedSeriesSequence[0].ReferencedImageSequence[0]
    image.ReferencedSOPInstanceUID = "1.2.3"


def name_another_series(dataset: Dataset) -> None:
    dataset.ReferencedSeriesSequence[0].SeriesInstanceUID = "1.2.3"


def display_a_part(dataset: Dataset) -> None:
    area = dataset.DisplayedAreaSelectionSequence[0]
    area.DisplayedAreaBottomRightHandCorner = [50, 50]


def graphic(dataset: Dataset) -> Dataset:
    return dataset.GraphicAnnotationSequence[0].GraphicObjectSequence[0]


def open_a_graphic(dataset: Dataset) -> None:
    item = graphic(dataset)
    item.GraphicData = list(item.GraphicData)[:-2]
    item.NumberOfGraphicPoints -= 1


def move_a_graphic_outside(dataset: Dataset) -> None:
    item = graphic(dataset)
    item.GraphicData = [value + 1000 for value in item.GraphicData]


def leave_a_lung_out(dataset: Dataset) -> None:
    del dataset.GraphicAnnotationSequence[0]
    del dataset.GraphicLayerSequence[0]


def leave_a_layer_undescribed(dataset: Dataset) -> None:
    del dataset.GraphicLayerSequence[0]


def write_another_percentage(dataset: Dataset) -> None:
    text = dataset.GraphicAnnotationSequence[-1].TextObjectSequence[0]
    text.UnformattedTextValue = text.UnformattedTextValue.replace("10 %", "15 %")


def print_another_percentage(dataset: Dataset) -> None:
    dataset.EncapsulatedDocument = dataset.EncapsulatedDocument.replace(
        b"(about 10 %", b"(about 15 %"
    )


def print_no_notice(dataset: Dataset) -> None:
    dataset.EncapsulatedDocument = dataset.EncapsulatedDocument.replace(b"Research", b"Clinical")


def print_half_a_page(dataset: Dataset) -> None:
    dataset.EncapsulatedDocumentLength //= 2


def print_two_pages(dataset: Dataset) -> None:
    dataset.EncapsulatedDocument = dataset.EncapsulatedDocument.replace(
        b"/Type /Catalog", b"/Type /Page   "
    )


def print_of_another_source(dataset: Dataset) -> None:
    dataset.SourceInstanceSequence[0].ReferencedSOPInstanceUID = "1.2.3"


ANY = [
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
SEG = [
    (flip_a_pixel, "pixels of segment"),
    (swap_the_lungs, "segment 1 is not Left lung"),
    (name_another_source, "refers to 1.2.3"),
    (set_to(Rows=1), "frames, rows and columns"),
    (set_to(NumberOfFrames=3), "frames, rows and columns"),
    (set_to(PatientOrientation=["R", "F"]), "Patient Orientation"),
    (set_to(SegmentSequence=[]), "SegmentSequence has no value"),
    (set_to(PixelData=b"\0\0"), "2 bytes of pixels"),
]
SR = [
    (say_another_percentage, "percent where the SEG's pixels say"),
    (leave_a_percentage_out, "percent where the SEG's pixels say"),
    (leave_a_region_out, "no closed region"),
    (open_a_region, "no closed region"),
    (move_a_region_outside, "no closed region"),
    (name_another_algorithm, "another is not in the Contributing"),
    (name_another_device, "1.2.3 is not in the Contributing"),
    (name_another_segmentation, "its evidence is not"),
    (say_another_grade, "grade [4.0] where"),
    (leave_the_reason_out, "does not say why"),
    (decide_otherwise, "that the decision is positive"),
    (say_that_it_succeeded_in_part, "by Summary of Detections, that the decision is positive"),
    (conclude_otherwise, "should conclude: COVID-19 infection seen. About 20 %"),
    (leave_the_notice_out, "should conclude"),
    (conclude_last, "should conclude"),
    (without("CodingSchemeIdentificationSequence"), "private coding scheme"),
    (set_to(CompletionFlag=""), "CompletionFlag has no value"),
]
SC = [
    (set_to(Rows=1), "rows x columns x RGB"),
    (set_to(BurnedInAnnotation="NO"), "burned in"),
    (without("SourceImageSequence"), "SourceImageSequence"),
]
KO = [
    (name_another_segmentation, "its evidence is not"),
    (select_one_object_less, "does not select"),
    (name_another_device, "1.2.3 is not in the Contributing"),
    (lambda dataset: setattr(dataset.ConceptNameCodeSequence[0], "CodeValue", "113037"), "title"),
]
PR = [
    (name_another_image, "refers to 1.2.3"),
    (name_another_series, "refers to series 1.2.3"),
    (display_a_part, "whole image"),
    (open_a_graphic, "not closed"),
    (move_a_graphic_outside, "not closed within"),
    (leave_a_lung_out, "layer LEFT LUNG does not show"),
    (leave_a_layer_undescribed, "layers are not those"),
    (write_another_percentage, "where the SEG's pixels say"),
    (set_to(PresentationLUTShape=""), "PresentationLUTShape has no value"),
]
DOC = [
    (print_another_percentage, "page does not say about 10 %"),
    (print_no_notice, "page does not say Research use only"),
    (print_half_a_page, "not whole"),
    (print_two_pages, "not one page"),
    (print_of_another_source, "refers to 1.2.3"),
    (set_to(MIMETypeOfEncapsulatedDocument="text/plain"), "text/plain"),
    (set_to(BurnedInAnnotation="NO"), "burned in"),
]
CASES = [
    *((role, change, message) for role in Role for change, message in ANY),
    *((Role.SEG, change, message) for change, message in SEG),
    *((Role.SR, change, message) for change, message in SR),
    *((Role.SR2D, change, message) for change, message in SR),
    *((Role.SC, change, message) for change, message in SC),
    *((Role.KO, change, message) for change, message in KO),
    *((Role.PR, change, message) for change, message in PR),
    *((Role.DOC, change, message) for change, message in DOC),
]


@pytest.mark.parametrize("role", Role)
def test_what_was_written_passes_and_so_does_a_copy_of_another_writer(role: Role) -> None:
    check(role, all_results()[role].content)
    check(role, altered(role, lambda _: None))


@pytest.mark.parametrize(("role", "change", "message"), CASES)
def test_a_wrong_object_is_refused_by_name(role: Role, change: Change, message: str) -> None:
    with pytest.raises(InvalidResult) as refused:
        check(role, altered(role, change))
    assert message in str(refused.value)
    assert identity().sop_instance_uid(role) in str(refused.value)


@pytest.mark.parametrize("role", Role)
def test_bytes_that_break_off_are_refused(role: Role) -> None:
    content = all_results()[role].content
    for length in (0, 100, 200, len(content) // 2):
        with pytest.raises(InvalidResult):
            check(role, content[:length])


def test_one_role_in_anothers_place_is_refused() -> None:
    with pytest.raises(InvalidResult):
        check(Role.SR, all_results()[Role.SEG].content)


def test_findings_whose_figures_contradict_their_masks_are_refused() -> None:
    wrong = replace(findings().left, infected_percent=1.0)
    with pytest.raises(InvalidResult, match="percent where"):
        write(replace(findings(), left=wrong))
    wrong = replace(findings().left, lung_pixels=7)
    with pytest.raises(InvalidResult, match="segment 1"):
        write(replace(findings(), left=wrong))


def test_infection_outside_its_lung_is_refused() -> None:
    found = findings()
    lung = found.segment(Task.LUNG, Laterality.LEFT).mask
    outside = np.zeros(lung.shape, np.bool_)
    outside.flat[-found.left.infected_pixels :] = True
    segments = tuple(replace(s, mask=outside) if s.number == 3 else s for s in found.segments)
    with pytest.raises(InvalidResult, match="outside"):
        write(replace(found, segments=segments))


def test_another_patients_header_is_refused() -> None:
    content = all_results()[Role.SR].content
    with pytest.raises(InvalidResult, match="0010,0010"):
        verify(
            {Role.SR: content},
            source_of(header(PatientName="Another^Patient")),
            findings(),
            identity(),
        )


def test_a_key_object_selection_of_a_negative_radiograph_is_refused() -> None:
    content = all_results()[Role.KO].content
    with pytest.raises(InvalidResult, match="decision is negative"):
        verify({Role.KO: content}, source_of(header()), findings(Decision.NEGATIVE), identity())


def test_verifying_alters_nothing() -> None:
    source = source_of(header())
    before = deepcopy(source)
    verify({Role.SEG: all_results()[Role.SEG].content}, source, findings(), identity())
    assert source.header == before.header
    assert source.inherited == before.inherited
