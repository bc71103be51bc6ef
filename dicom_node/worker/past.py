"""What there was of a job before its present bytes: compared, superseded, taken back.

Where other bytes of an instance change nothing that matters, its results stand. Else they make a
new issue: what has not left yet of the earlier ones never will, the new report names their reports
as its predecessors, and what has no such way to be replaced is taken back by a rejection note. So
is everything, reports too, that lies in a wrong study or under a wrong patient.
"""

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from pydicom import Dataset

from dicom_node.errors import DamagedInSpool, Permanent, Transient
from dicom_node.intake.rejection import QUALITY, TITLES, WORKLIST
from dicom_node.ledger import REJECTION_NOTE, Arrived, BuiltOutput, Job, Ledger, Route, Source
from dicom_node.spool import Spool
from dicom_node.worker.comparison import compare, misplaced
from dicom_node.worker.priors import Priors
from dicom_node.worker.processing import read_dataset
from dicom_node.worker.spooling import spool_output
from inference.decode import UndecodableImage
from inference.findings import Decision
from inference.pipeline import Pipeline
from sr_writer.equipment import Equipment
from sr_writer.identity import Identity, Issue, Reference
from sr_writer.kinds import KO, Kind
from sr_writer.ko.rejection_note import write_rejection_note

logger = logging.getLogger(__name__)

Announce = Callable[[Sequence[int]], None]


@dataclass(frozen=True, slots=True)
class Past:
    """Knows what came before; writes to the ledger as `owner`, who holds the job."""

    ledger: Ledger
    spool: Spool
    pipeline: Pipeline
    equipment: Equipment
    owner: str
    kinds: Sequence[Kind]  #: all that there may be of a job
    noted: Collection[str]  #: destinations that take rejection notes
    announce: Announce  #: rings the sender's bell
    priors: Priors  #: which earlier radiographs the job's reports tell of

    def own(self, job: Job, notice: Decision | None = None) -> frozenset[str]:
        """The SOP Instance UIDs of the job's results, or of a notice that there are none."""
        told = None if notice or job.overridden else self.priors.kept(job)
        issue = Issue(job.issue, progression=told, refusal=job.overridden)
        identity = replace(self._identity(job), notice=notice, issue=issue)
        return frozenset(identity.sop_instance_uid(kind.role) for kind in self.kinds)

    def nothing_new(self, job: Job, content: bytes) -> str | None:
        """What to note where the bytes before have results that stand, and `content` changes none
        of them; None: it is to be analysed.
        """
        if not job.issue:
            return None
        sources = self.ledger.issues.earlier(job.id, self.own(job)).sources
        if not sources or not sources[-1].standing:
            return None
        before = self._read(sources[-1])
        try:
            was_analysed = bool(sources[-1].overridden)
            difference = before and compare(
                before, read_dataset(content), refused_too=was_analysed or bool(job.overridden)
            )
        except UndecodableImage:
            # If it is the new one that cannot be, the analysis will say so.
            return None
        if before is None or difference:
            return None
        return f"{job.path} has the pixels and the identity of {sources[-1].path}: noted"

    def supersede(self, job: Job, content: bytes, notice: Decision | None = None) -> Issue:
        """Let nothing earlier leave any more; the issue of results, or `notice`, in its place.

        Raises Transient while something earlier is just being sent.
        """
        told = None
        # What was refused is compared with nothing.
        if notice is None and not job.overridden:
            self.priors.fix(job, content)
            told = self.priors.kept(job)
        own = self.own(job, notice)
        earlier = self.ledger.issues.earlier(job.id, own)
        if not earlier.sources and not earlier.arrived and not earlier.may_leave:
            return Issue(job.issue, progression=told)
        within = told is not None and told.revision > 0
        why = f"issue {job.issue} takes its place ({self._what_changed(job, content)})"
        if within:
            why = "results that know of other earlier radiographs take its place"
        if leaving := self.ledger.issues.superseded(job, self.owner, own, why, within=within):
            raise Transient(f"{leaving} earlier results are just being sent")
        arrived = self.ledger.issues.earlier(job.id, own).arrived
        reports = {one.sop_instance_uid: _reference(one) for one in arrived
                   if one.role in self._reports}  # fmt: skip
        return Issue(job.issue, tuple(reports.values()), told)

    def withdraw(self, job: Job, content: bytes, notice: Decision | None = None) -> None:
        """Take back by rejection notes what nothing else replaces.

        Where a `notice` says that the image is not to be analysed, reports too.
        """
        revision = self._revision(job, notice)
        if not self.may_withdraw(job, notice):
            return
        earlier = self.ledger.issues.earlier(job.id, self.own(job, notice))
        if not earlier.arrived:
            return
        wrong = self.is_misplaced(job, content)
        all_of_it = notice is Decision.NOT_ANALYSED
        here = job.study_instance_uid
        taken = [
            one
            for one in earlier.arrived
            if wrong or all_of_it or one.role not in self._reports or one.study_instance_uid != here
        ]
        header = read_dataset(content, header_only=True)
        said = f"Issue {job.issue} of these results takes their place."
        if revision:
            said = "Results that know of other earlier radiographs take their place."
        if all_of_it:
            said = "The image that these results were made from is not to be analysed."
        self.take_back(job, job, taken, WORKLIST if wrong else QUALITY, said, header, revision)

    def may_withdraw(self, job: Job, notice: Decision | None = None) -> bool:
        """Whether anything may be there that `withdraw` takes back.

        Before the first issue nothing can be but a notice, whose place the report takes; or what
        told of other earlier radiographs.
        """
        return bool(job.issue or self._revision(job, notice))

    def _revision(self, job: Job, notice: Decision | None) -> int:
        """How often the earlier radiographs that the job's reports tell of have changed."""
        told = None if notice or job.overridden else self.priors.kept(job)
        return told.revision if told is not None else 0

    def is_misplaced(self, job: Job, content: bytes) -> bool:
        """Whether anything before was of another patient, study or order."""
        sources = self.ledger.issues.earlier(job.id, self.own(job)).sources
        if not sources:
            return False
        header = read_dataset(content, header_only=True)
        return any(before is not None and bool(misplaced(before, header))
                   for before in map(self._read, sources))  # fmt: skip

    def is_told(self, job: Job, reason: str) -> bool:
        """Whether a report says `reason` already, of the bytes before and in the same study.

        Else whoever sends a study again because a report has come would get another, for ever.
        """
        sources = self.ledger.issues.earlier(job.id, self.own(job)).sources
        if not sources:
            return False
        last = sources[-1]
        return (last.reason, last.study_instance_uid) == (reason, job.study_instance_uid)

    def take_back(
        self,
        holding: Job,
        of: Job,
        taken: Sequence[Arrived],
        title: str,
        said: str,
        header: Dataset | None = None,
        revision: int = 0,
    ) -> None:
        """Hand over, as outputs of `holding`, the notes that take back results of `of`.

        One for each destination and study: one that names what a destination does not have, it
        may refuse. `header` is of the patient and study that `of` has now; in other studies the
        results' own headers say whose they are. `revision` is of the `Progression` that takes the
        place of another in one issue.
        """
        for (destination, study), group in groupby(sorted(taken, key=_place), key=_place):
            if destination not in self.noted:
                continue
            again = (f"revision {revision}",) if revision else ()
            identity = self._identity(holding, destination, study, of.sop_instance_uid, *again)
            uid = identity.sop_instance_uid(KO.role)
            ours = [one for one in group if one.retracted_by in (None, uid)]
            if not ours:
                continue
            known = header if study == of.study_instance_uid else None
            whose = known or self._header_of(ours)
            note = write_rejection_note(
                whose, [_reference(one) for one in ours], title, said, identity, self.kinds
            )
            built = spool_output(self.spool, note, role=REJECTION_NOTE, study=study)
            self._hand_over(holding, built, destination, ours)
            extra = {"job_id": holding.id, "destination": destination, "title": TITLES[title]}
            logger.warning("takes results back", extra=extra | {"outputs": len(ours)})

    @property
    def _reports(self) -> frozenset[str]:
        """Roles of what names its predecessors, so that nothing else need take those back."""
        return frozenset(kind.role for kind in self.kinds if kind.is_report)

    def _hand_over(
        self, holding: Job, note: BuiltOutput, destination: str, ours: Sequence[Arrived]
    ) -> None:
        ids = [one.delivery_id for one in ours]
        self.ledger.issues.to_be_retracted(holding.id, ids, note.sop_instance_uid)
        routes = [Route(destination, (REJECTION_NOTE,))]
        output_ids = self.ledger.handover.handed_over(
            holding.id, self.owner, built=[note], routes=routes
        )
        self.announce(output_ids)

    def _what_changed(self, job: Job, content: bytes) -> str:
        sources = self.ledger.issues.earlier(job.id, self.own(job)).sources
        before = self._read(sources[-1]) if sources else None
        if before is None:
            return "the same bytes, analysed again" if not sources else "other bytes"
        try:
            asked = bool(sources[-1].overridden)
            return f"other {compare(before, read_dataset(content), refused_too=asked)}"
        except UndecodableImage:
            return "what it was made of could not be decoded"

    def _header_of(self, results: Sequence[Arrived]) -> Dataset:
        """The patient and study of what is taken back, as one of its own files says."""
        for one in results:
            try:
                content = self.spool.read_verified(one.path, one.sha256)
            except DamagedInSpool as exc:
                fault = exc
            else:
                return read_dataset(content, header_only=True)
        raise fault

    def _read(self, source: Source) -> Dataset | None:
        """None where the file is gone, or no data set: it can be compared with nothing."""
        try:
            return read_dataset(self.spool.read_verified(source.path, source.sha256))
        except Permanent as exc:
            extra = {"path": source.path, "reason": str(exc)}
            logger.warning("could not read an earlier file", extra=extra)
            return None

    def _identity(self, job: Job, *withdraws: str) -> Identity:
        issue = Issue(job.issue)
        return Identity(job.sop_instance_uid, self.pipeline, self.equipment, job.received_at,
                        issue=issue, withdraws=withdraws)  # fmt: skip


def _place(one: Arrived) -> tuple[str, str]:
    return one.destination, one.study_instance_uid


def _reference(one: Arrived) -> Reference:
    return Reference(
        one.study_instance_uid,
        one.series_instance_uid,
        one.sop_class_uid,
        one.sop_instance_uid,
    )
