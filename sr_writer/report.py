"""The Structured Report: TID 1500 in a Comprehensive 3D SR, as IHE AI Results asks.

Every measurement group is TID 1410 with an image region: one without a region crashes OHIF 3.13.
Each lung that was found has a group; so has the decision, whatever it is. Why, and with which
cautions, stands in the Qualitative Evaluations container of TID 1500, which OHIF passes over.
"""

import numpy as np
from highdicom.sr import (
    AlgorithmIdentification,
    CodeContentItem,
    ContainerContentItem,
    ContentSequence,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    GraphicTypeValues,
    ImageRegion,
    LanguageOfContentItemAndDescendants,
    Measurement,
    MeasurementReport,
    ObservationContext,
    ObserverContext,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    QualitativeEvaluation,
    RelationshipTypeValues,
    SourceImageForRegion,
    TextContentItem,
    TrackingIdentifier,
)
from pydicom import Dataset
from pydicom.sr.codedict import codes as dictionary
from pydicom.sr.coding import Code
from pydicom.uid import Comprehensive3DSRStorage, SegmentationStorage

from inference.results import Decision, Findings, Laterality, LungMeasurement, Task
from sr_writer import codes
from sr_writer.identity import (
    DECISION_TRACKING_ID,
    RESEARCH_USE,
    Identity,
    Role,
    tracking_id,
)
from sr_writer.outlines import Polyline, bounds, outline, rectangle
from sr_writer.provenance import stamp
from sr_writer.source import Source


def build_report(source: Source, findings: Findings, identity: Identity) -> Dataset:
    """The SR of `findings`, complete but for the attributes it inherits as received.

    highdicom builds the content, valid by construction. The document around it (PS3.3 C.17.2) is
    written here: highdicom's own searches and copies the whole tree again, 120 ms of 190.
    """
    report = Dataset()
    report.SOPClassUID = Comprehensive3DSRStorage
    report.SOPInstanceUID = identity.sop_instance_uid(Role.SR)
    report.Modality = "SR"
    report.InstanceNumber = 1
    report.ReferencedPerformedProcedureStepSequence = []
    report.PerformedProcedureCodeSequence = []
    report.CompletionFlag = "COMPLETE"
    report.VerificationFlag = "UNVERIFIED"
    report.PreliminaryFlag = "PRELIMINARY"
    report.CurrentRequestedProcedureEvidenceSequence = [_evidence(source, identity)]
    report.CodingSchemeIdentificationSequence = [_private_scheme(identity)]
    report.update(_content(source, findings, identity))
    stamp(report, Role.SR, identity, source)
    return report


def figure(value: float) -> float:
    """A figure as it is written: two decimals, or two digits where that would read as nothing."""
    return round(value, 2) if value >= 0.01 else float(f"{value:.2g}")


def ascii_text(text: str) -> str:
    """Text that reads the same in whichever character set the source came in."""
    return text.encode("ascii", "replace").decode("ascii")


def _evidence(source: Source, identity: Identity) -> Dataset:
    """The study, with the source and the SEG each in its series (PS3.3 C.17.2.3)."""
    study = Dataset()
    study.StudyInstanceUID = source.header.StudyInstanceUID
    study.ReferencedSeriesSequence = [
        _evidence_series(
            source.header.SeriesInstanceUID,
            source.header.SOPClassUID,
            source.header.SOPInstanceUID,
        ),
        _evidence_series(
            identity.series_instance_uid(Role.SEG),
            SegmentationStorage,
            identity.sop_instance_uid(Role.SEG),
        ),
    ]
    return study


def _evidence_series(series_uid: str, sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    instance = Dataset()
    instance.ReferencedSOPClassUID = sop_class_uid
    instance.ReferencedSOPInstanceUID = sop_instance_uid
    series = Dataset()
    series.SeriesInstanceUID = series_uid
    series.ReferencedSOPSequence = [instance]
    return series


def _private_scheme(identity: Identity) -> Dataset:
    scheme = Dataset()
    scheme.CodingSchemeDesignator = codes.PRIVATE_SCHEME
    scheme.CodingSchemeName = codes.PRIVATE_SCHEME_NAME
    scheme.CodingSchemeResponsibleOrganization = identity.equipment.manufacturer
    return scheme


def _content(source: Source, findings: Findings, identity: Identity) -> Dataset:
    lungs = [side for side in Laterality if findings.segment(Task.LUNG, side).mask.any()]
    report = MeasurementReport(
        observation_context=_observer(identity),
        procedure_reported=codes.CHEST_RADIOGRAPHY,
        imaging_measurements=[
            *(_lung_group(side, source, findings, identity) for side in lungs),
            _decision_group(source, findings, identity),
        ],
        title=codes.REPORT_TITLE,
        language_of_content_item_and_descendants=LanguageOfContentItemAndDescendants(codes.ENGLISH),
        referenced_images=[source.header],
    )
    root: Dataset = report[0]
    root.ContentSequence.append(_explanation(findings))
    return root


def _observer(identity: Identity) -> ObservationContext:
    equipment = identity.equipment
    device = DeviceObserverIdentifyingAttributes(
        uid=equipment.device_uid,
        name=equipment.model_name,
        manufacturer_name=equipment.manufacturer,
        model_name=equipment.model_name,
        serial_number=equipment.device_serial_number,
    )
    return ObservationContext(
        observer_device_context=ObserverContext(
            observer_type=dictionary.DCM.Device, observer_identifying_attributes=device
        )
    )


def _lung_group(
    side: Laterality, source: Source, findings: Findings, identity: Identity
) -> PlanarROIMeasurementsAndQualitativeEvaluations:
    name = tracking_id(Task.LUNG, side)
    return PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(identity.tracking_uid(name), name),
        referenced_region=_region(outline(findings.segment(Task.LUNG, side).mask), source),
        finding_type=codes.LUNG,
        finding_category=codes.ANATOMICAL_STRUCTURE,
        finding_sites=[FindingSite(codes.LUNG, codes.LATERALITY[side])],
        algorithm_id=_algorithm(Task.LUNG, identity),
        measurements=_lung_measurements(findings.measurement(side), identity),
    )


def _lung_measurements(lung: LungMeasurement, identity: Identity) -> list[Measurement]:
    """The percentage stays with the lung, not the infection, so that 0 % still has a region."""
    measurements = []
    infection = _algorithm(Task.INFECTION, identity)
    if lung.infected_percent is not None:
        percent = figure(lung.infected_percent)
        measurements.append(
            Measurement(codes.INFECTED_PERCENT, percent, codes.PERCENT, algorithm_id=infection)
        )
    if lung.lung_area_mm2 is not None:
        area = figure(lung.lung_area_mm2)
        measurements.append(Measurement(codes.AREA, area, codes.SQUARE_MILLIMETER))
    if lung.infected_area_mm2 is not None:
        area = figure(lung.infected_area_mm2)
        infected = Measurement(codes.AREA, area, codes.SQUARE_MILLIMETER)
        # Two areas in one group: what this one is the area of (TID 300, $ModType).
        infected[0].ContentSequence = ContentSequence([_modifier(codes.FINDING, codes.OPACITY)])
        measurements.append(infected)
    return measurements


def _decision_group(
    source: Source, findings: Findings, identity: Identity
) -> PlanarROIMeasurementsAndQualitativeEvaluations:
    measurements = []
    if findings.infected_percent is not None:
        percent = figure(findings.infected_percent)
        measurements.append(Measurement(codes.INFECTED_PERCENT, percent, codes.PERCENT))
    if findings.decision in (Decision.POSITIVE, Decision.NEGATIVE):
        pixels = findings.infected_pixels
        measurements.append(Measurement(codes.INFECTED_PIXELS, pixels, codes.PIXELS))
    uid = identity.tracking_uid(DECISION_TRACKING_ID)
    return PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid, DECISION_TRACKING_ID),
        referenced_region=_region(_decision_region(findings), source),
        finding_type=codes.COVID_19,
        finding_sites=[FindingSite(codes.LUNG)],
        algorithm_id=_algorithm(Task.INFECTION, identity),
        measurements=measurements,
        qualitative_evaluations=[
            QualitativeEvaluation(codes.COVID_19, codes.DECISION[findings.decision])
        ],
    )


def _decision_region(findings: Findings) -> Polyline:
    """A rectangle that holds both lungs and reaches an edge of the image; all of it without lungs.

    OHIF writes a group's text at the right of its region, at half its height. A rectangle just
    around the lungs would put this text over the left lung's, so it is drawn out to the upper or
    lower edge of the image, whichever is farther.
    """
    masks = [findings.segment(Task.LUNG, side).mask for side in Laterality]
    rows, columns = masks[0].shape
    lungs = [bounds(mask) for mask in masks if mask.any()]
    if not lungs:
        return rectangle(0, 0, columns, rows)
    corners = np.concatenate(lungs)
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    if rows - bottom >= top:
        return rectangle(left, top, right, rows)
    return rectangle(left, 0, right, bottom)


def _region(polyline: Polyline, source: Source) -> ImageRegion:
    image = SourceImageForRegion(source.header.SOPClassUID, source.header.SOPInstanceUID)
    return ImageRegion(GraphicTypeValues.POLYLINE, polyline, image)


def _algorithm(task: Task, identity: Identity) -> AlgorithmIdentification:
    algorithm = identity.algorithm(task)
    return AlgorithmIdentification(
        algorithm.name,
        algorithm.version,
        parameters=algorithm.parameters,
        manufacturer=algorithm.manufacturer,
    )


def _explanation(findings: Findings) -> ContainerContentItem:
    """Why this decision, and what to read it with (TID 1500, Qualitative Evaluations)."""
    container = ContainerContentItem(
        codes.QUALITATIVE_EVALUATIONS, relationship_type=RelationshipTypeValues.CONTAINS
    )
    texts = [
        (codes.SUMMARY, findings.reason),
        *((codes.COMMENT, caution.text) for caution in findings.cautions),
        (codes.COMMENT, RESEARCH_USE),
    ]
    items = [
        CodeContentItem(
            codes.COVID_19, codes.DECISION[findings.decision], RelationshipTypeValues.CONTAINS
        ),
        *(
            TextContentItem(name, ascii_text(text), RelationshipTypeValues.CONTAINS)
            for name, text in texts
        ),
    ]
    container.ContentSequence = ContentSequence(items)
    return container


def _modifier(name: Code, value: Code) -> CodeContentItem:
    return CodeContentItem(name, value, RelationshipTypeValues.HAS_CONCEPT_MOD)
