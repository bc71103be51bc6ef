"""A job's state in a word or two, and how it looks; and what a reader may say of its results."""

from dicom_node.ledger import JobLine, JobState, Progress, Verdict

_OF_JOB = {
    JobState.RECEIVED: "waiting",
    JobState.ANALYZING: "in work",
    JobState.SKIPPED: "skipped",
    JobState.FAILED: "failed",
}
_OF_RESULTS = {
    Progress.KEPT: "kept here",
    Progress.HELD: "held",
    Progress.WAITING: "on its way",
    Progress.SENT: "to be verified",
    Progress.UNVERIFIED: "unverified",
    Progress.HELD: "held",
    Progress.DELIVERED: "delivered",
    Progress.INCOMPLETE: "refused or lost",
    Progress.WITHDRAWN: "withdrawn",
}

#: What the button says, and what it means.
VERDICTS = {
    Verdict.ACCEPT: ("Accept", "decision and masks are right, or nearly"),
    Verdict.REJECT: ("Reject", "the decision, or a mask, is wrong"),
    Verdict.OTHER: ("Other", "what the other pipeline says is right"),
    Verdict.UNSURE: ("Unsure", "I cannot say"),
    Verdict.EXCLUDE: ("Exclude", "no image to judge by, or to learn from"),
}


def state_of(job: JobLine) -> tuple[str, str]:
    """What decides the look, and the words."""
    if job.progress is None:
        return job.state.value, _OF_JOB[job.state]
    return job.progress.value, _OF_RESULTS[job.progress]
