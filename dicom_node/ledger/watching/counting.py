"""What each event counts for: the only place where an event becomes a figure.

An event is written where the state changes and read here, so a figure and what `cxr-node job` tells
of one image cannot differ, whichever process did it, and whether or not it still lives.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, Select, and_, case, func, null, select

from dicom_node.ledger.tables.moves import Condition
from dicom_node.ledger.tables.schema import deliveries, events, jobs
from dicom_node.ledger.tables.states import Event
from dicom_node.skipping import code_of


class Tally(StrEnum):
    """What is counted; behind it what its labels are."""

    ARRIVALS = "arrivals"  #: instances: how known
    OUTCOMES = "outcomes"  #: jobs: how the analysis ended
    SKIPS = "skips"  #: jobs: a code of `skipping`
    JOB_RETRIES = "job retries"  #: jobs: why
    REPUBLISHED = "republished"  #: jobs
    DELIVERIES = "deliveries"  #: outputs: destination, what became of it
    DELIVERY_RETRIES = "delivery retries"  #: outputs: destination, why
    REDELIVERIES = "redeliveries"  #: outputs: destination, why
    STAGE = "stage"  #: seconds: stage, upper bound of a bucket or `SUM`
    STEP = "step"  #: seconds of the analysis: step, likewise
    BYTES = "bytes"  #: in the spool: `instances` or `outputs`


class Stage(StrEnum):
    """What an image, or a result, spends its time in."""

    WAITING = "waiting"  #: for a worker, each time
    ANALYSIS = "analysis"  #: from the claim to the last result, each try that ended
    DELIVERY = "delivery"  #: from when it is to get there until the destination has it
    VERIFICATION = "verification"  #: from there until that is confirmed
    TURNAROUND = "turnaround"  #: from the image's arrival until a result is at its destination


#: One name, two labels.
Key = tuple[str, str, str]

#: Upper bounds of the buckets, in seconds; one more has no bound.
BOUNDS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0,
            3600.0)  # fmt: skip
UNBOUNDED = "+Inf"
#: In place of a bound: all seconds together.
SUM = "sum"
#: Of an analysis, as the worker times them, in order: `steps_words`.
STEPS = ("read", "decode", "resize", "networks", "postprocess", "quantify", "reports", "pictures",
         "reserves")  # fmt: skip

_COUNTS: dict[str, tuple[Tally, str]] = {
    Event.RECEIVED: (Tally.ARRIVALS, "new"),
    Event.DUPLICATE: (Tally.ARRIVALS, "duplicate"),
    Event.DIFFERENT: (Tally.ARRIVALS, "different"),
    Event.BUILT: (Tally.OUTCOMES, "analysed"),
    Event.SKIPPED: (Tally.OUTCOMES, "skipped"),
    Event.PASSED_OVER: (Tally.OUTCOMES, "skipped"),
    Event.LEFT: (Tally.OUTCOMES, "skipped"),
    Event.REJECTED: (Tally.OUTCOMES, "skipped"),
    Event.FAILED: (Tally.OUTCOMES, "failed"),
    Event.GIVEN_UP: (Tally.OUTCOMES, "failed"),
    Event.UNCHANGED: (Tally.OUTCOMES, "unchanged"),
    Event.RELEASED: (Tally.JOB_RETRIES, "released"),
    Event.FREED: (Tally.JOB_RETRIES, "worker_vanished"),
    Event.REPEATED: (Tally.JOB_RETRIES, "asked"),
    Event.OVERRIDDEN: (Tally.JOB_RETRIES, "asked"),
    Event.REPUBLISHED: (Tally.REPUBLISHED, ""),
    Event.DELIVERED: (Tally.DELIVERIES, "stored"),
    Event.SENT: (Tally.DELIVERIES, "stored"),
    Event.VERIFIED: (Tally.DELIVERIES, "verified"),
    Event.UNVERIFIED: (Tally.DELIVERIES, "unverified"),
    Event.REFUSED: (Tally.DELIVERIES, "refused"),
    Event.SUBSTITUTED: (Tally.DELIVERIES, "substituted"),
    Event.EXPIRED: (Tally.DELIVERIES, "given_up"),
    Event.LOST: (Tally.DELIVERIES, "lost"),
    Event.HELD: (Tally.DELIVERIES, "held"),
    Event.WITHDRAWN: (Tally.DELIVERIES, "withdrawn"),
    Event.RETRACTED: (Tally.DELIVERIES, "retracted"),
    Event.RETRIED: (Tally.DELIVERY_RETRIES, "not_reached"),
    Event.DECLINED: (Tally.DELIVERY_RETRIES, "declined"),
    Event.RETURNED: (Tally.DELIVERY_RETRIES, "sender_vanished"),
    Event.DAMAGED: (Tally.DELIVERY_RETRIES, "damaged"),
    Event.MISSED: (Tally.REDELIVERIES, "missing_there"),
    Event.REQUEUED: (Tally.REDELIVERIES, "asked"),
}
#: Counted by destination.
_OF_OUTPUTS = (Tally.DELIVERIES, Tally.DELIVERY_RETRIES, Tally.REDELIVERIES)
_SKIPPING = (Event.SKIPPED, Event.PASSED_OVER, Event.LEFT, Event.REJECTED)
_OPENING = (Event.RECEIVED, Event.REOPENED, Event.RELEASED, Event.FREED, Event.REPEATED,
            Event.OVERRIDDEN, Event.REBUILD, Event.STANDING_IN, Event.OUTDATED)  # fmt: skip
_ENDING = (Event.BUILT, Event.SKIPPED, Event.FAILED, Event.UNCHANGED)
_ARRIVING = (Event.DELIVERED, Event.SENT)
_STAGES: dict[str, Stage] = {
    Event.CLAIMED: Stage.WAITING,
    **dict.fromkeys(_ENDING, Stage.ANALYSIS),
    **dict.fromkeys(_ARRIVING, Stage.DELIVERY),
    Event.VERIFIED: Stage.VERIFICATION,
}
_STEP = re.compile(rf"\b({'|'.join(STEPS)}) ([0-9.]+) ms")


def labels_of(tally: Tally) -> tuple[str, ...]:
    """The closed set of the label that says what or why."""
    return tuple(dict.fromkeys(label for counted, label in _COUNTS.values() if counted is tally))


def steps_words(durations_ms: dict[str, float]) -> str:
    """How long each step took, for the event that ends an analysis: `read 1.2 ms, decode ...`."""
    return ", ".join(f"{step} {ms:.1f} ms" for step, ms in durations_ms.items())


@dataclass(frozen=True, slots=True)
class Counted:
    """One addition."""

    key: Key
    value: float


def counted_events(*conditions: Condition) -> "Select[Any]":
    """A query for what `count` has to know of the events that meet the conditions."""
    requeued = _before(_earlier.c.event == Event.REQUEUED, of_delivery=True)
    arrived = and_(events.c.event.in_(_ARRIVING), requeued.is_(None))
    since = case(
        (events.c.event == Event.CLAIMED, _before(_earlier.c.event.in_(_OPENING))),
        (events.c.event.in_(_ENDING), _before(_earlier.c.event == Event.CLAIMED)),
        (events.c.event.in_(_ARRIVING), deliveries.c.waits_since),
        (
            events.c.event == Event.VERIFIED,
            _before(_earlier.c.event == Event.SENT, of_delivery=True),
        ),
    )
    return (
        select(
            events.c.event,
            events.c.at,
            events.c.detail,
            func.coalesce(deliveries.c.destination, "").label("destination"),
            since.label("since"),
            case((arrived, jobs.c.received_at), else_=null()).label("received_at"),
        )
        .join(jobs, events.c.job_id == jobs.c.id)
        .outerjoin(deliveries, events.c.delivery_id == deliveries.c.id)
        .where(events.c.event.in_({*_COUNTS, *_STAGES}), *conditions)
    )


def count(rows: Iterable[Row[Any]]) -> dict[Key, float]:
    """What these events add."""
    sums: dict[Key, float] = {}
    for row in rows:
        for one in _of(row):
            sums[one.key] = sums.get(one.key, 0.0) + one.value
    return sums


_earlier = events.alias("earlier")


def _before(what: Condition, *, of_delivery: bool = False) -> Any:
    """When this happened last to the same job, or delivery, before an event."""
    same = (
        _earlier.c.delivery_id == events.c.delivery_id
        if of_delivery
        else (_earlier.c.job_id == events.c.job_id) & _earlier.c.delivery_id.is_(None)
    )
    query = select(func.max(_earlier.c.at)).where(same, _earlier.c.id < events.c.id, what)
    return query.correlate(events).scalar_subquery()


def _of(row: Row[Any]) -> Iterator[Counted]:
    if found := _COUNTS.get(row.event):
        tally, label = found
        # Of some events there is one of the job too, beside those of its deliveries.
        if tally not in _OF_OUTPUTS:
            yield Counted((tally, label, ""), 1)
        elif row.destination:
            yield Counted((tally, row.destination, label), 1)
    if row.event in _SKIPPING:
        yield Counted((Tally.SKIPS, code_of(row.detail), ""), 1)
    if stage := _STAGES.get(row.event):
        yield from _duration(Tally.STAGE, stage, _seconds(row.since, row.at))
    yield from _duration(Tally.STAGE, Stage.TURNAROUND, _seconds(row.received_at, row.at))
    if row.event == Event.BUILT:
        for step, ms in _STEP.findall(row.detail):
            yield from _duration(Tally.STEP, step, float(ms) / 1000)


def _seconds(since: Any, at: Any) -> float | None:
    return None if since is None else float((at - since).total_seconds())


def _duration(tally: Tally, label: str, seconds: float | None) -> Iterator[Counted]:
    # Clocks differ; and what began again since says nothing of how long this took.
    if seconds is None or seconds < -1:
        return
    bound = bisect_left(BOUNDS_S, seconds)
    le = f"{BOUNDS_S[bound]:g}" if bound < len(BOUNDS_S) else UNBOUNDED
    yield Counted((tally, label, le), 1)
    yield Counted((tally, label, SUM), max(0.0, seconds))
