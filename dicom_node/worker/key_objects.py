"""What a key object asks for. A rejection note (IHE IOCM, RAD TF-2 4.66): nothing of the images it
names leaves any more, and what has left is taken back. A reader's verdict on results of ours: that
it is kept, as one that was clicked on the page.
"""

import logging
from collections.abc import Iterable, Iterator

from dicom_node.config import CorrectionsSection
from dicom_node.errors import Permanent, Transient
from dicom_node.intake.judgement import Marked, read_marked
from dicom_node.intake.rejection import EXPIRED, KEY_OBJECT_SELECTION, Rejection, read_rejection
from dicom_node.ledger import Job, JobState, Ledger, Result, Search, Verdict
from dicom_node.skipping import JUDGEMENT, NO_JUDGEMENT, REJECTION_NOTE
from dicom_node.worker.past import Past
from dicom_node.worker.processing import read_dataset
from dicom_node.worker.spooling import read_received

logger = logging.getLogger(__name__)

#: Of a title, in a reason.
_MOST_CHARACTERS = 80
#: How a job ends whose results, if it had any, are no longer to be judged.
_WITHOUT_RESULTS = (JobState.SKIPPED, JobState.FAILED)
#: What a title may say.
_BY_TITLE = (Verdict.ACCEPT, Verdict.REJECT)
_TAKEN_BACK = "taken back by a rejection note"
_SAID = "The image that these results were made from was rejected."


def rejection_of(job: Job, content: bytes) -> Rejection | None:
    """What the job's instance rejects, if it is a rejection note."""
    if job.sop_class_uid != KEY_OBJECT_SELECTION:
        return None
    return read_rejection(read_dataset(content))


def obey(ledger: Ledger, past: Past, job: Job, rejection: Rejection) -> tuple[JobState, str]:
    """Do as the note says, and end its job: how it ended, and how many of the images are known.

    Raises Transient while a result of them is just being sent.
    """
    owner, uids = past.owner, rejection.sop_instance_uids
    if rejection.title != EXPIRED:
        # What readers drew on a radiograph falls with it.
        uids = (*uids, *ledger.corrections.drawn_on(uids))
    rejected, leaving = ledger.rejections.rejected(
        job, owner, uids, rejection.title, rejection.reason
    )
    if leaving:
        raise Transient(f"{leaving} results of what is rejected are just being sent")
    if rejection.title != EXPIRED:
        for image in filter(None, map(ledger.jobs.get, rejected)):
            arrived = ledger.issues.earlier(image.id, ()).arrived
            past.take_back(job, image, arrived, rejection.title, _SAID)
            past.priors.rejected(image)
            if image.sop_class_uid == KEY_OBJECT_SELECTION:
                _unsay(ledger, past, image)
    known = f"{len(rejected)} of {len(uids)} instances it names were received"
    if ledger.deliveries.of_job(job.id):
        ledger.handover.built(job.id, owner, [], [])
        return JobState.BUILT, known
    ledger.handover.skipped(job.id, owner, f"{REJECTION_NOTE} ({known})")
    return JobState.SKIPPED, known


def _unsay(ledger: Ledger, past: Past, image: Job) -> None:
    """Take back the verdict that a rejected key object was, if its reader has said nothing since.

    What the reader said before is not said again: who takes back a click need not mean that.
    """
    try:
        marked = read_marked(read_dataset(read_received(past.spool, image)))
    except Permanent as exc:
        # What else the note names is taken back all the same.
        extra = {"job_id": image.id, "reason": str(exc)}
        logger.warning("could not take a verdict back", extra=extra)
        return
    if marked is None:
        return
    reader = marked.reader or image.calling_aet
    results = ledger.assessments.results(marked.sop_instance_uids).values()
    for job_id in {one.job_id for one in results}:
        said = [one for one in ledger.assessments.of_job(job_id) if one.reader == reader]
        if said and said[-1].verdict in _BY_TITLE and said[-1].note == marked.note:
            ledger.assessments.keep(job_id, reader, Verdict.UNSURE, _TAKEN_BACK)


def judged(ledger: Ledger, job: Job, content: bytes, section: CorrectionsSection) -> str | None:
    """Keep the verdict that the job's instance is, and say so, or why it is none; None where it is
    about no result of ours, or a rejection note.

    It is none where it selects anything but results of ours, as an image: that is what it is about.
    """
    if job.sop_class_uid != KEY_OBJECT_SELECTION:
        return None
    dataset = read_dataset(content)
    marked = read_marked(dataset)
    if marked is None:
        return None
    verdict = _verdict_of(marked.title, section)
    results = ledger.assessments.results(marked.sop_instance_uids)
    others = len(marked.sop_instance_uids) - len(results)
    if verdict is not None and not others:
        return _taken(ledger, job, marked, verdict, list(results.values()))
    if read_rejection(dataset) or not ledger.assessments.concern_any(marked.sop_instance_uids):
        return None
    return f"{NO_JUDGEMENT} ({'; '.join(_why_not(marked.title, verdict, others))})"


def _taken(
    ledger: Ledger, job: Job, marked: Marked, verdict: Verdict, results: list[Result]
) -> str:
    """What became of a verdict on these."""
    images = {one.job_id: ledger.jobs.get(one.job_id) for one in results}
    strange = _of_another_patient(ledger, job, filter(None, images.values()))
    if strange:
        why = f"its Patient ID is another than that of the radiograph of job {_listed(strange)}"
        return f"{JUDGEMENT}, not kept ({verdict}: {why})"
    present = {one.job_id for one in results if one.is_present}
    if not present:
        why = "others have taken the place of the results that it selects"
        return f"{JUDGEMENT}, not kept ({verdict}: {why})"
    # One that is at work again keeps its results until there are others.
    ended = [one for one in images.values() if one is None or one.state in _WITHOUT_RESULTS]
    standing = present - {one.id for one in ended if one}
    if not standing:
        why = "; ".join(f"job {one.id} is {one.state}, {one.reason}" for one in ended if one)
        return f"{JUDGEMENT}, not kept ({verdict}: {why})"
    reader = marked.reader or job.calling_aet
    for job_id in sorted(standing):
        _keep(ledger, job_id, reader, verdict, marked.note)
    return f"{JUDGEMENT} ({verdict}, of the results of job {_listed(standing)}, kept)"


def _why_not(title: str, verdict: Verdict | None, others: int) -> Iterator[str]:
    if verdict is None:
        titles = "[corrections] accepting_titles or rejecting_titles"
        yield f"its title {title[:_MOST_CHARACTERS]} is not among {titles}"
    if others:
        what = "object that is no result" if others == 1 else "objects that are no results"
        yield f"it selects {others} {what} of an analysis"


def _of_another_patient(ledger: Ledger, job: Job, images: Iterable[Job]) -> list[int]:
    """Those of them whose Patient ID is another than the job's; a missing one contradicts nothing.

    By the ID alone: not every sender says who issued it.
    """
    own = _patient(ledger, job)
    patients = {one.id: _patient(ledger, one) for one in images}
    return [job_id for job_id, patient in patients.items() if own and patient not in ("", own)]


def _patient(ledger: Ledger, job: Job) -> str:
    """A hash; "" where there is no ID."""
    arrived = ledger.instances.find(Search(sop_instance_uids=[job.sop_instance_uid]))
    same = (one.stored.origin for one in arrived if one.stored.sha256 == job.sha256)
    return next((origin.patient_id_hash for origin in same), "")


def _listed(job_ids: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(job_ids)))


def _verdict_of(title: str, section: CorrectionsSection) -> Verdict | None:
    if title in section.accepting_titles:
        return Verdict.ACCEPT
    return Verdict.REJECT if title in section.rejecting_titles else None


def _keep(ledger: Ledger, job_id: int, reader: str, verdict: Verdict, note: str) -> None:
    """Once, however often the job is tried."""
    said = [one for one in ledger.assessments.of_job(job_id) if one.reader == reader]
    if not said or (said[-1].verdict, said[-1].note) != (verdict, note):
        ledger.assessments.keep(job_id, reader, verdict, note)
