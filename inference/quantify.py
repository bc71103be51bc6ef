"""Masks to Findings: the percentages, the areas and the decision (paper, section 3.3)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from inference.decode import Radiograph
from inference.findings import (
    FORBID_DECISION,
    FORBID_NEGATIVE,
    SEGMENTS,
    Caution,
    Decision,
    Findings,
    Laterality,
    LungMeasurement,
    Segment,
    Task,
)
from inference.pipeline import Pipeline
from inference.postprocess import Masks


def quantify(
    masks: Masks,
    radiograph: Radiograph,
    pipeline: Pipeline,
    durations_ms: Mapping[str, float],
    refusal: str = "",
) -> Findings:
    """All that is said of one radiograph, counted on its own grid; `refusal`: `Findings.refusal`.

    Of one that was not to be analysed no certainty is given: it was measured on those that are.
    """
    left, right = (
        _measure(masks, side, radiograph.spacing_mm) for side in (Laterality.LEFT, Laterality.RIGHT)
    )
    cautions = radiograph.cautions + masks.cautions
    if refusal:
        cautions = (Caution.NOT_ELIGIBLE, *cautions)
    decision, reason = _decide(masks.fault, left, right, cautions, refusal)
    if Caution.FAINT in cautions:
        left, right = (
            replace(lung, infected_percent=None, infected_area_mm2=None) for lung in (left, right)
        )
    return Findings(
        source_sop_instance_uid=radiograph.sop_instance_uid,
        decision=decision,
        reason=reason,
        segments=_segments(masks),
        left=left,
        right=right,
        infected_percent=_percent_of_both(left, right),
        certainty=None if refusal else masks.certainty,
        spacing_mm=radiograph.spacing_mm,
        spacing_source=radiograph.spacing_source,
        cautions=cautions,
        pipeline=pipeline,
        durations_ms=durations_ms,
        refusal=refusal,
    )


def percent(part: int, whole: int) -> float | None:
    """Section 3.3: infected pixels over lung pixels; None where there is no lung."""
    return 100 * part / whole if whole else None


def _percent_of_both(left: LungMeasurement, right: LungMeasurement) -> float | None:
    """Section 3.3; None where one lung was not found: half the lungs are not both."""
    if left.infected_percent is None or right.infected_percent is None:
        return None
    return percent(
        left.infected_pixels + right.infected_pixels, left.lung_pixels + right.lung_pixels
    )


def _measure(
    masks: Masks, side: Laterality, spacing_mm: tuple[float, float] | None
) -> LungMeasurement:
    lung = int(np.count_nonzero(masks.lung[side]))
    infected = int(np.count_nonzero(masks.infection[side]))
    pixel_mm2 = spacing_mm[0] * spacing_mm[1] if spacing_mm and lung else None
    return LungMeasurement(
        laterality=side,
        lung_pixels=lung,
        infected_pixels=infected,
        infected_percent=percent(infected, lung),
        lung_area_mm2=lung * pixel_mm2 if pixel_mm2 else None,
        infected_area_mm2=infected * pixel_mm2 if pixel_mm2 else None,
    )


def _decide(
    fault: str | None,
    left: LungMeasurement,
    right: LungMeasurement,
    cautions: Sequence[Caution],
    refusal: str = "",
) -> tuple[Decision, str]:
    """The decision, and for a reader why: where, never how many pixels."""
    found = [lung for lung in (left, right) if lung.lung_pixels]
    if fault or not found:
        return Decision.UNDETERMINED, fault or "No lungs were found."
    for caution in cautions:
        if caution in FORBID_DECISION:
            return Decision.UNDETERMINED, caution.says(refusal)
    infected = [lung for lung in found if lung.infected_pixels]
    if infected:
        return Decision.POSITIVE, f"Infection in {_named(infected)}{_missing(found)}."
    if len(found) == 1:
        # A lung that is white all over is not found: what it hides must not count as healthy.
        reason = "Only one lung was found, without infection; the other cannot be judged."
        return Decision.UNDETERMINED, reason
    for caution in cautions:
        if caution in FORBID_NEGATIVE:
            reason = f"No infection is seen, but that is not certain. {caution.text}"
            return Decision.UNDETERMINED, reason
    return Decision.NEGATIVE, "Both lungs were found, without infection."


def _named(lungs: Sequence[LungMeasurement]) -> str:
    return "both lungs" if len(lungs) == 2 else f"the {lungs[0].laterality} lung"


def _missing(found: Sequence[LungMeasurement]) -> str:
    return "" if len(found) == 2 else "; the other lung was not found"


def _segments(masks: Masks) -> tuple[Segment, ...]:
    of_task = {Task.LUNG: masks.lung, Task.INFECTION: masks.infection}
    return tuple(
        Segment(number, task, side, of_task[task][side])
        for number, (task, side) in enumerate(SEGMENTS, start=1)
    )
