"""What ended badly and is not repaired, each cause once, with what to do."""

import re
from dataclasses import dataclass, replace
from datetime import datetime

from dicom_node.ledger import Summary
from dicom_node.ops.remedies import refusal_remedy, remedy, unverified_remedy

#: What differs between two results that were refused alike: which they are.
_RESULT = re.compile(r"^\w+ \d+(?:\.\d+){2,}: ")
_UID = re.compile(r"\b\d+(?:\.\d+){2,}\b")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Jobs that ended alike, the newest first."""

    state: str
    where: str  #: the destination; "" where it is none's matter
    reason: str  #: of the newest; of several results without which they are
    to_do: str
    at: datetime
    job_ids: tuple[int, ...]

    @property
    def tab(self) -> str:
        """Where the jobs page has all of them, to be repaired together."""
        return self.state if self.state in ("FAILED", "UNVERIFIED") else "REFUSED"


def troubles(summary: Summary) -> list[Trouble]:
    """The newest first. A summary names the last of each kind, not all there are."""
    found = [
        Trouble("FAILED", "", one.reason, remedy(one), one.at, (one.job_id,))
        for one in summary.failures
    ]
    for refusal in summary.refusals:
        state = "DEAD" if refusal.is_lost else "GIVEN_UP" if refusal.is_given_up else "REFUSED"
        reason = refusal.reason.removeprefix(f"{refusal.destination}: ")
        found.append(
            Trouble(state, refusal.destination, reason, refusal_remedy(refusal), refusal.at,
                    (refusal.job_id,))
        )  # fmt: skip
    found += [
        Trouble("UNVERIFIED", one.destination, one.reason, unverified_remedy(one), one.at,
                (one.job_id,))
        for one in summary.unverified
    ]  # fmt: skip
    return _alike(sorted(found, key=lambda one: one.at, reverse=True))


def _alike(found: list[Trouble]) -> list[Trouble]:
    by_cause: dict[tuple[str, str, str], Trouble] = {}
    for one in found:
        cause = _RESULT.sub("", one.reason)
        key = one.state, one.where, _UID.sub("", cause)
        first = by_cause.get(key)
        by_cause[key] = _with(first, one) if first else one
    return list(by_cause.values())


def _with(first: Trouble, one: Trouble) -> Trouble:
    # Once for each job, however many of its results.
    more = tuple(job_id for job_id in one.job_ids if job_id not in first.job_ids)
    every = first.job_ids + more
    to_do = first.to_do
    if more:
        # A command names them all, once.
        before = " ".join(f"--job {job_id}" for job_id in first.job_ids)
        to_do = to_do.replace(before, " ".join(f"--job {job_id}" for job_id in every))
    return replace(first, job_ids=every, reason=_RESULT.sub("", first.reason), to_do=to_do)
