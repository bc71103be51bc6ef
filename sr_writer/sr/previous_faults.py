"""The gate's look at what a report tells of earlier radiographs."""

from collections.abc import Iterator, Mapping

from pydicom import Dataset

from inference.findings import Laterality, Task
from sr_writer import codes
from sr_writer.case import Case
from sr_writer.identity import tracking_id
from sr_writer.progression.change import change_of, percent_of, rounded
from sr_writer.sr.previous import other_evidence
from sr_writer.verify.content import is_named, numbers, referenced
from sr_writer.verify.figures import recounted


def earlier_groups(case: Case) -> dict[str, float]:
    """The measurement groups of earlier images by tracking identifier, and what each is to say."""
    told = case.identity.progression
    return {
        f"{tracking_id(Task.LUNG, side)}, {prior.taken}": rounded(value)
        for prior in (told.priors if told else ())
        for side in Laterality
        if (value := percent_of(prior, side)) is not None
    }


def previous_faults(
    dataset: Dataset, groups: Mapping[str, list[Dataset]], case: Case
) -> Iterator[str]:
    """Figures then, what has changed since, what is not compared, and the evidence of it."""
    told = case.identity.progression
    for name, value in earlier_groups(case).items():
        said = numbers(groups.get(name, []), codes.INFECTED_PERCENT)
        if said != [value]:
            yield f"group {name} says {said} percent where {value} was found"
    for side in Laterality:
        change = change_of(recounted(case.findings), told, side)
        said = numbers(groups.get(tracking_id(Task.LUNG, side), []), codes.CHANGE)
        if said != ([] if change is None else [change]):
            yield f"the {side} lung is said to have changed by {said} where {change} is so"
    expected = {one.sop_instance_uid for one in other_evidence(told, case.words.language)}
    if referenced(dataset.get("PertinentOtherEvidenceSequence") or ()) != expected:
        yield f"its other evidence is not {' and '.join(sorted(expected)) or 'none'}"
    has = any(is_named(item, codes.PREVIOUS_FINDINGS) for item in dataset.ContentSequence)
    if has != bool(told):
        yield "it tells of earlier radiographs, or does not, where the other is so"
