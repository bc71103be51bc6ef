"""The same patient's earlier radiographs beside the one in hand, from what is here already; what an
archive may have besides is asked for once the reports are built, and told in new ones.

Patients are told apart by Patient ID and issuer, of which the ledger has a keyed hash, and by a
second identifier, as at a bedside: birth date, and sex where both say one. These are compared in
the received files, so that nothing more of the patient is kept. Dates are those of the headers.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydicom import Dataset

from dicom_node.config import PriorsSection
from dicom_node.errors import Permanent, SpoolUnreadable
from dicom_node.intake.belonging import contradiction
from dicom_node.intake.taken import days_between, is_before, local, taken_of
from dicom_node.ledger import Became, Job, JobState, Ledger, Relative
from dicom_node.spool import Spool
from dicom_node.worker.processing import read_dataset
from inference.findings import Decision
from sr_writer.progression import Omission, Omitted, Prior, Progression

logger = logging.getLogger(__name__)

#: Of what is not compared, those that a report names.
MOST_OMITTED = 10
_DECIDED = (Decision.POSITIVE, Decision.NEGATIVE)
_TOLD: Mapping[Became, Omission] = {
    Became.OTHER_PATIENT: Omission.OTHER_PATIENT,
    Became.UNCONFIRMED: Omission.UNCONFIRMED,
    Became.NOT_RETRIEVED: Omission.NOT_RETRIEVED,
}
_UNFINISHED = (JobState.RECEIVED, JobState.ANALYZING)


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

    def ask(self, job: Job) -> None:
        """Have the archives asked for what never came here: once, when the job is analysed first,
        and after its results are built.
        """
        asked = self.section.ask
        if not asked or job.is_fetched or job.overridden:
            return
        if self.ledger.findings.of_job(job.id) is None:
            self.ledger.inquiries.begin(job.id, job.issue, asked)

    def is_unsent(self, job: Job) -> bool:
        """Whether it is only there for others to be compared with."""
        return job.is_fetched and not self.section.send

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
        if job.is_fetched:
            # Once, for all that is fetched for them.
            in_hand = self.ledger.inquiries.in_hand(outdated)
            outdated = [one for one in outdated if one not in in_hand]
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
        taken = taken_of(this.acquired_at if this else "", header)
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
        for shown in self._shown(job):
            if shown.study_instance_uid not in compared and len(omitted) < MOST_OMITTED:
                omitted.setdefault(shown.study_instance_uid, shown)
        priors = tuple(self._prior(one) for one in reversed(compared.values()))
        oldest_first = list(reversed(omitted.values()))
        oldest_first.sort(key=lambda one: one.taken)
        return Progression(taken, priors, tuple(oldest_first))

    def _shown(self, job: Job) -> Iterator[Omitted]:
        """What archives have and is not here, for a reason that a report tells."""
        for inquiry in self.ledger.inquiries.of_job(job.id):
            for one in inquiry.shown:
                if one.became in _TOLD and one.taken:
                    why = _TOLD[one.became]
                    yield Omitted(one.taken, one.sop_instance_uid, one.study_instance_uid, why)

    def _earlier(self, job: Job, taken: str) -> list["_Earlier"]:
        """The last taken first. Without what was passed over: a lateral view is no prior."""
        found = [
            _Earlier(one, local(one.acquired_at) or taken_of("", self._header(one)))
            for one in self.ledger.progressions.relatives(job)
            if one.is_rejected or one.state is not JobState.SKIPPED
        ]
        before = (one for one in found if is_before(one.taken, taken))
        return sorted(before, key=lambda one: one.taken, reverse=True)

    def _why_not(
        self, one: "_Earlier", job: Job, taken: str, header: Dataset, *, is_full: bool
    ) -> Omission | None:
        """What speaks against a comparison; what needs no file is asked first."""
        relative = one.relative
        if relative.is_rejected:
            return Omission.REJECTED
        if days_between(one.taken, taken) > self.section.days:
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
        return contradiction(self._header(relative), header)

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


def _precedes(one: Relative, other: Relative) -> bool:
    return is_before(local(one.acquired_at), local(other.acquired_at))
