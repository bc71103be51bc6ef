"""The Segmentation (PS3.3 A.51): four binary segments on the source image's own grid.

CR and DX images have no Frame of Reference, and what the standard then asks for opens in neither
OHIF nor 3D Slicer. So each frame gets a plane position and orientation of its own, as a switch:
`GEOMETRY_FOR_VIEWERS`. No Frame of Reference UID is invented. Frame n is segment n, always: an
empty segment keeps its frame.
"""

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

from inference.results import Findings, Laterality, Segment, Task
from sr_writer import codes
from sr_writer.identity import SERIES_NUMBER, Identity, Role, tracking_id
from sr_writer.provenance import coded, stamp
from sr_writer.source import Source

#: Give every frame a plane position and orientation although there is no Frame of Reference: a
#: deliberate deviation from PS3.3 C.7.6.16.2.3, without which OHIF and dcmqi open nothing.
GEOMETRY_FOR_VIEWERS = True

#: Display colours, RGB 0..255; the overlay uses the same. A missing one hangs OHIF.
COLORS = {
    (Task.LUNG, Laterality.LEFT): (86, 180, 233),
    (Task.LUNG, Laterality.RIGHT): (0, 158, 115),
    (Task.INFECTION, Laterality.LEFT): (255, 96, 32),
    (Task.INFECTION, Laterality.RIGHT): (255, 160, 0),
}


def build_segmentation(source: Source, findings: Findings, identity: Identity) -> Dataset:
    """The SEG of `findings`, complete but for the attributes it inherits as received."""
    masks = np.stack([segment.mask for segment in findings.segments])[None]
    dataset: Dataset = HighdicomSegmentation(
        source_images=[source.header],
        # Plane-major view: 60 ms instead of 187 ms at 2544 x 3056.
        pixel_array=np.moveaxis(masks, 1, -1),
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=[_describe(segment, identity) for segment in findings.segments],
        series_instance_uid=identity.series_instance_uid(Role.SEG),
        series_number=SERIES_NUMBER[Role.SEG],
        sop_instance_uid=identity.sop_instance_uid(Role.SEG),
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
    _add_geometry(dataset, source)
    stamp(dataset, Role.SEG, identity, source)
    return dataset


def _add_geometry(dataset: Dataset, source: Source) -> None:
    if source.patient_orientation is not None:
        dataset.PatientOrientation = list(source.patient_orientation)
    if not GEOMETRY_FOR_VIEWERS:
        return
    shared = dataset.SharedFunctionalGroupsSequence[0]
    shared.PlaneOrientationSequence = PlaneOrientationSequence("PATIENT", [1, 0, 0, 0, 1, 0])
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        frame.PlanePositionSequence = PlanePositionSequence("PATIENT", [0, 0, 0])


def _describe(segment: Segment, identity: Identity) -> Dataset:
    name = tracking_id(segment.task, segment.laterality)
    algorithm = identity.algorithm(segment.task)
    lung = segment.task is Task.LUNG
    category = codes.ANATOMICAL_STRUCTURE if lung else codes.ABNORMAL_STRUCTURE
    description: Dataset = SegmentDescription(
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
