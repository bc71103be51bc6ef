"""What a report tells of earlier radiographs: the infected percentage of each lung then.

A container of its own, Previous Findings, of measurement groups by TID 1501: each has its time
point (TID 1502) and the image that was measured; behind them stand the reports that said so. They
are not among the Imaging Measurements, which are of this image: there each group has a region
(TID 1410), and one without crashes OHIF 3.13. What has changed since the last stands there, with
the lung. All that is referred to is Pertinent Other Evidence (0040,A385): it was not made for this
procedure.
"""

from collections.abc import Iterator
from typing import cast

from highdicom.sr import (
    CompositeContentItem,
    ContainerContentItem,
    FindingSite,
    Measurement,
    MeasurementsAndQualitativeEvaluations,
    RelationshipTypeValues,
    SourceImageForMeasurement,
    SourceImageForMeasurementGroup,
    TimePointContext,
    TrackingIdentifier,
)

from inference.findings import Laterality, Task
from sr_writer import codes
from sr_writer.case import Case
from sr_writer.identity import Identity, tracking_id
from sr_writer.language import ENGLISH, role_in
from sr_writer.progression import Prior, Progression, Reference
from sr_writer.progression.change import change_of, percent_of, rounded
from sr_writer.progression.words import doubt, omissions
from sr_writer.sr.document import container_of, text_of


def previous_findings(case: Case) -> ContainerContentItem | None:
    """None where there is nothing to tell."""
    told = case.identity.progression
    if not told:
        return None
    container = container_of(codes.PREVIOUS_FINDINGS)
    for prior in told.priors:
        for side in Laterality:
            if (group := _group(prior, side, case.identity)) is not None:
                container.ContentSequence.append(group)
    for prior in told.priors:
        if (report := report_of(prior, case.words.language)) is not None:
            container.ContentSequence.append(_as_item(report))
    for said in (*omissions(told, case.words), *doubt(case.findings, told, case.words)):
        container.ContentSequence.append(text_of(codes.COMMENT, said, case.words))
    return container


def time_point(identity: Identity) -> TimePointContext | None:
    """Of this radiograph itself; None where nothing is compared with it."""
    told = identity.progression
    return TimePointContext(told.taken) if told and told.priors else None


def changes(case: Case, side: Laterality) -> Iterator[Measurement]:
    """By how many percentage points a lung is more infected than in the last prior."""
    told = case.identity.progression
    change = change_of(case.findings, told, side)
    if told is None or told.last is None or change is None:
        return
    image = told.last.image
    since = SourceImageForMeasurement(image.sop_class_uid, image.sop_instance_uid)
    yield Measurement(codes.CHANGE, change, codes.POINTS, referenced_images=[since])


def other_evidence(told: Progression | None, language: str) -> list[Reference]:
    """What of the content was not made for this procedure."""
    priors = told.priors if told else ()
    return [
        one
        for prior in priors
        for one in (prior.image, report_of(prior, language))
        if one is not None
    ]


def report_of(prior: Prior, language: str) -> Reference | None:
    """Its report: in the language of this one if there is one, else in any."""
    for role in (role_in("SR", language), role_in("SR2D", language), role_in("SR", ENGLISH)):
        if role in prior.reports:
            return prior.reports[role]
    return next(iter(prior.reports.values()), None)


def _group(prior: Prior, side: Laterality, identity: Identity) -> ContainerContentItem | None:
    value = percent_of(prior, side)
    if value is None:
        return None
    name = f"{tracking_id(Task.LUNG, side)}, {prior.taken}"
    image = prior.image
    uid = identity.tracking_uid(f"{name} {image.sop_instance_uid}")
    group = MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid, name),
        time_point_context=TimePointContext(prior.taken),
        finding_type=codes.LUNG,
        finding_category=codes.ANATOMICAL_STRUCTURE,
        finding_sites=[FindingSite(codes.LUNG, codes.LATERALITY[side])],
        source_images=[SourceImageForMeasurementGroup(image.sop_class_uid, image.sop_instance_uid)],
        measurements=[Measurement(codes.INFECTED_PERCENT, rounded(value), codes.PERCENT)],
    )
    return cast(ContainerContentItem, group[0])


def _as_item(report: Reference) -> CompositeContentItem:
    return CompositeContentItem(
        codes.PRIOR_REPORT,
        report.sop_class_uid,
        report.sop_instance_uid,
        RelationshipTypeValues.CONTAINS,
    )
