"""How a radiograph is analysed, as a value: which networks, and every threshold they are read with.

A job asks for a pipeline by its digest, and only a worker that has it does the job. The digest goes
into the results' UIDs as well, so one UID never names two different objects: whatever changes a
result changes the digest (`tests/inference/test_pipeline.py` holds it). Nothing here needs more
than the standard library: the listener asks for a digest without loading networks.
"""

import hashlib
import math
from dataclasses import asdict, dataclass
from enum import StrEnum

#: Of what no setting says: the code between the networks and the findings. A change of it that
#: changes a result takes the next number.
REVISION = "5"


class Task(StrEnum):
    """What a network was trained to segment (paper, section 3.1)."""

    LUNG = "lung"
    INFECTION = "infection"


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the strength of an infection network's signs is worth (`inference.extent`).

    A logistic curve fitted to images that were held out (Platt 1999).
    """

    slope: float  #: per unit of the logit, above 0
    offset: float

    def certainty(self, strength: float) -> float:
        """0..1, the probability that an image whose signs are that strong shows infection."""
        return 1 / (1 + math.exp(-(self.slope * strength + self.offset)))


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which trained network spoke."""

    task: Task
    name: str  #: architecture and encoder, e.g. "fpn-resnet18"
    version: str  #: of these weights, e.g. "2026.11"
    sha256: str  #: 64 lower-case hex digits of the weights file
    #: How far off its infected percentage of both lungs is on images with infection: the mean
    #: absolute error measured, in percentage points; None where the model card does not say.
    percent_error_points: float | None = None
    #: What an infection network's signs are worth; None where the model card does not say.
    calibration: Calibration | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """The thresholds between probabilities and findings."""

    #: Section 3.2: a pixel is lung where its probability is above this.
    lung_above: float = 0.5
    #: Section 3.2: regions smaller than this share of all predicted lung pixels are dropped.
    least_region_share: float = 0.05
    #: Section 3.2: a pixel is infected where its probability is above this.
    infection_above: float = 0.5
    #: This share of the square, its likeliest pixels, says how strong the signs of infection are.
    strength_share: float = 0.01
    #: At this certainty of infection or above an image is positive. Chosen for what comes from
    #: elsewhere: healthy chests that a COVID-19 image lent its spectrum are called positive one in
    #: eleven at 0.9, and drawn ones one in ten, three in ten at 0.8.
    positive_above: float = 0.9
    #: Below this it is negative; between the two the signs are too faint to say. Of the infected
    #: images of Val 2.8 % are below.
    negative_below: float = 0.2
    #: Less than this share of the square is noise: the smallest true infection of COVID-QU-Ex Train
    #: is twice as large.
    least_infection_share: float = 1e-3

    #: An image more unlike those learnt from than this is strange (`ProbabilityMaps.strangeness`):
    #: nothing is concluded from it.
    strange_above: float = 1.0

    # Whether lungs can be a chest's (`inference.lungs.plausibility`).

    #: Least share of the image that is lung. True lungs of COVID-QU-Ex Train (3728 images): 4.7 %
    #: (least), 6.7 % (0.1st percentile), 23 % (median); the smaller lung alone 2.0 % (least), so
    #: that one lung missing is no fault.
    least_lung_share: float = 0.02
    #: Greatest share. True lungs: 54 % (99.9th percentile), 55 % (greatest).
    greatest_lung_share: float = 0.60
    #: Least certainty of two lungs that lie apart, as in every one of 440 of those images: there
    #: 0.908 (least), 0.935 (0.5th percentile), 0.984 (median). Drawn lateral chests reach 0.857,
    #: and 0.899 turned or inverted; a hip, a dog's lateral thorax, a ramp or a blank image less.
    least_certainty: float = 0.90
    #: Least certainty of lungs that touch or of one alone: a dog's lateral thorax on its side
    #: 0.945, a tibia inverted and on its head 0.927, drawn lateral chests on their sides 0.930.
    least_certainty_unusual: float = 0.95

    # Which way up and which polarity (`inference.direction`).

    #: As sure as this is neither turned nor inverted. Train: on their heads up to 0.956, on their
    #: sides 0.931, inverted 0.893; of those upright 4.3 % are less sure and cost three runs more,
    #: every tenth of them seven.
    upright_in_no_doubt: float = 0.96
    #: The surest of the four directions has the right polarity if it is as sure as this.
    polarity_in_no_doubt: float = 0.93
    #: By how much one way must be surer than each other one.
    upright_surer_by: float = 0.02
    #: How sure a way must be before the header, or what is assumed without one, is overruled. What
    #: is no chest reaches 0.905 some way or other: a dog's lateral thorax, drawn lateral chests
    #: 0.899.
    least_to_overrule: float = 0.92
    #: How much surer the network must be of lungs that touch or of one alone, to be as sure: so it
    #: sees chests that lie on their side (Train: up to 0.964), and hardly ever upright ones.
    unusual_lungs_handicap: float = 0.04


#: What the paper says, and what it leaves open as measured.
STANDARD = Settings()

#: Which settings each network's map is read with.
_READ_WITH = {
    Task.LUNG: ("lung_above", "least_region_share"),
    Task.INFECTION: (
        "infection_above",
        "strength_share",
        "positive_above",
        "negative_below",
        "least_infection_share",
    ),
}


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Two networks and the settings they are read with."""

    models: tuple[ModelIdentity, ...]  #: lung, infection
    settings: Settings = STANDARD

    @property
    def digest(self) -> str:
        """64 hex digits that name it; a model by its weights, not by what it is called.

        And by the error and the calibration that its card states: they are said in the results.
        """
        settings = [f"{name}={value!r}" for name, value in sorted(asdict(self.settings).items())]
        models = [
            f"{m.task}={m.sha256} {m.percent_error_points} {m.calibration}" for m in self.models
        ]
        return hashlib.sha256("\n".join([REVISION, *models, *settings]).encode()).hexdigest()

    def model(self, task: Task) -> ModelIdentity:
        return next(model for model in self.models if model.task is task)

    def parameters(self, task: Task) -> tuple[str, ...]:
        """What a report says of how this network was read (TID 4019, Algorithm Parameters)."""
        settings = asdict(self.settings)
        read_with = (f"{name}={settings[name]:g}" for name in _READ_WITH[task])
        return (f"sha256={self.model(task).sha256}", *read_with)
