"""The SEG holds what OHIF, Cornerstone and 3D Slicer were found to need."""

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, SegmentationStorage

from inference.findings import Decision, Laterality, Task
from sr_writer.seg.build import build
from tests.sr_writer.examples import (
    INFECTION_MODEL,
    LUNG_MODEL,
    SHAPE,
    SOURCE_UID,
    bare_header,
    case_of,
    findings,
    header,
    usual_results,
    write,
)
from tests.sr_writer.reading import code, read


@pytest.fixture(scope="module")
def seg() -> Dataset:
    return read(usual_results()["SEG"])


def test_it_is_a_binary_segmentation_in_explicit_little_endian(seg: Dataset) -> None:
    assert seg.SOPClassUID == SegmentationStorage
    assert seg.SegmentationType == "BINARY"
    assert seg.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert (seg.BitsAllocated, seg.BitsStored, seg.HighBit) == (1, 1, 0)


@pytest.mark.parametrize("decision", [Decision.POSITIVE, Decision.NEGATIVE, Decision.UNDETERMINED])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (16, 8), (120, 101)])
def test_frame_n_is_segment_n_pixel_by_pixel_even_where_it_is_empty(
    decision: Decision, shape: tuple[int, int]
) -> None:
    found = findings(decision, shape=shape)
    dataset = read(write(found)["SEG"])
    assert dataset.NumberOfFrames == len(dataset.SegmentSequence) == 4
    frames = np.reshape(dataset.pixel_array, (4, *shape))
    for frame, segment, groups in zip(
        frames, found.segments, dataset.PerFrameFunctionalGroupsSequence, strict=True
    ):
        assert np.array_equal(frame, segment.mask)
        assert groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber == segment.number


def test_rows_and_columns_are_the_sources(seg: Dataset) -> None:
    assert (seg.Rows, seg.Columns) == SHAPE


@pytest.mark.parametrize(("spacing", "written"), [((0.5, 0.4), [0.5, 0.4]), (None, [1, 1])])
def test_pixel_measures_are_always_given(
    spacing: tuple[float, float] | None, written: list[float]
) -> None:
    shared = read(write(findings(spacing_mm=spacing))["SEG"]).SharedFunctionalGroupsSequence[0]
    assert shared.PixelMeasuresSequence[0].PixelSpacing == written


def test_every_frame_has_a_plane_though_there_is_no_frame_of_reference(seg: Dataset) -> None:
    shared = seg.SharedFunctionalGroupsSequence[0]
    orientation = shared.PlaneOrientationSequence[0].ImageOrientationPatient
    assert orientation == [1, 0, 0, 0, 1, 0]
    for frame in seg.PerFrameFunctionalGroupsSequence:
        assert frame.PlanePositionSequence[0].ImagePositionPatient == [0, 0, 0]
    assert "FrameOfReferenceUID" not in seg


def test_the_planes_can_be_left_out() -> None:
    dataset = build(case_of(findings()), geometry_for_viewers=False)
    assert "PlaneOrientationSequence" not in dataset.SharedFunctionalGroupsSequence[0]
    assert "PlanePositionSequence" not in dataset.PerFrameFunctionalGroupsSequence[0]


def test_a_frame_of_reference_of_the_source_is_not_taken_up() -> None:
    dataset = header("SC", FrameOfReferenceUID="1.2.3.4.5")
    assert "FrameOfReferenceUID" not in read(write(findings(), dataset)["SEG"])


def test_patient_orientation_is_the_sources() -> None:
    turned = read(write(findings(), header(PatientOrientation=["R", "F"]))["SEG"])
    assert turned.PatientOrientation == ["R", "F"]
    assert "PatientOrientation" not in read(write(findings(), bare_header())["SEG"])


def test_it_refers_to_the_source_in_all_three_places(seg: Dataset) -> None:
    series = seg.ReferencedSeriesSequence[0]
    assert series.SeriesInstanceUID == header().SeriesInstanceUID
    assert series.ReferencedInstanceSequence[0].ReferencedSOPInstanceUID == SOURCE_UID
    assert seg.SourceImageSequence[0].ReferencedSOPInstanceUID == SOURCE_UID
    for frame in seg.PerFrameFunctionalGroupsSequence:
        image = frame.DerivationImageSequence[0].SourceImageSequence[0]
        assert image.ReferencedSOPInstanceUID == SOURCE_UID
        assert image.SpatialLocationsPreserved == "YES"


def test_segments_say_what_they_are_and_on_which_side(seg: Dataset) -> None:
    sides = (("7771000", "SCT"), ("24028007", "SCT"))
    for segment, side in zip(seg.SegmentSequence[:2], sides, strict=True):
        kind = segment.SegmentedPropertyTypeCodeSequence[0]
        assert code(segment.SegmentedPropertyCategoryCodeSequence[0]) == ("91723000", "SCT")
        assert code(kind) == ("39607008", "SCT")
        assert code(kind.SegmentedPropertyTypeModifierCodeSequence[0]) == side
    for segment, side in zip(seg.SegmentSequence[2:], sides, strict=True):
        region = segment.AnatomicRegionSequence[0]
        assert code(segment.SegmentedPropertyCategoryCodeSequence[0]) == ("49755003", "SCT")
        assert code(segment.SegmentedPropertyTypeCodeSequence[0]) == ("112001", "DCM")
        assert code(region) == ("39607008", "SCT")
        assert code(region.AnatomicRegionModifierSequence[0]) == side


def test_every_segment_has_a_label_a_colour_and_a_tracking_uid_of_its_own(seg: Dataset) -> None:
    segments = seg.SegmentSequence
    assert [segment.SegmentLabel for segment in segments] == [
        "Left lung",
        "Right lung",
        "Infection in left lung",
        "Infection in right lung",
    ]
    assert all(len(segment.RecommendedDisplayCIELabValue) == 3 for segment in segments)
    assert len({tuple(segment.RecommendedDisplayCIELabValue) for segment in segments}) == 4
    assert [segment.TrackingID for segment in segments] == [s.SegmentLabel for s in segments]
    assert len({segment.TrackingUID for segment in segments}) == 4


def test_every_segment_names_its_network(seg: Dataset) -> None:
    for segment, found in zip(seg.SegmentSequence, findings().segments, strict=True):
        model = LUNG_MODEL if found.task is Task.LUNG else INFECTION_MODEL
        algorithm = segment.SegmentationAlgorithmIdentificationSequence[0]
        assert segment.SegmentAlgorithmType == "AUTOMATIC"
        assert segment.SegmentAlgorithmName == algorithm.AlgorithmName
        assert algorithm.AlgorithmName.startswith(model.name)
        assert algorithm.AlgorithmVersion == model.version
        assert model.sha256 in algorithm.AlgorithmParameters


def test_segments_are_said_to_overlap_once_there_is_infection(seg: Dataset) -> None:
    assert seg.SegmentsOverlap == "YES"
    assert read(write(findings(Decision.NEGATIVE))["SEG"]).SegmentsOverlap == "NO"


def test_a_single_lung_leaves_the_other_segment_empty() -> None:
    dataset = read(write(findings(lungs=(Laterality.RIGHT,)))["SEG"])
    assert [bool(frame.any()) for frame in dataset.pixel_array] == [False, True, False, True]
