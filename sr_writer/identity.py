"""What names a result: UIDs (PS3.5 B.2), series, tracking identifiers, algorithms.

UIDs are derived, never drawn: a retry rebuilds and re-sends the same instances, and a new model
gives new ones. Nothing here needs more than the standard library, so the listener may ask for
`results_digest` without loading what builds the objects.
"""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime

from inference.findings import Decision, Findings, Laterality, Task
from inference.pipeline import Pipeline
from sr_writer.equipment import Equipment, derived_uid
from sr_writer.language import ENGLISH, role_in
from sr_writer.progression import Progression
from sr_writer.progression import Reference as Reference

#: Of what we write: a change in content or layout takes the next number, and with it come new
#: UIDs, so that no PACS holds two different objects of one name.
RESULTS_FORMAT = "4"
RESEARCH_USE = "Research use only - not for diagnosis"

#: The measurement group of the decision, which is no segment's.
DECISION_TRACKING_ID = "COVID-19"

#: Roles of what has no words: results in every language refer to the same one.
_MASKS = "SEG"
_WORDLESS = frozenset({_MASKS})
#: Roles of what tells of earlier radiographs: another object where others are known. Masks and
#: pictures stay as they are.
_TELLING = frozenset({"SR", "SR2D", "DOC"})
#: Value length of LO, the shortest of the fields our texts go into (PS3.5 6.2).
_LONG_STRING = 64
_NOT_FOR_DIAGNOSIS = ", not for diagnosis"
_NOTICE_SUBJECT = {
    Decision.NOT_ANALYSED: "COVID-19: not analysed",
    Decision.FAILED: "COVID-19: analysis failed",
}
#: Of what a reader has drawn, and of the report on it.
READER_SUBJECT = "COVID-19: a reader's correction"
_WITHDRAWAL_SUBJECT = "COVID-19: results withdrawn"


def results_digest(pipeline: Pipeline) -> str:
    """Names how a radiograph is analysed and written: a job's pipeline, and part of every UID."""
    return hashlib.sha256(f"{RESULTS_FORMAT}\n{pipeline.digest}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One network, as DICOM identifies it (TID 4019; PS3.3 10.16)."""

    name: str  #: at most 64 characters
    version: str  #: at most 64 characters
    manufacturer: str
    device_uid: str  #: derived from the weights, so the same network has it everywhere
    parameters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reader:
    """The person by whom a report says it was observed, and what that person has drawn."""

    author: str  #: a Person Name (PS3.5 6.2); "" where nobody is named
    segmentation: Reference


@dataclass(frozen=True, slots=True)
class Issue:
    """Which issue of one radiograph's results: other bytes that matter make another one."""

    number: int = 0
    #: Reports that this issue's report takes the place of (PS3.3 C.17.2.3).
    predecessors: tuple[Reference, ...] = ()
    #: What its report and page tell of the patient's earlier radiographs; None: of none.
    progression: Progression | None = None
    #: `Findings.refusal`: of an image that was analysed at a person's request.
    refusal: str = ""
    #: Of a report on what a reader has drawn; None: on what the networks found.
    reader: Reader | None = None


FIRST_ISSUE = Issue()


@dataclass(frozen=True, slots=True)
class Identity:
    """All names of one radiograph's results."""

    source_sop_instance_uid: str
    pipeline: Pipeline
    equipment: Equipment
    created: datetime  #: becomes the content date and time; give a retry the same
    #: Of a notice, which says why there is no result: NOT_ANALYSED or FAILED.
    notice: Decision | None = None
    issue: Issue = FIRST_ISSUE
    #: Of a rejection note: what tells it from others of the same issue.
    withdraws: tuple[str, ...] = ()
    language: str = ENGLISH  #: in which its results speak
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", results_digest(self.pipeline))

    def sop_instance_uid(self, role: str) -> str:
        return self._derived("instance", self._spoken(role))

    def series_instance_uid(self, role: str) -> str:
        return self._derived("series", self._spoken(role))

    def tracking_uid(self, tracking_id: str) -> str:
        return self._derived("tracking", tracking_id)

    def spoken(self, language: str) -> "Identity":
        """Of the same results in another language: its own names for what has words."""
        return replace(self, language=language)

    @property
    def progression(self) -> Progression | None:
        """Not of a notice, nor of a rejection note."""
        return None if self.notice or self.withdraws else self.issue.progression

    @property
    def reader(self) -> Reader | None:
        """Likewise."""
        return None if self.notice or self.withdraws else self.issue.reader

    @property
    def segmentation(self) -> tuple[str, str]:
        """Series and SOP Instance UID of the masks that the figures were counted in."""
        if self.reader:
            drawn = self.reader.segmentation
            return drawn.series_instance_uid, drawn.sop_instance_uid
        return self.series_instance_uid(_MASKS), self.sop_instance_uid(_MASKS)

    @property
    def refusal(self) -> str:
        """Likewise."""
        return "" if self.notice or self.withdraws else self.issue.refusal

    def _spoken(self, role: str) -> str:
        is_said = "@" in role or role in _WORDLESS
        return role if is_said else role_in(role, self.language)

    def _derived(self, kind: str, name: str) -> str:
        """A notice is another instance than the result it stands for, which may still come."""
        parts: list[str] = [self.notice] if self.notice else []
        if self.issue.number:
            parts.append(f"issue {self.issue.number}")
        if self.withdraws:
            parts += ["withdraws", *self.withdraws]
        # Other objects than a regular analysis of the same image would give, which may still come.
        if self.refusal:
            parts.append(f"although {self.refusal}")
        if self.reader:
            parts += ["reader", self.reader.segmentation.sop_instance_uid]
        if self.progression is not None and name.partition("@")[0] in _TELLING:
            parts.append(f"progression {self.progression.digest}")
        return derived_uid(kind, self.source_sop_instance_uid, self.digest, *parts, name)

    def series_description(self, subject: str) -> str:
        """Of a result about `subject`; a notice and a rejection note have subjects of their own."""
        if self.notice:
            subject = _NOTICE_SUBJECT[self.notice]
        if self.withdraws:
            subject = _WITHDRAWAL_SUBJECT
        if self.reader:
            subject = READER_SUBJECT
        return subject_said(subject, *(model.version for model in self.pipeline.models))

    def algorithm(self, task: Task) -> Algorithm:
        model = self.pipeline.model(task)
        return Algorithm(
            name=f"{model.name} {task}"[:_LONG_STRING],
            version=model.version[:_LONG_STRING],
            manufacturer=self.equipment.manufacturer,
            device_uid=derived_uid("model", model.task, model.sha256),
            parameters=self.pipeline.parameters(task),
        )

    @property
    def algorithms(self) -> tuple[Algorithm, ...]:
        """Those that contributed: none to a notice, nor to a rejection note."""
        if self.notice or self.withdraws:
            return ()
        return tuple(self.algorithm(model.task) for model in self.pipeline.models)


def identity_of(
    findings: Findings, equipment: Equipment, created: datetime, issue: Issue = FIRST_ISSUE
) -> Identity:
    uid = findings.source_sop_instance_uid
    issue = replace(issue, refusal=findings.refusal)
    return Identity(uid, findings.pipeline, equipment, created, issue=issue)


def subject_said(subject: str, *versions: str) -> str:
    """A series description about `subject`, by networks of these versions."""
    named = f"{subject} {'/'.join(dict.fromkeys(versions))}" if versions else subject
    said = f"{named}{_NOT_FOR_DIAGNOSIS}"
    # Whole or not at all: half a version is another's.
    return said if len(said) <= _LONG_STRING else f"{subject}{_NOT_FOR_DIAGNOSIS}"


def tracking_id(task: Task, laterality: Laterality) -> str:
    """The name of a segment, and of the measurement group that speaks of it."""
    if task is Task.LUNG:
        return f"{laterality.value.capitalize()} lung"
    return f"Infection in {laterality.value} lung"
