"""Algorithm 2: each case through the node's own analysis, beside what is true of it.

Nothing of the analysis is written again here: a case is DICOM, and `inference.analyze` gives its
findings. So the figures are those of the whole node, refusals to conclude included.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.analyze import Analysis, analyze
from inference.datasets.cases import Case
from inference.engines import Engine, ProbabilityMaps
from inference.evaluation.metrics import count_pixels
from inference.findings import Caution, Decision, Findings, Laterality, Mask, ModelIdentity, Task
from inference.lungs import lung_mask
from inference.lungs.laterality import divide
from inference.orientation import Orientation
from inference.quantify import percent

#: The two lungs, and both together.
PLACES = ("left", "right", "both")

Percentages = Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Result:
    """What was said of one case, and what is true."""

    name: str
    is_covid: bool | None  #: None where nobody said
    decision: Decision
    infected_pixels: int  #: on the source's grid
    said_percent: Percentages  #: by place, 0..100; None where no lung was found
    true_percent: Percentages | None  #: None where a true mask is missing
    pixels: Mapping[Task, tuple[int, int, int, int]]  #: `count_pixels` of each task with a truth
    cautions: tuple[Caution, ...] = ()
    certainty: float | None = None  #: `Findings.certainty`


class Cascade:
    """An `Engine` whose infection network sees the lungs alone (section 4.2).

    Both networks run twice, which costs time but needs nothing of the engine it wraps.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def size(self) -> int:
        return self._engine.size

    @property
    def models(self) -> tuple[ModelIdentity, ...]:
        return self._engine.models

    def segment(self, images: NDArray[np.float32]) -> ProbabilityMaps:
        whole = self._engine.segment(images)
        lung = whole.lung
        lungs = np.stack([lung_mask(probability) for probability in lung])
        segmented = np.where(lungs, images, np.float32(0))
        infection = self._engine.segment(segmented).infection
        return ProbabilityMaps(lung, infection, whole.strangeness)


def evaluate(
    cases: Sequence[Case],
    engine: Engine,
    progress: Callable[[Iterable[Case]], Iterable[Case]] = lambda steps: steps,
) -> list[Result]:
    """A Result a case, in their order; raises UndecodableImage."""
    return [compare(case, analyze(case.source(), engine)) for case in progress(cases)]


def compare(case: Case, analysis: Analysis) -> Result:
    """The findings beside the truth, pixel by pixel and percent by percent."""
    findings = analysis.findings
    truths = {task: mask for task in Task if (mask := case.mask(task)) is not None}
    return Result(
        name=case.name,
        is_covid=case.is_covid,
        decision=findings.decision,
        infected_pixels=findings.infected_pixels,
        said_percent=_said(findings),
        true_percent=_true(truths, analysis.radiograph.orientation),
        pixels={
            task: count_pixels(said_mask(findings, task), truth) for task, truth in truths.items()
        },
        cautions=findings.cautions,
        certainty=findings.certainty,
    )


def said_mask(findings: Findings, task: Task) -> Mask:
    """Both sides together, (rows, columns) of the source."""
    left, right = (findings.segment(task, side).mask for side in Laterality)
    return left | right


def _said(findings: Findings) -> Percentages:
    return {
        "left": findings.left.infected_percent,
        "right": findings.right.infected_percent,
        "both": findings.infected_percent,
    }


def _true(truths: Mapping[Task, Mask], orientation: Orientation) -> Percentages | None:
    """The true percentages, with the true lungs divided as the node divides its own."""
    if len(truths) < len(Task):
        return None
    sides = divide(orientation.upright(truths[Task.LUNG]))
    infection = orientation.upright(truths[Task.INFECTION])
    lungs = {"left": sides.left, "right": sides.right, "both": sides.left | sides.right}
    return {
        place: percent(int((infection & lung).sum()), int(lung.sum()))
        for place, lung in lungs.items()
    }
