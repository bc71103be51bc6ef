"""What ended badly and is not repaired, each cause once, with what to do."""

import re
from dataclasses import dataclass, replace
from datetime import datetime

from dicom_node.ledger import Summary
from dicom_node.ops.remedies import refusal_remedy, remedy, unverified_remedy

#: What differs between two results that were refused alike.
_UID = re.compile(r"\b\d+(?:\.\d+){2,}\b")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Jobs that ended alike, the newest first."""

    state: str
    where: str  #: the destination; "" where it is none's matter
    reason: str  #: of the newest
    to_do: str
    at: datetime
    job_ids: tuple[int, ...]


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
        key = one.state, one.where, _UID.sub("", one.reason)
        first = by_cause.get(key)
        # Once for each job, however many of its results.
        more = tuple(job_id for job_id in one.job_ids if first and job_id not in first.job_ids)
        by_cause[key] = replace(first, job_ids=first.job_ids + more) if first else one
    return list(by_cause.values())
