"""What a rejection note (IHE IOCM, RAD TF-2 4.66) asks for: nothing of the images it names leaves
any more, and what has left is taken back.
"""

from dicom_node.errors import Transient
from dicom_node.intake.rejection import EXPIRED, KEY_OBJECT_SELECTION, Rejection, read_rejection
from dicom_node.ledger import Job, JobState, Ledger
from dicom_node.skipping import REJECTION_NOTE
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
