"""What a key object asks for. A rejection note (IHE IOCM, RAD TF-2 4.66): nothing of the images it
names leaves any more, and what has left is taken back. A reader's verdict on results of ours: that
it is kept, as one that was clicked on the page.
"""

from dicom_node.config import CorrectionsSection
from dicom_node.errors import Transient
from dicom_node.intake.judgement import read_marked
from dicom_node.intake.rejection import EXPIRED, KEY_OBJECT_SELECTION, Rejection, read_rejection
from dicom_node.ledger import Job, JobState, Ledger, Verdict
from dicom_node.skipping import JUDGEMENT, REJECTION_NOTE
from dicom_node.worker.past import Past
from dicom_node.worker.processing import read_dataset

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
    known = f"{len(rejected)} of {len(uids)} instances it names were received"
    if ledger.deliveries.of_job(job.id):
        ledger.handover.built(job.id, owner, [], [])
        return JobState.BUILT, known
    ledger.handover.skipped(job.id, owner, f"{REJECTION_NOTE} ({known})")
    return JobState.SKIPPED, known


def judged(ledger: Ledger, job: Job, content: bytes, section: CorrectionsSection) -> str | None:
    """Keep the verdict that the job's instance is, and say so; None where it is none.

    It is none where it selects anything but results of ours, as an image: that is what it is about.
    """
    if job.sop_class_uid != KEY_OBJECT_SELECTION:
        return None
    marked = read_marked(read_dataset(content))
    if marked is None:
        return None
    verdict = _verdict_of(marked.title, section)
    results = ledger.assessments.results(marked.sop_instance_uids)
    if verdict is None or set(results) != set(marked.sop_instance_uids):
        return None
    present = sorted({job_id for job_id in results.values() if job_id is not None})
    reader = marked.reader or job.calling_aet
    for job_id in present:
        _keep(ledger, job_id, reader, verdict, marked.note)
    if not present:
        why = "others have taken the place of the results that it selects"
        return f"{JUDGEMENT}, not kept ({verdict}: {why})"
    named = ", ".join(map(str, present))
    return f"{JUDGEMENT} ({verdict}, of the results of job {named}, kept)"


def _verdict_of(title: str, section: CorrectionsSection) -> Verdict | None:
    if title in section.accepting_titles:
        return Verdict.ACCEPT
    return Verdict.REJECT if title in section.rejecting_titles else None


def _keep(ledger: Ledger, job_id: int, reader: str, verdict: Verdict, note: str) -> None:
    """Once, however often the job is tried."""
    said = [one for one in ledger.assessments.of_job(job_id) if one.reader == reader]
    if not said or (said[-1].verdict, said[-1].note) != (verdict, note):
        ledger.assessments.keep(job_id, reader, verdict, note)
