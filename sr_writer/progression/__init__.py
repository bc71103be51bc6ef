"""The same patient's earlier radiographs, as they were known when one was analysed.

It needs nothing but the standard library: the ledger keeps it, reports and pages show it. Once
fixed it stays, so that a result that is built again is the same bytes; its digest is part of the
UIDs of what tells of it, so that no UID names two different reports.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Reference:
    """An instance that is out there."""

    study_instance_uid: str
    series_instance_uid: str
    sop_class_uid: str
    sop_instance_uid: str


class Omission(StrEnum):
    """Why an earlier radiograph under the same Patient ID and issuer is not compared."""

    #: Birth date or sex are others: the ID may have been given twice.
    OTHER_PATIENT = "other_patient"
    #: A birth date is missing, or the file is lost: the ID alone does not prove who it is.
    UNCONFIRMED = "unconfirmed"
    #: Analysed by other networks or with other settings.
    OTHER_PIPELINE = "other_pipeline"
    UNDETERMINED = "undetermined"
    FAILED = "failed"
    #: Not analysed yet.
    WAITING = "waiting"
    #: An archive has it, and did not give it.
    NOT_RETRIEVED = "not_retrieved"
    #: By a rejection note, or its results were withdrawn by a person.
    REJECTED = "rejected"
    TOO_OLD = "too_old"
    #: More recent ones fill the series.
    TOO_MANY = "too_many"


@dataclass(frozen=True, slots=True)
class Prior:
    """An earlier radiograph that is compared; one of each study."""

    taken: str  #: ISO 8601, the modality's local date and time, or date, without an offset
    image: Reference
    reports: Mapping[str, Reference]  #: of it, by role
    percent_left: float | None  #: infected, of that lung, 0..100; None: it cannot be said
    percent_right: float | None
    percent_both: float | None


@dataclass(frozen=True, slots=True)
class Omitted:
    """One that is not."""

    taken: str  #: as of a `Prior`
    sop_instance_uid: str
    study_instance_uid: str
    why: Omission


@dataclass(frozen=True)
class Progression:
    """What there was before one radiograph."""

    taken: str  #: when that itself was
    priors: tuple[Prior, ...] = ()  #: the oldest first
    omitted: tuple[Omitted, ...] = ()  #: likewise
    #: Of what is told: one more each time that the patient's radiographs turned out to be others,
    #: so that a report that says again what an earlier one said is not called as that was.
    revision: int = 0

    @property
    def last(self) -> Prior | None:
        """What a change is said against."""
        return self.priors[-1] if self.priors else None

    @property
    def compared(self) -> frozenset[str]:
        """SOP Instance UIDs of the priors."""
        return frozenset(one.image.sop_instance_uid for one in self.priors)

    @property
    def known(self) -> frozenset[str]:
        """SOP Instance UIDs of those of which more than that they exist is told."""
        unfinished = (Omission.WAITING, Omission.FAILED, Omission.NOT_RETRIEVED)
        return self.compared | {
            one.sop_instance_uid for one in self.omitted if one.why not in unfinished
        }

    def __bool__(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.priors or self.omitted)

    def after(self, before: "Progression | None") -> "Progression":
        """The same, told instead of `before`."""
        if before is None:
            return replace(self, revision=1)
        same = replace(self, revision=before.revision)
        return same if same == before else replace(self, revision=before.revision + 1)

    @cached_property
    def digest(self) -> str:
        """64 hex digits that name it."""
        return hashlib.sha256(self.as_text().encode()).hexdigest()

    def as_text(self) -> str:
        """JSON, the same for the same."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def of(cls, text: str) -> Self:
        """What `as_text` gave."""
        said = json.loads(text)
        return cls(
            said["taken"],
            tuple(_prior(one) for one in said["priors"]),
            tuple(Omitted(**one | {"why": Omission(one["why"])}) for one in said["omitted"]),
            said["revision"],
        )


def _prior(said: dict[str, Any]) -> Prior:
    reports = {role: Reference(**one) for role, one in said["reports"].items()}
    return Prior(**said | {"image": Reference(**said["image"]), "reports": reports})
