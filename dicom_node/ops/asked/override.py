"""What was refused by its header and is analysed all the same, as a person asked.

Headers err, and a person who looks at the image may know better. What comes of it says that it was
asked for and what spoke against it, and decides nothing: the networks were tried on frontal chest
radiographs alone, and whoever reads a verdict by its code reads no caution.
"""

from dicom_node.errors import UsageError
from dicom_node.ledger import JobState, Ledger

#: Characters of a reason.
_LONGEST = 200


def analyse_anyway(ledger: Ledger, job_id: int, pipeline: str, by: str, why: str) -> str:
    """Have it done; one sentence that says so. Raises UsageError where it cannot be."""
    why = why.strip()[:_LONGEST]
    if not why:
        raise UsageError("say why: it is kept with the job")
    if not ledger.requeue.can_override(job_id):
        raise UsageError(why_not(ledger, job_id))
    if not ledger.requeue.override(job_id, pipeline, by, why):
        raise UsageError(f"job {job_id}: its image has another job of today's networks")
    return f"job {job_id} is analysed although it was refused"


def why_not(ledger: Ledger, job_id: int) -> str:
    """Of a job that cannot be."""
    job = ledger.jobs.get(job_id)
    if job is None:
        return f"there is no job {job_id}"
    if job.state is not JobState.SKIPPED:
        return f"job {job_id} is {job.state}: only what was SKIPPED can be analysed anyway"
    return f"job {job_id} cannot be analysed at all: {job.reason}"
