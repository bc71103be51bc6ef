"""The states of jobs and deliveries, and the transition tables: the only way to change one."""

from enum import StrEnum

from dicom_node.errors import NodeError


class JobState(StrEnum):
    """Where the work on one instance stands."""

    #: Spooled and committed; waits for a worker.
    RECEIVED = "RECEIVED"
    #: A worker holds it, until it reports or its lease ends.
    ANALYZING = "ANALYZING"
    #: All results are spooled. Whether they got anywhere is their deliveries' matter: `Progress`.
    BUILT = "BUILT"
    #: Not a frontal chest radiograph, or rejected; the reason says why.
    SKIPPED = "SKIPPED"
    #: Ended for good without a result; the reason says why.
    FAILED = "FAILED"


class DeliveryState(StrEnum):
    """Where one output on its way to one destination stands."""

    #: Kept ready: sent only if the destination does not accept what it stands in for.
    RESERVE = "RESERVE"
    #: Not there yet: never tried, being sent, or to be tried again.
    WAITING = "WAITING"
    #: The destination answered that it stored it.
    DELIVERED = "DELIVERED"
    #: The destination answered that it never will.
    REFUSED = "REFUSED"
    #: The destination does not accept its SOP Class; what comes closest is sent instead.
    SUBSTITUTED = "SUBSTITUTED"
    #: Its file is not what was built: waits for the worker to build it again.
    DAMAGED = "DAMAGED"
    #: Its file is not what was built, and could not be built again.
    DEAD = "DEAD"
    #: Never to leave: a newer issue has replaced it, its radiograph was rejected, or a person has
    #: forgotten its destination.
    WITHDRAWN = "WITHDRAWN"
    #: The destination stored it, and then the rejection note that takes it back.
    RETRACTED = "RETRACTED"


class Event(StrEnum):
    """What happened to a job or delivery; the events table keeps every one."""

    # Jobs. Those that are in no transition change nothing.
    RECEIVED = "received"  #: the job begins, RECEIVED
    DUPLICATE = "duplicate received"
    DIFFERENT = "duplicate received with other bytes"
    REPUBLISHED = "republished"
    ADOPTED = "taken over by another pipeline"
    LEFT = "left to another pipeline"
    PASSED_OVER = "passed over as it came"
    CLAIMED = "claimed"
    HANDED_OVER = "results handed over"
    BUILT = "built"
    SKIPPED = "skipped"
    FAILED = "failed"
    RELEASED = "released"
    FREED = "freed from a worker that vanished"
    GIVEN_UP = "given up after its workers vanished"
    REBUILD = "opened again, to build what is damaged"
    REOPENED = "reopened"  #: by bytes that came after those it was about
    REPEATED = "to be analysed again, as a person asked"
    UNCHANGED = "nothing that matters changed"
    SUPERSEDED = "earlier results superseded"
    REJECTED = "rejected"
    REJECTING = "rejects others"  #: it is a rejection note

    # Deliveries.
    TAKEN = "taken for sending"
    DELIVERED = "delivered"
    RETRIED = "to be sent again"
    DECLINED = "declined, to be sent again a few times"
    REFUSED = "refused"
    SUBSTITUTED = "not accepted, another is sent instead"
    STEPPED_IN = "sent instead of what is not accepted"
    RETURNED = "returned by a sender that vanished"
    MADE_DUE = "made due"
    DAMAGED = "found damaged, to be built again"
    REBUILT = "built again"
    LOST = "damaged, and not to be built again"
    WITHDRAWN = "withdrawn before it left"
    TO_BE_RETRACTED = "to be withdrawn by a rejection note"
    RETRACTED = "withdrawn by a rejection note"
    MOVED = "moved to another destination"

    # Both.
    REQUEUED = "to be delivered again, as a person asked"


class DestinationEvent(StrEnum):
    """What happened to a destination; the table of its events keeps every one."""

    LOST = "cannot be reached"  #: the first failure of an outage
    REACHED = "reached again"
    PAUSED = "paused"
    RESUMED = "resumed"
    TRIED = "tried"  #: by a person; the detail is what it answered


class IllegalTransition(NodeError):
    """An event that cannot happen in this state: a bug, never a matter of the outside world."""


JOB_TRANSITIONS = {
    (JobState.RECEIVED, Event.ADOPTED): JobState.RECEIVED,
    (JobState.RECEIVED, Event.LEFT): JobState.SKIPPED,
    (JobState.RECEIVED, Event.PASSED_OVER): JobState.SKIPPED,
    (JobState.RECEIVED, Event.CLAIMED): JobState.ANALYZING,
    (JobState.ANALYZING, Event.HANDED_OVER): JobState.ANALYZING,
    (JobState.ANALYZING, Event.BUILT): JobState.BUILT,
    (JobState.ANALYZING, Event.SKIPPED): JobState.SKIPPED,
    (JobState.ANALYZING, Event.FAILED): JobState.FAILED,
    (JobState.ANALYZING, Event.RELEASED): JobState.RECEIVED,
    (JobState.ANALYZING, Event.FREED): JobState.RECEIVED,
    (JobState.ANALYZING, Event.GIVEN_UP): JobState.FAILED,
    (JobState.BUILT, Event.REBUILD): JobState.RECEIVED,
    (JobState.SKIPPED, Event.REBUILD): JobState.RECEIVED,
    (JobState.FAILED, Event.REBUILD): JobState.RECEIVED,
    (JobState.BUILT, Event.REQUEUED): JobState.BUILT,
    **{(state, Event.REOPENED): JobState.RECEIVED for state in JobState},
    (JobState.SKIPPED, Event.REPEATED): JobState.RECEIVED,
    (JobState.FAILED, Event.REPEATED): JobState.RECEIVED,
    (JobState.ANALYZING, Event.UNCHANGED): JobState.BUILT,
    (JobState.ANALYZING, Event.SUPERSEDED): JobState.ANALYZING,
    (JobState.ANALYZING, Event.REJECTING): JobState.ANALYZING,
    **{(state, Event.REJECTED): JobState.SKIPPED for state in JobState},
}

DELIVERY_TRANSITIONS = {
    (DeliveryState.RESERVE, Event.STEPPED_IN): DeliveryState.WAITING,
    (DeliveryState.WAITING, Event.TAKEN): DeliveryState.WAITING,
    (DeliveryState.WAITING, Event.DELIVERED): DeliveryState.DELIVERED,
    (DeliveryState.WAITING, Event.RETRIED): DeliveryState.WAITING,
    (DeliveryState.WAITING, Event.REFUSED): DeliveryState.REFUSED,
    (DeliveryState.WAITING, Event.SUBSTITUTED): DeliveryState.SUBSTITUTED,
    (DeliveryState.WAITING, Event.RETURNED): DeliveryState.WAITING,
    (DeliveryState.WAITING, Event.MADE_DUE): DeliveryState.WAITING,
    (DeliveryState.WAITING, Event.DECLINED): DeliveryState.WAITING,
    (DeliveryState.WAITING, Event.DAMAGED): DeliveryState.DAMAGED,
    (DeliveryState.WAITING, Event.LOST): DeliveryState.DEAD,
    (DeliveryState.DAMAGED, Event.REBUILT): DeliveryState.WAITING,
    (DeliveryState.DAMAGED, Event.LOST): DeliveryState.DEAD,
    (DeliveryState.DEAD, Event.REBUILT): DeliveryState.WAITING,
    (DeliveryState.REFUSED, Event.REQUEUED): DeliveryState.WAITING,
    (DeliveryState.DEAD, Event.REQUEUED): DeliveryState.WAITING,
    (DeliveryState.RESERVE, Event.WITHDRAWN): DeliveryState.WITHDRAWN,
    (DeliveryState.WAITING, Event.WITHDRAWN): DeliveryState.WITHDRAWN,
    (DeliveryState.DAMAGED, Event.WITHDRAWN): DeliveryState.WITHDRAWN,
    (DeliveryState.RESERVE, Event.MOVED): DeliveryState.RESERVE,
    (DeliveryState.WAITING, Event.MOVED): DeliveryState.WAITING,
    (DeliveryState.DAMAGED, Event.MOVED): DeliveryState.DAMAGED,
    (DeliveryState.REFUSED, Event.WITHDRAWN): DeliveryState.WITHDRAWN,
    (DeliveryState.SUBSTITUTED, Event.WITHDRAWN): DeliveryState.WITHDRAWN,
    (DeliveryState.DEAD, Event.WITHDRAWN): DeliveryState.WITHDRAWN,
    (DeliveryState.DELIVERED, Event.TO_BE_RETRACTED): DeliveryState.DELIVERED,
    (DeliveryState.DELIVERED, Event.RETRACTED): DeliveryState.RETRACTED,
}


def job_after(state: JobState, event: Event) -> JobState:
    """The state that `event` leads to; raises IllegalTransition where the table has none."""
    try:
        return JOB_TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(f"a job that is {state} cannot be {event!r}") from None


def delivery_after(state: DeliveryState, event: Event) -> DeliveryState:
    """The state that `event` leads to; raises IllegalTransition where the table has none."""
    try:
        return DELIVERY_TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(f"a delivery that is {state} cannot be {event!r}") from None
