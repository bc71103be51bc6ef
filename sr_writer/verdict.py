"""What a reader is told: the decision, and of a positive one whether it is doubtful."""

from enum import StrEnum

from inference.findings import Decision, Findings


class Verdict(StrEnum):
    """The decisions (inference.findings.Decision), the positive ones by their certainty."""

    POSITIVE = "positive"
    #: Positive by signs so faint that there may well be none.
    FAINT = "faint"
    NEGATIVE = "negative"
    UNDETERMINED = "undetermined"
    NOT_ANALYSED = "not_analysed"
    FAILED = "failed"


def verdict_of(findings: Findings) -> Verdict:
    if findings.decision is Decision.POSITIVE and findings.is_faint:
        return Verdict.FAINT
    return Verdict(findings.decision)
