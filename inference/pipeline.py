"""How a radiograph is analysed, as a value: which networks, and every threshold they are read with.

A job asks for a pipeline by its digest, and only a worker that has it does the job. The digest goes
into the results' UIDs as well, so one UID never names two different objects: whatever changes a
result changes the digest (`tests/inference/test_pipeline.py` holds it). Nothing here needs more
than the standard library: the listener asks for a digest without loading networks.
"""

import hashlib
from dataclasses import asdict, dataclass
from enum import StrEnum

#: Of what no setting says: the code between the networks and the findings. A change of it that
#: changes a result takes the next number.
REVISION = "4"


class Task(StrEnum):
    """What a network was trained to segment (paper, section 3.1)."""

    LUNG = "lung"
    INFECTION = "infection"


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


@dataclass(frozen=True, slots=True)
class Settings:
    """The thresholds between probabilities and findings."""

    #: Section 3.2: a pixel is lung where its probability is above this.
    lung_above: float = 0.5
    #: Section 3.2: regions smaller than this share of all predicted lung pixels are dropped.
    least_region_share: float = 0.05
    #: Section 3.2: a pixel is infected where its probability is above this.
    infection_above: float = 0.5
    #: Where nothing is that likely, the likeliest pixels above this are marked as faint signs;
    #: equal to `infection_above`: there are no faint signs. Chosen on the part of Train held out,
    #: where sensitivity and specificity are about as great: of the nine images there between the
    #: two, four were healthy.
    faint_above: float = 0.125
    #: Less than this share of the square is noise: the smallest true infection of COVID-QU-Ex Train
    #: is twice as large.
    least_infection_share: float = 1e-3


#: What the paper says, and what it leaves open as measured.
STANDARD = Settings()

#: Which settings each network's map is read with.
_READ_WITH = {
    Task.LUNG: ("lung_above", "least_region_share"),
    Task.INFECTION: ("infection_above", "faint_above", "least_infection_share"),
}


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Two networks and the settings they are read with."""

    models: tuple[ModelIdentity, ...]  #: lung, infection
    settings: Settings = STANDARD

    @property
    def digest(self) -> str:
        """64 hex digits that name it; a model by its weights, not by what it is called.

        And by the error that its card states: it is said in the results.
        """
        settings = [f"{name}={value!r}" for name, value in sorted(asdict(self.settings).items())]
        models = [f"{m.task}={m.sha256} {m.percent_error_points}" for m in self.models]
        return hashlib.sha256("\n".join([REVISION, *models, *settings]).encode()).hexdigest()

    def model(self, task: Task) -> ModelIdentity:
        return next(model for model in self.models if model.task is task)

    def parameters(self, task: Task) -> tuple[str, ...]:
        """What a report says of how this network was read (TID 4019, Algorithm Parameters)."""
        settings = asdict(self.settings)
        read_with = (f"{name}={settings[name]:g}" for name in _READ_WITH[task])
        return (f"sha256={self.model(task).sha256}", *read_with)
