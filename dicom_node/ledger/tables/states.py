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
    #: Built for a destination that was silent then: it leaves when a person asks.
    HELD = "HELD"
    #: The destination answered that it stored it, and nothing more is asked of it.
    DELIVERED = "DELIVERED"
    #: The destination answered that it stored it; that it keeps it is still to be confirmed.
    SENT = "SENT"
    #: It has said since that it keeps it: by storage commitment, or asked what it holds.
    VERIFIED = "VERIFIED"
    #: It answered that it stored it, and has not confirmed in its time that it keeps it.
    UNVERIFIED = "UNVERIFIED"
    #: The destination answered that it never will.
    REFUSED = "REFUSED"
    #: The destination does not accept its SOP Class; what comes closest is sent instead.
    SUBSTITUTED = "SUBSTITUTED"
    #: Its file is not what was built: waits for the worker to build it again.
    DAMAGED = "DAMAGED"
    #: Its file, or what was to be sent instead of it, could not be built again.
    DEAD = "DEAD"
    #: Could not be delivered for so long that nobody tries any more, until a person asks.
    GIVEN_UP = "GIVEN_UP"
    #: Never to leave: a newer issue has replaced it, its radiograph was rejected, or a person has
    #: forgotten its destination.
    WITHDRAWN = "WITHDRAWN"
    #: The destination stored it, and then the rejection note that takes it back.
    RETRACTED = "RETRACTED"


#: It is to get there.
UNDELIVERED = (DeliveryState.WAITING, DeliveryState.DAMAGED)
#: It got there, as far as the destination has said.
ARRIVED = (DeliveryState.DELIVERED, DeliveryState.SENT, DeliveryState.VERIFIED,
           DeliveryState.UNVERIFIED)  # fmt: skip
#: It ended without getting there, and nobody wanted that.
MISSING = (DeliveryState.REFUSED, DeliveryState.DEAD, DeliveryState.GIVEN_UP)


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
    RANKED = "given another priority"
    CLAIMED = "claimed"
    HANDED_OVER = "results handed over"
    BUILT = "built"
    SKIPPED = "skipped"
    FAILED = "failed"
    RELEASED = "released"
    FREED = "freed from a worker that vanished"
    GIVEN_UP = "given up after its workers vanished"
    REBUILD = "opened again, to build what is damaged"
    STANDING_IN = "opened again, to build what goes instead"
    OUTDATED = "opened again, as what is known of the patient's radiographs has changed"
    #: Of archives that may have earlier radiographs of the patient.
    INQUIRED = "asked an archive for earlier radiographs"
    REOPENED = "reopened"  #: by bytes that came after those it was about
    REPEATED = "to be analysed again, as a person asked"
    OVERRIDDEN = "to be analysed although it was refused, as a person asked"
    UNCHANGED = "nothing that matters changed"
    SUPERSEDED = "earlier results superseded"
    REJECTED = "rejected"
    REJECTING = "rejects others"  #: it is a rejection note

    # Deliveries.
    HELD = "held, as the destination is silent"
    TAKEN = "taken for sending"
    DELIVERED = "delivered"
    SENT = "sent, to be verified"
    ASKED = "asked whether it is kept"
    UNCONFIRMED = "not confirmed yet, to be asked again"
    VERIFIED = "verified"
    UNVERIFIED = "sent, unverified"
    MISSED = "not there, to be sent again"
    WAIVED = "not to be verified any more"
    EXPIRED = "given up, as it could not be delivered for so long"
    RETRIED = "to be sent again"
    DECLINED = "declined, to be sent again a few times"
    REFUSED = "refused"
    SUBSTITUTED = "not accepted, another is sent instead"
    STRANDED = "not accepted, and what goes instead could not be built"
    STEPPED_IN = "sent instead of what is not accepted"
    RESERVED = "kept in reserve again"
    STANDS = "not to be sent again, as it got there before, or may have"
    RETURNED = "returned by a sender that vanished"
    MADE_DUE = "made due"
    DAMAGED = "found damaged, to be built again"
    REBUILT = "built again"
    LOST = "damaged, and not to be built again"
    TO_BE_RETRACTED = "to be withdrawn by a rejection note"
    RETRACTED = "withdrawn by a rejection note"
    MOVED = "moved to another destination"

    # Both.
    WITHDRAWN = "withdrawn before it left"
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
    (JobState.RECEIVED, Event.WITHDRAWN): JobState.SKIPPED,
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
    (JobState.BUILT, Event.STANDING_IN): JobState.RECEIVED,
    (JobState.BUILT, Event.OUTDATED): JobState.RECEIVED,
    (JobState.BUILT, Event.REQUEUED): JobState.BUILT,
    **{(state, Event.REOPENED): JobState.RECEIVED for state in JobState},
    (JobState.SKIPPED, Event.REPEATED): JobState.RECEIVED,
    (JobState.FAILED, Event.REPEATED): JobState.RECEIVED,
    (JobState.SKIPPED, Event.OVERRIDDEN): JobState.RECEIVED,
    (JobState.ANALYZING, Event.UNCHANGED): JobState.BUILT,
    (JobState.ANALYZING, Event.SUPERSEDED): JobState.ANALYZING,
    (JobState.ANALYZING, Event.REJECTING): JobState.ANALYZING,
    **{(state, Event.REJECTED): JobState.SKIPPED for state in JobState},
}

DELIVERY_TRANSITIONS = {
    (DeliveryState.RESERVE, Event.STEPPED_IN): DeliveryState.WAITING,
    (DeliveryState.WAITING, Event.HELD): DeliveryState.HELD,
    (DeliveryState.HELD, Event.REQUEUED): DeliveryState.WAITING,
    (DeliveryState.HELD, Event.WITHDRAWN): DeliveryState.WITHDRAWN,
    (DeliveryState.HELD, Event.MOVED): DeliveryState.HELD,
    (DeliveryState.WAITING, Event.TAKEN): DeliveryState.WAITING,
    (DeliveryState.WAITING, Event.DELIVERED): DeliveryState.DELIVERED,
    (DeliveryState.WAITING, Event.SENT): DeliveryState.SENT,
    (DeliveryState.SENT, Event.ASKED): DeliveryState.SENT,
    (DeliveryState.SENT, Event.UNCONFIRMED): DeliveryState.SENT,
    (DeliveryState.SENT, Event.VERIFIED): DeliveryState.VERIFIED,
    (DeliveryState.SENT, Event.UNVERIFIED): DeliveryState.UNVERIFIED,
    (DeliveryState.SENT, Event.MISSED): DeliveryState.WAITING,
    (DeliveryState.SENT, Event.WAIVED): DeliveryState.DELIVERED,
    (DeliveryState.SENT, Event.MOVED): DeliveryState.SENT,
    # Reports come late.
    (DeliveryState.UNVERIFIED, Event.VERIFIED): DeliveryState.VERIFIED,
    (DeliveryState.UNVERIFIED, Event.REQUEUED): DeliveryState.WAITING,
    # A destination has lost what it had, or is known again.
    (DeliveryState.DELIVERED, Event.REQUEUED): DeliveryState.WAITING,
    (DeliveryState.SENT, Event.REQUEUED): DeliveryState.WAITING,
    (DeliveryState.VERIFIED, Event.REQUEUED): DeliveryState.WAITING,
    (DeliveryState.WITHDRAWN, Event.REQUEUED): DeliveryState.WAITING,
    (DeliveryState.WITHDRAWN, Event.RESERVED): DeliveryState.RESERVE,
    (DeliveryState.WAITING, Event.EXPIRED): DeliveryState.GIVEN_UP,
    (DeliveryState.GIVEN_UP, Event.REQUEUED): DeliveryState.WAITING,
    (DeliveryState.GIVEN_UP, Event.WITHDRAWN): DeliveryState.WITHDRAWN,
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
    # What was to go instead is not to be had.
    (DeliveryState.SUBSTITUTED, Event.REFUSED): DeliveryState.REFUSED,
    (DeliveryState.SUBSTITUTED, Event.STRANDED): DeliveryState.DEAD,
    (DeliveryState.SUBSTITUTED, Event.MOVED): DeliveryState.SUBSTITUTED,
    (DeliveryState.DEAD, Event.WITHDRAWN): DeliveryState.WITHDRAWN,
    **{
        (state, Event.STANDS): DeliveryState.DELIVERED
        for state in (
            DeliveryState.WAITING,
            DeliveryState.HELD,
            DeliveryState.DAMAGED,
            DeliveryState.REFUSED,
            DeliveryState.DEAD,
            DeliveryState.GIVEN_UP,
        )
    },
    **{(state, Event.TO_BE_RETRACTED): state for state in ARRIVED},
    **{(state, Event.RETRACTED): DeliveryState.RETRACTED for state in ARRIVED},
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
