"""All jobs that a search means, begun again or stopped: in steps, so that nobody waits for it; and
what is done to one alone.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from dicom_node.ledger import (
    DELIVERED,
    HELD,
    REFUSED,
    UNVERIFIED,
    WITHDRAWN,
    Candidate,
    Filter,
    JobState,
    Ledger,
    Selection,
)
from dicom_node.ops.asked.override import analyse_anyway
from dicom_node.ops.asked.requeueing import Begun, begin_again
from dicom_node.ops.wording import numbered

#: Jobs at one time; whoever has more does it again.
MOST = 5000
#: Jobs named in one statement.
_STEP = 400


class Action(StrEnum):
    """What may be done to jobs: to many at once, but for `ONE_BY_ONE`."""

    REQUEUE = "requeue"  #: FAILED and SKIPPED: analysed again
    REDELIVER = "redeliver"  #: what was refused, given up, lost or not verified: sent again
    RESEND = "resend"  #: what has got there, was withdrawn or is held: sent once more
    WITHDRAW = "withdraw"  #: what has not got anywhere: stopped
    ANYWAY = "analyse-anyway"  #: what was refused by its header: analysed all the same


#: Somebody has to look at each.
ONE_BY_ONE = frozenset({Action.ANYWAY})
#: Of these the reason is asked for.
NEED_A_REASON = frozenset({Action.WITHDRAW, Action.ANYWAY})

_STATES = {
    Action.REQUEUE: (JobState.FAILED, JobState.SKIPPED),
    Action.REDELIVER: (REFUSED, UNVERIFIED),
    Action.RESEND: (DELIVERED, WITHDRAWN, HELD),
}


@dataclass(frozen=True, slots=True)
class Meant:
    """What an action would be done to."""

    found: int  #: jobs that the search means
    job_ids: tuple[int, ...]  #: those of them that it can be done to, the oldest first
    looked_at: int  #: jobs of `found` that were asked about: at most `MOST`
    newest: int  #: the highest id among these: what comes later is not meant


def meant(ledger: Ledger, asked: Filter, action: Action) -> Meant:
    """Of the jobs that are searched for, those that it can be done to."""
    ids = ledger.lookups.ids(asked, MOST)
    can: list[int] = []
    for step in _steps(ids):
        if action is Action.WITHDRAW:
            can += ledger.withdrawing.stoppable(step)
        elif action in ONE_BY_ONE:
            can += [job_id for job_id in step if ledger.requeue.can_override(job_id)]
        else:
            found = _candidates(ledger, step, action, asked.destinations)
            can += [one.job_id for one in found]
    return Meant(ledger.lookups.count(asked), tuple(can), len(ids), max(ids, default=0))


def do(
    ledger: Ledger,
    job_ids: Collection[int],
    action: Action,
    pipeline: str,
    by: str,
    why: str,
    destinations: Collection[str] = (),
) -> str:
    """Do it; one sentence that says what was done. `destinations`: sent again to these alone."""
    if action is Action.WITHDRAW:
        done = ledger.withdrawing.withdraw(job_ids, by, why)
        said = (
            f"withdrew {numbered(done.jobs, 'job', 'jobs')} and"
            f" {numbered(done.deliveries, 'delivery', 'deliveries')}"
        )
        return said + (f"; {done.leaving} are just being sent" if done.leaving else "")
    if action is Action.ANYWAY:
        (job_id,) = job_ids
        return analyse_anyway(ledger, job_id, pipeline, by, why)
    begun = Begun()
    for step in _steps(sorted(job_ids)):
        found = _candidates(ledger, step, action, destinations)
        begun += begin_again(ledger, found, _selection(step, action, destinations), pipeline, by)
    return begun.words


def _candidates(
    ledger: Ledger, step: Sequence[int], action: Action, destinations: Collection[str]
) -> list[Candidate]:
    found = ledger.requeue.candidates(_selection(step, action, destinations))
    is_analysis = action is Action.REQUEUE
    return [one for one in found if one.is_built is not is_analysis]


def _selection(step: Sequence[int], action: Action, destinations: Collection[str]) -> Selection:
    # What is analysed again goes to all.
    to = () if action is Action.REQUEUE else destinations
    # One that was named by a person may have been rejected; of many, nobody looked at each.
    return Selection(job_ids=step, states=_STATES[action], in_bulk=len(step) > 1, destinations=to)


def _steps(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[start : start + _STEP] for start in range(0, len(ids), _STEP))
