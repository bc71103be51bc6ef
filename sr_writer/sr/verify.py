"""The gate's look at a report, and at a notice, which is a report without figures."""

from collections.abc import Iterator, Mapping

import numpy as np
from pydicom import Dataset

from inference.findings import Caution, Decision, Findings, Task
from sr_writer import codes
from sr_writer.case import Case
from sr_writer.identity import (
    DECISION_TRACKING_ID,
    Identity,
    tracking_id,
)
from sr_writer.languages import Words
from sr_writer.source import Source
from sr_writer.sr.previous_faults import earlier_groups, previous_faults
from sr_writer.verify.content import (
    equipment_faults,
    evidence_faults,
    is_named,
    items_below,
    numbers,
    predecessor_faults,
    texts,
)
from sr_writer.verify.figures import recounted
from sr_writer.verify.instance import has_code
from sr_writer.wording import concluded, detail, research_use

#: Half a unit of the second decimal, to which the report rounds.
_ROUNDING = 0.005 + 1e-9


def faults(dataset: Dataset, case: Case) -> Iterator[str]:
    """Evidence, a region for every group, figures that the SEG's pixels bear out, equipment."""
    source, findings, identity = case.source, case.findings, case.identity
    if "CodingSchemeIdentificationSequence" not in dataset:
        yield "it does not identify its private coding scheme"
    _, masks = identity.segmentation
    yield from evidence_faults(dataset, {source.header.SOPInstanceUID, masks})
    groups = dict(_groups(dataset))
    earlier = earlier_groups(case)
    for name, items in groups.items():
        if name not in earlier and not any(_is_region(item, source.header) for item in items):
            yield f"group {name} has no closed region within the source image"
    yield from _figure_faults(groups, findings)
    yield from previous_faults(dataset, groups, case)
    yield from _certainty_faults(groups, findings)
    verdict = findings.decision
    words = case.words
    said = concluded(verdict, detail(recounted(findings), words), words)
    yield from _opening_faults(dataset, said, words)
    told_by = codes.READERS_VERDICT if identity.reader else codes.VERDICT
    reason = words.reason(findings.reason)
    yield from _explanation_faults(dataset, verdict, reason, words, told_by)
    yield from _observer_faults(dataset, identity)
    yield from _refusal_faults(dataset, findings, words)
    yield from predecessor_faults(dataset, identity)
    yield from equipment_faults(dataset)


def notice_faults(
    dataset: Dataset, source: Source, identity: Identity, reason: str, words: Words
) -> Iterator[str]:
    """Evidence, the reason, equipment; and no group, since none could have a region."""
    yield from evidence_faults(dataset, {source.header.SOPInstanceUID})
    if list(_groups(dataset)):
        yield "it has a measurement group"
    if identity.notice is None:
        yield "it is no notice"
        return
    verdict = Decision(identity.notice)
    yield from _opening_faults(dataset, concluded(verdict, reason, words), words)
    yield from _explanation_faults(dataset, verdict, reason, words)
    yield from predecessor_faults(dataset, identity)
    yield from equipment_faults(dataset)


def _figure_faults(groups: Mapping[str, list[Dataset]], findings: Findings) -> Iterator[str]:
    counted = recounted(findings)
    shares = {DECISION_TRACKING_ID: counted.infected_percent}
    for lung in (counted.left, counted.right):
        name = tracking_id(Task.LUNG, lung.laterality)
        shares[name] = lung.infected_percent
        grades = [] if lung.extent_grade is None else [lung.extent_grade]
        graded = numbers(groups.get(name, []), codes.EXTENT_GRADE)
        if graded != grades:
            yield f"group {name} says grade {graded} where the SEG's pixels say {grades}"
    for name, share in shares.items():
        written = numbers(groups.get(name, []), codes.INFECTED_PERCENT)
        expected = [] if share is None else [share]
        if len(written) != len(expected) or any(
            abs(a - b) > _ROUNDING for a, b in zip(written, expected, strict=True)
        ):
            yield f"group {name} says {written} percent where the SEG's pixels say {expected}"


def _certainty_faults(groups: Mapping[str, list[Dataset]], findings: Findings) -> Iterator[str]:
    written = numbers(groups.get(DECISION_TRACKING_ID, []), codes.CERTAINTY)
    expected = [] if findings.certainty is None else [100 * findings.certainty]
    if [round(value, 2) for value in written] != [round(value, 2) for value in expected]:
        yield f"it says a certainty of {written} percent where {expected} was found"


def _opening_faults(dataset: Dataset, conclusion: str, words: Words) -> Iterator[str]:
    """Whether the first that the report contains are the conclusion and the notice."""
    contained = [item for item in dataset.ContentSequence if item.RelationshipType == "CONTAINS"]
    opening = [item.get("TextValue") for item in contained[:2]]
    if opening != [words.write(conclusion), words.write(research_use(words))]:
        yield f"it opens with {opening} where it should conclude: {conclusion}"


def _explanation_faults(
    dataset: Dataset,
    verdict: Decision,
    reason: str,
    words: Words,
    told_by: codes.Verdict = codes.VERDICT,
) -> Iterator[str]:
    """Whether the Qualitative Evaluations say this verdict and why."""
    [container] = [
        item for item in dataset.ContentSequence if is_named(item, codes.QUALITATIVE_EVALUATIONS)
    ]
    items = list(container.ContentSequence)
    for name, values in told_by:
        said = [item.ConceptCodeSequence[0] for item in items if is_named(item, name)]
        if not (len(said) == 1 and has_code(said[0], values[verdict])):
            yield f"it does not say, by {name.meaning}, that the decision is {verdict}"
    if texts(items, codes.SUMMARY) != [words.write(reason)]:
        yield "it does not say why"


def _observer_faults(dataset: Dataset, identity: Identity) -> Iterator[str]:
    """Whether a person observed exactly where a reader has drawn what was counted."""
    named = [item for item in dataset.ContentSequence if is_named(item, codes.PERSON_OBSERVER_NAME)]
    if len(named) != bool(identity.reader):
        yield "it does not name who observed"


def _refusal_faults(dataset: Dataset, findings: Findings, words: Words) -> Iterator[str]:
    """Whether it decides nothing of an image that was not to be analysed, and says so."""
    if not findings.refusal:
        return
    if findings.decision is not Decision.UNDETERMINED:
        yield f"it decides {findings.decision} of an image that was not to be analysed"
    said = [
        text
        for item in dataset.ContentSequence
        if is_named(item, codes.QUALITATIVE_EVALUATIONS)
        for text in texts(item.ContentSequence, codes.COMMENT)
    ]
    if words.write(words.reason(Caution.NOT_ELIGIBLE.says(findings.refusal))) not in said:
        yield "it does not say that the image was not to be analysed"


def _groups(dataset: Dataset) -> Iterator[tuple[str, list[Dataset]]]:
    """Tracking identifier and content items of each measurement group, of earlier images too."""
    for item in items_below(dataset):
        if is_named(item, codes.MEASUREMENT_GROUP):
            items = list(item.ContentSequence)
            yield texts(items, codes.TRACKING_IDENTIFIER)[0], items


def _is_region(item: Dataset, header: Dataset) -> bool:
    if item.ValueType != "SCOORD":
        return False
    points = np.reshape(item.GraphicData, (-1, 2))
    inside = (points >= 0).all() and (points <= (header.Columns, header.Rows)).all()
    closed = len(points) >= 4 and (points[0] == points[-1]).all()
    image = item.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID
    return bool(inside and closed and image == header.SOPInstanceUID)
