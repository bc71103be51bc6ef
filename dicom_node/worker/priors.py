"""The same patient's earlier radiographs beside the one in hand, from what is here already.

Patients are told apart by Patient ID and issuer, of which the ledger has a keyed hash, and by a
second identifier, as at a bedside: birth date, and sex where both say one. These are compared in
the received files, so that nothing more of the patient is kept. Dates are those of the headers.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from pydicom import Dataset

from dicom_node.config import PriorsSection
from dicom_node.errors import Permanent, SpoolUnreadable
from dicom_node.ledger import Job, JobState, Ledger, Relative
from dicom_node.spool import Spool
from dicom_node.worker.processing import read_dataset
from inference.findings import Decision
from inference.header import text_of
from sr_writer.progression import Omission, Omitted, Prior, Progression

logger = logging.getLogger(__name__)

#: Of what is not compared, those that a report names.
MOST_OMITTED = 10
_DECIDED = (Decision.POSITIVE, Decision.NEGATIVE)
_UNFINISHED = (JobState.RECEIVED, JobState.ANALYZING)
#: As `Progression.taken`: a date alone is as long as this.
_DATE = len("2026-11-28")
_TIME = len("2026-11-28T12:30:00")


@dataclass(frozen=True, slots=True)
class Priors:
    """Looks for them once for each issue of a job's results, and has the ledger keep the answer."""

    ledger: Ledger
    spool: Spool
    section: PriorsSection

    def kept(self, job: Job) -> Progression | None:
        """What the reports of the job's issue tell."""
        return self.ledger.progressions.of_job(job.id)

    def fix(self, job: Job, content: bytes) -> None:
        """See to it that what they tell stands; a retry, or what is built again, finds it so."""
        if not self.section.days or self.ledger.progressions.is_fixed(job):
            return
        at = self.ledger.now()
        self.ledger.progressions.fix(job, self._look(job, content), at)

    def analysed(self, job: Job) -> list[int]:
        """Have reports made anew that do not know what they could by now: those of later
        radiographs, which this one precedes, and its own, if another was analysed beside it.

        The jobs that will be.
        """
        if not self.section.days:
            return []
        progressions = self.ledger.progressions
        this = progressions.itself(job)
        if this is None:
            return []
        built = [one for one in progressions.relatives(job)
                 if one.state is JobState.BUILT and one.pipeline == job.pipeline]  # fmt: skip
        later = [one for one in built if _precedes(this, one)]
        outdated = [one.job_id for one in later if progressions.unknown_to(one.job_id, [this])]
        if progressions.unknown_to(job.id, [one for one in built if _precedes(one, this)]):
            outdated.append(job.id)
        return self._outdate(outdated, f"job {job.id} is analysed")

    def rejected(self, job: Job) -> list[int]:
        """Have the reports that compare with what was rejected made anew; their jobs."""
        if not self.section.days:
            return []
        told = ((one.job_id, self.ledger.progressions.of_job(one.job_id))
                for one in self.ledger.progressions.relatives(job))  # fmt: skip
        uid = job.sop_instance_uid
        comparing = [job_id for job_id, it in told if it and uid in it.compared]
        return self._outdate(comparing, f"job {job.id} was rejected")

    def _outdate(self, job_ids: Sequence[int], why: str) -> list[int]:
        if not job_ids:
            return []
        outdated = self.ledger.progressions.outdate(job_ids, why)
        logger.info("will tell of earlier radiographs anew", extra={"job_ids": outdated})
        return outdated

    def _look(self, job: Job, content: bytes) -> Progression:
        """With nothing to tell where there is no date to compare, or nothing earlier."""
        header = read_dataset(content, header_only=True)
        this = self.ledger.progressions.itself(job)
        taken = _taken(this.acquired_at if this else "", header)
        compared: dict[str, _Earlier] = {}
        omitted: dict[str, Omitted] = {}
        for one in self._earlier(job, taken) if taken else ():
            study = one.relative.image.study_instance_uid
            if study in compared or len(omitted) == MOST_OMITTED:
                continue
            why = self._why_not(one, job, taken, header, is_full=len(compared) == self.section.most)
            if why is None:
                compared[study] = one
                # Another image of the study will do.
                omitted.pop(study, None)
            else:
                omitted.setdefault(study, one.omitted(why))
        priors = tuple(self._prior(one) for one in reversed(compared.values()))
        return Progression(taken, priors, tuple(reversed(omitted.values())))

    def _earlier(self, job: Job, taken: str) -> list["_Earlier"]:
        """The last taken first. Without what was passed over: a lateral view is no prior."""
        found = [
            _Earlier(one, _local(one.acquired_at) or _taken("", self._header(one)))
            for one in self.ledger.progressions.relatives(job)
            if one.is_rejected or one.state is not JobState.SKIPPED
        ]
        before = (one for one in found if _is_before(one.taken, taken))
        return sorted(before, key=lambda one: one.taken, reverse=True)

    def _why_not(
        self, one: "_Earlier", job: Job, taken: str, header: Dataset, *, is_full: bool
    ) -> Omission | None:
        """What speaks against a comparison; what needs no file is asked first."""
        relative = one.relative
        if relative.is_rejected:
            return Omission.REJECTED
        if _days_between(one.taken, taken) > self.section.days:
            return Omission.TOO_OLD
        if relative.pipeline != job.pipeline:
            return Omission.OTHER_PIPELINE
        if relative.state in _UNFINISHED:
            return Omission.WAITING
        if relative.state is JobState.FAILED:
            return Omission.FAILED
        if relative.decision not in _DECIDED or relative.percent_both is None:
            return Omission.UNDETERMINED
        if is_full:
            return Omission.TOO_MANY
        return _whose(self._header(relative), header)

    def _header(self, one: Relative) -> Dataset:
        """Of its received file, whole; an empty one where that is lost."""
        try:
            return read_dataset(self.spool.read_verified(one.path, one.sha256), header_only=True)
        except (Permanent, SpoolUnreadable) as exc:
            extra = {"path": one.path, "reason": str(exc)}
            logger.warning("could not read an earlier radiograph", extra=extra)
            return Dataset()

    def _prior(self, one: "_Earlier") -> Prior:
        of = one.relative
        reports = self.ledger.progressions.reports(of.job_id)
        return Prior(
            one.taken, of.image, reports, of.percent_left, of.percent_right, of.percent_both
        )


@dataclass(frozen=True, slots=True)
class _Earlier:
    relative: Relative
    taken: str

    def omitted(self, why: Omission) -> Omitted:
        image = self.relative.image
        return Omitted(self.taken, image.sop_instance_uid, image.study_instance_uid, why)


def _whose(before: Dataset, after: Dataset) -> Omission | None:
    """Whether both are of one patient: what contradicts that, or leaves it unproved."""
    births = [text_of(header, "PatientBirthDate").strip() for header in (before, after)]
    sexes = [text_of(header, "PatientSex").strip().upper() for header in (before, after)]
    if all(births) and births[0] != births[1]:
        return Omission.OTHER_PATIENT
    if all(sexes) and sexes[0] != sexes[1]:
        return Omission.OTHER_PATIENT
    return None if all(births) else Omission.UNCONFIRMED


def _precedes(one: Relative, other: Relative) -> bool:
    return _is_before(_local(one.acquired_at), _local(other.acquired_at))


def _taken(acquired_at: str, header: Dataset) -> str:
    """When it was taken, as `Progression.taken`; "" where nothing says. Never when it came."""
    return _local(acquired_at) or _local(_study_date(header))


def _study_date(header: Dataset) -> str:
    """YYYY-MM-DD; "" where there is none, or no date."""
    text = text_of(header, "StudyDate").strip()
    try:
        return date.fromisoformat(f"{text[:4]}-{text[4:6]}-{text[6:]}").isoformat()
    except ValueError:
        return ""


def _local(moment: str) -> str:
    """The modality's own clock, as everybody there reads it; without fractions and offset."""
    return moment[:_TIME] if len(moment) >= _TIME else moment[:_DATE]


def _is_before(one: str, other: str) -> bool:
    """Of one day without a time neither is known to be the earlier."""
    if not one or not other:
        return False
    if one[:_DATE] != other[:_DATE]:
        return one[:_DATE] < other[:_DATE]
    return len(one) == len(other) == _TIME and one < other


def _days_between(one: str, other: str) -> int:
    return (date.fromisoformat(other[:_DATE]) - date.fromisoformat(one[:_DATE])).days
