"""What is asked of one archive, and when: once for a radiograph, after its own results are built.

An archive that does not answer is asked again, with growing pauses, for a day. What was fetched is
analysed as any other image, last of all; once that has ended, the radiograph's reports are made
anew if there is more to tell.
"""

import logging
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from dicom_node.backoff import backoff_s
from dicom_node.config import PriorsSection
from dicom_node.errors import (
    LedgerUnavailable,
    NodeError,
    NotOffered,
    NotRetrieved,
    is_retriable,
)
from dicom_node.intake.taken import is_before, local, taken_of
from dicom_node.ledger import Became, Inquiry, Job, JobState, Ledger, Shown
from dicom_node.logs import bound
from dicom_node.retrieval.archive import Archive, Conversation, ImageMatch, StudyMatch
from dicom_node.retrieval.candidates import Wanted, candidates, contradiction_of, may_be_analysed
from dicom_node.retrieval.taking import Taking, header_of
from dicom_node.spool import Spool

logger = logging.getLogger(__name__)

#: Look into the ledger this often.
POLL_S = 2.0
#: Seconds until it is asked once more, for a start.
_AGAIN_S = 5.0
#: Seconds that it is asked for one radiograph, where it does not answer.
ASK_FOR_S = 24 * 3600.0
#: Seconds that nobody else asks for what is claimed: longer than all of it takes.
_HOLD_S = 900.0
#: Studies of one patient that are looked into, however few of them hold a chest radiograph.
MOST_LOOKED_INTO = 40
#: Images of one study that are fetched.
MOST_OF_STUDY = 4

#: Told of each question, by its Patient ID, with what went wrong, if anything did.
Asked = Callable[[str, str], None]
#: Told of each file that was given.
Given = Callable[[bytes, ImageMatch], None]


@dataclass(frozen=True, slots=True)
class Heard:
    """Who else is told."""

    asked: Asked = lambda *_: None
    given: Given = lambda *_: None


class InquiryLoop:
    """Asks one archive."""

    def __init__(
        self,
        name: str,
        archive: Archive,
        section: PriorsSection,
        ledger: Ledger,
        spool: Spool,
        taking: Taking,
        owner: str,
        heard: Heard = Heard(),
    ) -> None:
        self.name = name
        self._archive = archive
        self._section = section
        self._ledger = ledger
        self._spool = spool
        self._taking = taking
        self._owner = owner
        self._heard = heard
        self._stop = threading.Event()

    def run(self, stop: threading.Event) -> None:
        """Ask until `stop`; nothing that happens in one turn ends it."""
        self._stop = stop
        while not stop.is_set():
            try:
                while not stop.is_set() and self.ask_next():
                    pass
                self.tell()
            except LedgerUnavailable as exc:
                extra = {"destination": self.name, "reason": str(exc)}
                logger.warning("could not ask for earlier radiographs", extra=extra)
            except Exception:
                # A bug in one turn: what it had claimed is due again by itself.
                extra = {"destination": self.name}
                logger.exception("failed to ask for earlier radiographs", extra=extra)
            stop.wait(POLL_S)

    def ask_next(self) -> bool:
        """Ask for what is due; False where nothing was. The boundary: an error's class decides."""
        inquiry = self._ledger.inquiries.claim(self.name, self._owner, _HOLD_S)
        if inquiry is None:
            return False
        job = self._ledger.jobs.get(inquiry.job_id)
        if job is None:
            # It was purged at this moment, and the inquiry with it.
            return True
        with bound(job_id=job.id, sop_instance_uid=job.sop_instance_uid):
            try:
                self._ask(inquiry, job)
            except LedgerUnavailable:
                raise
            except Exception as exc:
                self._not_answered(inquiry, job, exc)
        return True

    def tell(self) -> None:
        """Have reports made anew of which all has been analysed that was fetched for them."""
        for inquiry in self._ledger.inquiries.to_be_closed(self.name):
            if job := self._ledger.jobs.get(inquiry.job_id):
                self._outdate(job)
            self._ledger.inquiries.closed(inquiry)

    def _ask(self, inquiry: Inquiry, job: Job) -> None:
        wanted = self._wanted(job)
        if not wanted.patient_id or not wanted.patient_hash or not wanted.taken:
            why = "not asked: the image has no Patient ID, or no date"
            self._ledger.inquiries.answered(inquiry, (), f"{self.name}: {why}")
            return
        shown = {one.sop_instance_uid: one for one in inquiry.shown}
        with self._archive.open() as talk:
            try:
                studies = talk.studies(wanted.patient_id, wanted.since, wanted.until)
            except NodeError as exc:
                self._heard.asked(wanted.patient_id, str(exc))
                raise
            self._heard.asked(wanted.patient_id, "")
            used = 0
            for number, study in enumerate(candidates(studies, wanted)):
                if used == wanted.most or number == MOST_LOOKED_INTO:
                    break
                if self._stop.is_set():
                    self._ledger.inquiries.later(inquiry, "", self._ledger.now())
                    return
                used += self._look_into(talk, study, wanted, inquiry, shown)
        found = tuple(shown.values())
        said = _words(found)
        self._ledger.inquiries.answered(inquiry, found, f"{self.name}: {said}")
        extra = {"destination": self.name, "studies": len(studies), "became": said}
        logger.info("asked for earlier radiographs", extra=extra)

    def _wanted(self, job: Job) -> Wanted:
        content = self._spool.read_verified(job.path, job.sha256)
        header = header_of(content)
        this = self._ledger.progressions.itself(job)
        taken = taken_of(this.acquired_at if this else "", header)
        patient = self._ledger.inquiries.patient_of(job)
        return Wanted(
            header, patient, taken, job.study_instance_uid, self._section.days, self._section.most
        )

    def _look_into(
        self,
        talk: Conversation,
        study: StudyMatch,
        wanted: Wanted,
        inquiry: Inquiry,
        shown: dict[str, Shown],
    ) -> bool:
        """Whether the study has a radiograph to compare with, here by now."""
        images = [one for one in talk.images(study) if may_be_analysed(one)]
        if images and contradiction_of(study, wanted) is not None:
            uid = images[0].sop_instance_uid
            became = Became.OTHER_PATIENT
            shown[uid] = Shown(became, study.date, study.study_instance_uid, uid)
            return False
        is_used = False
        for image in images[:MOST_OF_STUDY]:
            uid = image.sop_instance_uid
            if uid not in shown or shown[uid].became is Became.FETCHED:
                shown[uid] = self._get(talk, study, image, wanted, inquiry)
                self._ledger.inquiries.keep(inquiry, tuple(shown.values()))
            is_used |= shown[uid].became in (Became.FETCHED, Became.KNOWN)
        return is_used

    def _get(
        self,
        talk: Conversation,
        study: StudyMatch,
        image: ImageMatch,
        wanted: Wanted,
        inquiry: Inquiry,
    ) -> Shown:
        uid = image.sop_instance_uid
        state = self._ledger.fetching.state_of(uid, self._taking.pipeline)
        if state is not None:
            became = Became.NOT_ELIGIBLE if state is JobState.SKIPPED else Became.KNOWN
            return Shown(became, study.date, study.study_instance_uid, uid)
        try:
            content = talk.fetch(image)
            self._heard.given(content, image)
            return self._taking.take(image, content, wanted, self.name, inquiry.job_id)
        except NotRetrieved as exc:
            extra = {"destination": self.name, "image": uid, "reason": str(exc)}
            logger.warning("did not get an earlier radiograph", extra=extra)
            became = Became.NOT_RETRIEVED
            return Shown(became, study.date, study.study_instance_uid, uid, str(exc))

    def _not_answered(self, inquiry: Inquiry, job: Job, error: Exception) -> None:
        now = self._ledger.now()
        is_known = isinstance(error, NodeError)
        # What a bug says may quote what an archive said of a patient.
        reason = str(error) if is_known else f"unexpected {type(error).__name__}"
        if isinstance(error, NotOffered):
            reason = f"{reason}; see PACS, Earlier radiographs from the archive"
        is_over = now - inquiry.begun_at >= timedelta(seconds=ASK_FOR_S)
        extra = {"destination": self.name, "reason": reason, "attempt": inquiry.attempts}
        trace = None if is_known else error
        if is_over or not is_retriable(error, inquiry.attempts):
            logger.warning("gave up to ask for earlier radiographs", extra=extra, exc_info=trace)
            self._ledger.inquiries.given_up(inquiry, reason)
        else:
            wait_s = backoff_s(inquiry.attempts, random.random(), base_s=_AGAIN_S)
            logger.info("will ask again", extra=extra | {"in_s": wait_s}, exc_info=trace)
            self._ledger.inquiries.later(inquiry, reason, now + timedelta(seconds=wait_s))
        # What it gave before that may have been analysed meanwhile.
        self._outdate(job)

    def _outdate(self, job: Job) -> None:
        progressions = self._ledger.progressions
        this = progressions.itself(job)
        if this is None:
            return
        before = [
            one
            for one in progressions.relatives(job)
            if one.state is JobState.BUILT
            and one.pipeline == job.pipeline
            and is_before(local(one.acquired_at), local(this.acquired_at))
        ]
        if progressions.unknown_to(job.id, before):
            why = f"earlier radiographs were fetched from {self.name}"
            if progressions.outdate([job.id], why):
                logger.info("will tell of earlier radiographs anew", extra={"job_ids": [job.id]})


def _words(shown: tuple[Shown, ...]) -> str:
    """Counts, in the order of `Became`; nothing of a patient."""
    counted = {became: sum(one.became is became for one in shown) for became in Became}
    return ", ".join(f"{count} {one.value.replace('_', ' ')}" for one, count in counted.items()
                     if count) or "nothing"  # fmt: skip
