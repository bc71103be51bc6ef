"""The Structured Report: TID 1500 in a Comprehensive 3D SR, as IHE AI Results asks, and the same in
a Comprehensive SR for archives that do not know the 3D class.

Every measurement group is TID 1410 with an image region: one without a region crashes OHIF 3.13.
The conclusion and the notice come first. The decision has a group, whatever it is, and so has each
lung that was found. The decision in codes, why, and with which cautions, stands in the Qualitative
Evaluations container of TID 1500, which OHIF passes over.
"""

from typing import cast

import numpy as np
from highdicom.sr import (
    AlgorithmIdentification,
    CodeContentItem,
    ContainerContentItem,
    ContentSequence,
    FindingSite,
    GraphicTypeValues,
    ImageRegion,
    Measurement,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    QualitativeEvaluation,
    RelationshipTypeValues,
    SourceImageForRegion,
    TrackingIdentifier,
)
from pydicom import Dataset
from pydicom.sr.coding import Code

from inference.findings import Decision, Findings, Laterality, LungMeasurement, Task
from sr_writer import codes
from sr_writer.case import Case
from sr_writer.identity import DECISION_TRACKING_ID, Identity, tracking_id
from sr_writer.kind import Kind
from sr_writer.outlines import Polyline, bounds, outlines_of, rectangle
from sr_writer.progression.change import rounded
from sr_writer.source import Source
from sr_writer.sr.document import (
    container_of,
    evidence,
    explanation,
    measurement_report,
    sr_document,
)
from sr_writer.sr.previous import changes, other_evidence, previous_findings, time_point
from sr_writer.wording import cautions, conclusion

_MODIFIER = RelationshipTypeValues.HAS_CONCEPT_MOD.value


def build(case: Case, kind: Kind) -> Dataset:
    """The SR of what was found, in the class of `kind`."""
    source, identity = case.source, case.identity
    content = case.shared(_content, in_words=True)
    others = other_evidence(identity.progression, case.words.language)
    report = sr_document(kind, source, identity, content, evidence(source, identity), others)
    report.CodingSchemeIdentificationSequence = [_private_scheme(identity)]
    return report


def _content(case: Case) -> Dataset:
    """The root of the content tree, the same for either class of report; not to be altered."""
    source, findings, identity = case.source, case.findings, case.identity
    lungs = [side for side in Laterality if findings.segment(Task.LUNG, side).mask.any()]
    measurements = container_of(codes.IMAGING_MEASUREMENTS)
    measurements.ContentSequence.append(_ordered(_decision_group(source, findings, identity)))
    for side in lungs:
        outline = case.shared(outlines_of).of(Task.LUNG, side)[0]
        group = _lung_group(case, side, outline)
        measurements.ContentSequence.append(_ordered(group))
    words = case.words
    comments = cautions(findings, words)
    if findings.certainty is not None:
        comments.append(words("notice.certainty"))
    if identity.reader:
        comments.append(words("notice.reader"))
    told_by = codes.READERS_VERDICT if identity.reader else codes.VERDICT
    reason = words.reason(findings.reason)
    why = explanation(findings.decision, reason, comments, words, told_by)
    previous = previous_findings(case)
    return measurement_report(
        identity,
        words,
        codes.CHEST_RADIOGRAPHY,
        conclusion(findings, words),
        [source.header],
        [measurements, *([] if previous is None else [previous]), why],
    )


def _private_scheme(identity: Identity) -> Dataset:
    scheme = Dataset()
    scheme.CodingSchemeDesignator = codes.PRIVATE_SCHEME
    scheme.CodingSchemeName = codes.PRIVATE_SCHEME_NAME
    scheme.CodingSchemeResponsibleOrganization = identity.equipment.manufacturer
    return scheme


def _ordered(group: PlanarROIMeasurementsAndQualitativeEvaluations) -> ContainerContentItem:
    """The group's container, its region where TID 1410 has it: highdicom puts it last."""
    container = cast(ContainerContentItem, group[0])
    items = container.ContentSequence
    region = next(n for n, item in enumerate(items) if item.ValueType == "SCOORD")
    modifier = next(n for n, item in enumerate(items) if item.RelationshipType == _MODIFIER)
    items.insert(modifier, items.pop(region))
    return container


def _lung_group(
    case: Case, side: Laterality, outline: Polyline
) -> PlanarROIMeasurementsAndQualitativeEvaluations:
    identity, name = case.identity, tracking_id(Task.LUNG, side)
    lung = case.findings.measurement(side)
    return PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(identity.tracking_uid(name), name),
        referenced_region=_region(outline, case.source),
        time_point_context=time_point(identity),
        finding_type=codes.LUNG,
        finding_category=codes.ANATOMICAL_STRUCTURE,
        finding_sites=[FindingSite(codes.LUNG, codes.LATERALITY[lung.laterality])],
        algorithm_id=_algorithm(Task.LUNG, identity),
        measurements=[*_lung_measurements(lung, identity), *changes(case, side)],
    )


def _lung_measurements(lung: LungMeasurement, identity: Identity) -> list[Measurement]:
    """The percentage first: OHIF writes them beside the lung in this order.

    It stays with the lung, not the infection, so that 0 % still has a region.
    """
    measurements = []
    infection = _algorithm(Task.INFECTION, identity)
    if lung.infected_percent is not None:
        percent = rounded(lung.infected_percent)
        measurements.append(
            Measurement(codes.INFECTED_PERCENT, percent, codes.PERCENT, algorithm_id=infection)
        )
    if lung.extent_grade is not None:
        grade = lung.extent_grade
        measurements.append(Measurement(codes.EXTENT_GRADE, grade, codes.GRADE_0_TO_4))
    if lung.lung_area_mm2 is not None:
        area = rounded(lung.lung_area_mm2)
        measurements.append(Measurement(codes.AREA, area, codes.SQUARE_MILLIMETER))
    if lung.infected_area_mm2 is not None:
        area = rounded(lung.infected_area_mm2)
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
        percent = rounded(findings.infected_percent)
        measurements.append(Measurement(codes.INFECTED_PERCENT, percent, codes.PERCENT))
    if findings.certainty is not None:
        certainty = rounded(100 * findings.certainty)
        measurements.append(Measurement(codes.CERTAINTY, certainty, codes.PERCENT))
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


def _algorithm(task: Task, identity: Identity) -> AlgorithmIdentification | None:
    """None where a person did it."""
    if identity.reader:
        return None
    algorithm = identity.algorithm(task)
    return AlgorithmIdentification(
        algorithm.name,
        algorithm.version,
        parameters=algorithm.parameters,
        manufacturer=algorithm.manufacturer,
    )


def _modifier(name: Code, value: Code) -> CodeContentItem:
    return CodeContentItem(name, value, RelationshipTypeValues.HAS_CONCEPT_MOD)
