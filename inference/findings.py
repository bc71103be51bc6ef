"""The one contract the other packages see: what one radiograph's analysis found.

Produced by `quantify`, consumed by `sr_writer` and `dicom_node.worker`. Nothing here
depends on torch or pydicom, so whoever reads a result needs numpy alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum

import numpy as np
from numpy.typing import NDArray

from inference.pipeline import ModelIdentity as ModelIdentity
from inference.pipeline import Pipeline
from inference.pipeline import Task as Task

Mask = NDArray[np.bool_]


class Laterality(StrEnum):
    """The patient's side, never the image's."""

    LEFT = "left"
    RIGHT = "right"


#: What the four segments are of, in the order of their numbers.
SEGMENTS = (
    (Task.LUNG, Laterality.LEFT),
    (Task.LUNG, Laterality.RIGHT),
    (Task.INFECTION, Laterality.LEFT),
    (Task.INFECTION, Laterality.RIGHT),
)


class Decision(StrEnum):
    """Whether COVID-19 infection is seen (paper, section 3.3)."""

    #: At least one lung pixel is infected.
    POSITIVE = "positive"
    #: Lungs were found and no pixel of them is infected.
    NEGATIVE = "negative"
    #: The networks ran, but no plausible lungs were found or the signs are too faint to say.
    UNDETERMINED = "undetermined"
    #: The networks did not run (the instance is not a frontal chest radiograph).
    NOT_ANALYSED = "not_analysed"
    #: The analysis broke off (unreadable pixels, a result the gate refused): nothing can be said.
    FAILED = "failed"


class SpacingSource(StrEnum):
    """Where the pixel spacing came from, hence how far areas may be trusted."""

    #: (0028,0030) Pixel Spacing: calibrated, or as the detector.
    PIXEL_SPACING = "pixel_spacing"
    #: (0018,1164) Imager Pixel Spacing: at the detector, magnification not corrected.
    IMAGER_PIXEL_SPACING = "imager_pixel_spacing"
    #: Absent or zero: areas cannot be given.
    NONE = "none"


class Caution(Enum):
    """A reason to read a result with care. `code` is stable, `text` is for people."""

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        self.text = text

    LATERALITY_ASSUMED = (
        "laterality_assumed",
        "Patient Orientation is absent: the upright image's left was taken as the patient's right.",
    )
    ORIENTATION_CORRECTED = (
        "orientation_corrected",
        "The image lies on its head or side and no header says so: it was analysed turned.",
    )
    ORIENTATION_CONTRADICTED = (
        "orientation_contradicted",
        "Patient Orientation contradicts the image: one of them lies another way.",
    )
    SPACING_AT_DETECTOR = (
        "spacing_at_detector",
        "Pixel spacing is as measured at the detector: areas include magnification.",
    )
    SPACING_UNKNOWN = ("spacing_unknown", "Pixel spacing is unknown: no areas are given.")
    POLARITY_CORRECTED = (
        "polarity_corrected",
        "The header's photometric interpretation contradicts the pixels: they were inverted.",
    )
    FOR_PROCESSING = (
        "for_processing",
        "The image is raw detector data (FOR PROCESSING), not the one radiologists read.",
    )
    ONE_LUNG_ONLY = ("one_lung_only", "Only one lung was found.")
    LUNGS_TOUCH = ("lungs_touch", "The lungs touch: they were divided at their narrowest place.")
    LUNGS_UNEQUAL = (
        "lungs_unequal",
        "One lung found is much smaller than the other: part of it may have been missed.",
    )
    LUNG_AT_BORDER = (
        "lung_at_border",
        "A lung reaches the border of the image: percentages are of the part that is shown.",
    )
    LOW_CONTRAST = ("low_contrast", "The image has little contrast: findings are less certain.")
    SATURATED = (
        "saturated",
        "Much of the image is wholly black or white: what lies there cannot be judged.",
    )
    FAINT = (
        "faint",
        "The signs of infection are too faint to say: images without infection may show as much.",
    )
    STRANGE = (
        "strange",
        "The image is unlike all that the networks learnt from: what they see in it is not sure.",
    )
    GRAY_VALUES_DOUBTFUL = (
        "gray_values_doubtful",
        "The header contradicts the stored gray values: the picture may be another than was meant.",
    )
    PART_MISSING = (
        "part_missing",
        "A part of the image is missing: whole rows of it hold one and the same value.",
    )
    UNDER_18 = ("under_18", "The patient is under 18: the networks were not made for children.")
    #: In the gap: `Findings.refusal`.
    NOT_ELIGIBLE = ("not_eligible", "Analysed at a person's request although: {reason}.")

    def says(self, refusal: str) -> str:
        """The text, filled in with `Findings.refusal`."""
        return self.text.format(reason=refusal) if self is Caution.NOT_ELIGIBLE else self.text


#: With any of these a negative would be more than can be known: it is undetermined instead.
FORBID_NEGATIVE = frozenset({Caution.GRAY_VALUES_DOUBTFUL})
#: With any of these nothing can be said, whatever the networks see.
FORBID_DECISION = frozenset(
    {Caution.NOT_ELIGIBLE, Caution.PART_MISSING, Caution.STRANGE, Caution.FAINT}
)

#: Upper ends of extent grades 1, 2 and 3, in percent of the lung; grade 0 is nothing infected.
EXTENT_LIMITS = (25.0, 50.0, 75.0)


def extent_grade(infected_percent: float | None) -> int | None:
    """Our severity grade of one lung, 0..4, by how much of its projected area is infected.

    0: none, 1: below 25 %, 2: 25 up to 50 %, 3: 50 to 75 %, 4: above 75 %; None where it cannot be
    said. The steps are the extent part of the RALE-type scores (Warren et al. 2018, Wong et al.
    2020); density is not graded, so it is ours and not comparable to a RALE score.
    """
    if infected_percent is None:
        return None
    quarter, half, three_quarters = EXTENT_LIMITS
    if infected_percent > three_quarters:
        return 4
    if infected_percent >= half:
        return 3
    if infected_percent >= quarter:
        return 2
    return 1 if infected_percent > 0 else 0


@dataclass(frozen=True, slots=True)
class Segment:
    """One of the four segments, on the source image's own grid."""

    number: int  #: 1..4, its place in `SEGMENTS`
    task: Task  #: LUNG: the whole lung, infection included; INFECTION: within that lung
    laterality: Laterality
    mask: Mask  #: (rows, columns) of the source, True inside


@dataclass(frozen=True, slots=True)
class LungMeasurement:
    """One lung's figures, counted on the source grid's pixels (paper, section 3.3)."""

    laterality: Laterality
    lung_pixels: int  #: infection included; 0 where this lung was not found
    infected_pixels: int  #: never more than lung_pixels
    infected_percent: float | None  #: 0..100; None where it cannot be said
    lung_area_mm2: float | None  #: None without pixel spacing, or where it cannot be said
    infected_area_mm2: float | None  #: likewise

    @property
    def extent_grade(self) -> int | None:
        """0..4, see `extent_grade`; None where it cannot be said."""
        return extent_grade(self.infected_percent)


@dataclass(frozen=True, slots=True)
class Findings:
    """All that the analysis of one radiograph says."""

    source_sop_instance_uid: str
    decision: Decision
    reason: str  #: one sentence for people: why this decision
    segments: tuple[Segment, ...]  #: always the four, in the order of their numbers
    left: LungMeasurement
    right: LungMeasurement
    infected_percent: float | None  #: 0..100, both lungs together; None where it cannot be said
    #: 0..1, how probable infection is (`inference.extent`); None where it cannot be said
    certainty: float | None
    spacing_mm: tuple[float, float] | None  #: (row, column), None where unknown
    spacing_source: SpacingSource
    cautions: tuple[Caution, ...]
    pipeline: Pipeline  #: what found it
    durations_ms: Mapping[str, float]  #: stage name to milliseconds, in the order they ran
    #: Why the image was not to be analysed, where a person asked that it be all the same; "": it
    #: was. What is found in such a one is shown, and nothing is decided.
    refusal: str = ""

    @property
    def models(self) -> tuple[ModelIdentity, ...]:
        """Lung, infection."""
        return self.pipeline.models

    @property
    def infected_pixels(self) -> int:
        """Infected lung pixels of both lungs, on the source grid: what the decision rests on."""
        return self.left.infected_pixels + self.right.infected_pixels

    @property
    def percent_error_points(self) -> float | None:
        """The infection network's `ModelIdentity.percent_error_points`."""
        errors = (m.percent_error_points for m in self.models if m.task is Task.INFECTION)
        return next(errors, None)

    def measurement(self, laterality: Laterality) -> LungMeasurement:
        return self.left if laterality is Laterality.LEFT else self.right

    def segment(self, task: Task, laterality: Laterality) -> Segment:
        return next(s for s in self.segments if (s.task, s.laterality) == (task, laterality))
