"""The Segmentation (PS3.3 A.51): four binary segments on the source image's own grid.

CR and DX images have no Frame of Reference, and what the standard then asks for opens in neither
OHIF nor 3D Slicer. So each frame gets a plane position and orientation although PS3.3
C.7.6.16.2.3 ties them to a Frame of Reference: a deliberate deviation, with a switch. No Frame of
Reference UID is invented. Frame n is segment n, always: an empty segment keeps its frame.
"""

from copy import deepcopy

import numpy as np
from highdicom import (
    AlgorithmIdentificationSequence,
    PixelMeasuresSequence,
    PlaneOrientationSequence,
    PlanePositionSequence,
)
from highdicom.color import CIELabColor
from highdicom.seg import (
    SegmentAlgorithmTypeValues,
    SegmentationTypeValues,
    SegmentDescription,
)
from highdicom.seg import Segmentation as HighdicomSegmentation
from pydicom import Dataset
from pydicom.sr.coding import Code

from inference.findings import Findings, Segment, Task
from sr_writer import codes
from sr_writer.case import Case
from sr_writer.equipment import derived_uid
from sr_writer.identity import Identity, tracking_id
from sr_writer.palette import COLORS
from sr_writer.provenance import coded, stamp
from sr_writer.seg import SEG


def build(case: Case, *, geometry_for_viewers: bool = True) -> Dataset:
    """The SEG of what was found.

    highdicom describes it, on one empty pixel a segment; the masks are packed here. Given the
    masks themselves it searches them all for overlap: 90 ms at 2544 x 3056 instead of 15, and
    `verify` compares every pixel anyway.
    """
    source, findings, identity = case.source, case.findings, case.identity
    header = deepcopy(source.header)
    header.Rows = header.Columns = 1
    dataset: Dataset = HighdicomSegmentation(
        source_images=[header],
        pixel_array=np.zeros((1, 1, 1, len(findings.segments)), np.bool_),
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=[_describe(segment, identity) for segment in findings.segments],
        series_instance_uid=identity.series_instance_uid(SEG.role),
        series_number=SEG.series_number,
        sop_instance_uid=identity.sop_instance_uid(SEG.role),
        instance_number=1,
        manufacturer=identity.equipment.manufacturer,
        manufacturer_model_name=identity.equipment.model_name,
        software_versions=identity.equipment.software_version,
        device_serial_number=identity.equipment.device_serial_number,
        content_label="LUNG_INFECTION",
        content_description="Lungs and COVID-19 infection",
        # Without Pixel Measures the OHIF page crashes; where the spacing is unknown it says 1 mm
        # and the findings carry a caution.
        pixel_measures=PixelMeasuresSequence(findings.spacing_mm or (1.0, 1.0), 1.0),
        omit_empty_frames=False,
    )
    dataset.ContentCreatorName = ""
    _set_pixels(dataset, findings)
    if source.patient_orientation is not None:
        dataset.PatientOrientation = list(source.patient_orientation)
    if geometry_for_viewers:
        _add_geometry(dataset)
    _derive_dimension_uid(dataset, identity)
    stamp(dataset, SEG, identity, source)
    return dataset


def _set_pixels(dataset: Dataset, findings: Findings) -> None:
    """Frames of one bit a pixel, packed without a gap between them (PS3.5 8.1.1)."""
    masks = np.stack([segment.mask for segment in findings.segments])
    _, dataset.Rows, dataset.Columns = masks.shape
    # Infection lies within lung, so as soon as there is some, segments overlap.
    dataset.SegmentsOverlap = "YES" if findings.infected_pixels else "NO"
    packed = np.packbits(masks, bitorder="little").tobytes()
    dataset.PixelData = packed + b"\0" * (len(packed) % 2)


def _add_geometry(dataset: Dataset) -> None:
    shared = dataset.SharedFunctionalGroupsSequence[0]
    shared.PlaneOrientationSequence = PlaneOrientationSequence("PATIENT", [1, 0, 0, 0, 1, 0])
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        frame.PlanePositionSequence = PlanePositionSequence("PATIENT", [0, 0, 0])


def _derive_dimension_uid(dataset: Dataset, identity: Identity) -> None:
    """The one UID that highdicom draws at random, so that a retry gives the same bytes."""
    uid = derived_uid("dimensions", identity.sop_instance_uid(SEG.role))
    for sequence in (dataset.DimensionOrganizationSequence, dataset.DimensionIndexSequence):
        for item in sequence:
            item.DimensionOrganizationUID = uid


def _describe(segment: Segment, identity: Identity) -> SegmentDescription:
    name = tracking_id(segment.task, segment.laterality)
    algorithm = identity.algorithm(segment.task)
    lung = segment.task is Task.LUNG
    category = codes.ANATOMICAL_STRUCTURE if lung else codes.ABNORMAL_STRUCTURE
    description = SegmentDescription(
        segment_number=segment.number,
        segment_label=name,
        segmented_property_category=category,
        segmented_property_type=codes.LUNG if lung else codes.OPACITY,
        algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=AlgorithmIdentificationSequence(
            name=algorithm.name,
            family=codes.ARTIFICIAL_INTELLIGENCE,
            version=algorithm.version,
            source=algorithm.manufacturer,
            parameters=dict(parameter.split("=", 1) for parameter in algorithm.parameters),
        ),
        tracking_id=name,
        tracking_uid=identity.tracking_uid(name),
        anatomic_regions=None if lung else [codes.LUNG],
        display_color=CIELabColor.from_rgb(*COLORS[segment.task, segment.laterality]),
    )
    _add_laterality(description, codes.LATERALITY[segment.laterality])
    return description


def _add_laterality(description: Dataset, side: Code) -> None:
    """The side, where PS3.3 C.8.20.4 puts it: inside the item of the code that it modifies."""
    if "AnatomicRegionSequence" in description:
        region = description.AnatomicRegionSequence[0]
        region.AnatomicRegionModifierSequence = [coded(side)]
    else:
        lung = description.SegmentedPropertyTypeCodeSequence[0]
        lung.SegmentedPropertyTypeModifierCodeSequence = [coded(side)]
