"""One image followed through the node, in lines for a person and values for machines: what the
commands `job` and `find` print. Accession numbers and UIDs, never a patient's name or ID.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from dicom_node.delivery.outcome import words
from dicom_node.errors import SUCCESS
from dicom_node.ledger import Delivery, DeliveryState, Entry, Event, JobLine, Progress
from dicom_node.ops.remedies import remedy_of_delivery
from dicom_node.ops.wording import age, line, moment

#: Events shown at the beginning, and at the end: an outage of a destination makes hundreds.
ENDS = 20
#: A UID has 64 characters, and so has the longest of the texts that stand beside one.
NAME_WIDTH = 64

#: What a worker ends a job with.
_ENDED = (Event.BUILT, Event.SKIPPED, Event.FAILED)

#: Of deliveries: kept ready, and sent only where something else is not accepted.
UNSEEN = (DeliveryState.RESERVE,)

_PROGRESS = {
    Progress.DELIVERED: "all delivered",
    Progress.WAITING: "results on their way",
    Progress.INCOMPLETE: "a result was refused or lost",
    Progress.WITHDRAWN: "withdrawn",
    Progress.KEPT: "results stay in the spool",
}


def name(text: str) -> str:
    """A UID, an AE title, a number: whoever sent it may have written anything into it."""
    return line(text, NAME_WIDTH)


def event_lines(
    events: Sequence[Entry], deliveries: Sequence[Delivery], *, whole: bool = False
) -> Iterator[str]:
    """Each with the time since the one before; the middle is left out unless `whole`."""
    targets = {delivery.id: _target(delivery) for delivery in deliveries}
    lines = [
        _event_line(event, before, targets)
        for event, before in zip(events, [None, *events], strict=False)
    ]
    left_out = 0 if whole else len(lines) - 2 * ENDS
    if left_out > 0:
        lines[ENDS:-ENDS] = [f"  … {left_out} more; --all shows them"]
    yield from lines


def delivery_lines(deliveries: Sequence[Delivery], events: Sequence[Entry]) -> Iterator[str]:
    """Each output at each destination; what is to be done once for all that it concerns."""
    at = last_times(events)
    remedies = [*map(remedy_of_delivery, deliveries), ""]
    for delivery, to_do, next_to_do in zip(deliveries, remedies, remedies[1:], strict=False):
        yield f"  {_target(delivery)}: {_standing(delivery, at.get(delivery.id))}"
        if to_do and to_do != next_to_do:
            yield f"    to do: {to_do}"


def state_line(job: JobLine) -> str:
    """`BUILT, all delivered`."""
    return f"{job.state}, {_PROGRESS[job.progress]}" if job.progress else job.state.value


def deliveries_by_state(counts: Mapping[DeliveryState, int]) -> str:
    """`2 DELIVERED, 1 REFUSED`; what is kept in reserve is nobody's matter."""
    return ", ".join(
        f"{count} {state.value}" for state, count in counts.items() if state not in UNSEEN
    )


def analysed_at(events: Sequence[Entry]) -> datetime | None:
    """When a worker last ended the job; None where none has yet."""
    return next((event.at for event in reversed(events) if event.event in _ENDED), None)


def delivery_document(delivery: Delivery, at: datetime | None) -> dict[str, Any]:
    """The same for machines."""
    return {
        "id": delivery.id,
        "role": delivery.role,
        "sop_instance_uid": delivery.sop_instance_uid,
        "destination": delivery.destination,
        "state": delivery.state,
        "at": at,
        "attempts": delivery.attempts,
        "due_at": delivery.due_at,
        "dimse_status": delivery.dimse_status,
        "status_in_words": _answer(delivery),
        "reason": delivery.reason,
        "remedy": remedy_of_delivery(delivery) or None,
    }


def event_document(event: Entry) -> dict[str, Any]:
    return asdict(event)


def last_times(events: Sequence[Entry]) -> dict[int | None, datetime]:
    """When something last happened to each delivery by its id, and to the job itself by None."""
    return {event.delivery_id: event.at for event in events}


def _target(delivery: Delivery) -> str:
    return f"{name(delivery.role)} to {name(delivery.destination)}"


def _standing(delivery: Delivery, at: datetime | None) -> str:
    """Its state since `at`, the last answer, and why."""
    tries = "1 attempt" if delivery.attempts == 1 else f"{delivery.attempts} attempts"
    said = [f"{delivery.state.value}{f' {moment(at)}' if at else ''}", tries]
    if answer := _answer(delivery):
        said.append(f"answered {answer}")
    if delivery.state is DeliveryState.WAITING:
        said.append(f"next {moment(delivery.due_at)}")
    reason = _reason(delivery)
    return f"{', '.join(said)}{f': {reason}' if reason else ''}"


def _reason(delivery: Delivery) -> str:
    """Why it stands as it does, without what has been said before it in the line."""
    reason = delivery.reason or ""
    if delivery.state is DeliveryState.DELIVERED and reason:
        return f"to be taken back by note {name(reason)}"
    if delivery.state is DeliveryState.RETRACTED:
        return f"taken back by note {name(reason)}"
    reason = reason.removeprefix(f"{delivery.destination}: ")
    # "SEG 2.25.1: answered 0xc000 (Cannot Understand)": the answer stands before it.
    own = f"{delivery.role} {delivery.sop_instance_uid}: answered "
    return "" if reason.startswith(own) else line(reason)


def _answer(delivery: Delivery) -> str | None:
    """`0xc000 Cannot understand`; None where none came."""
    status = delivery.dimse_status
    if status is None:
        return None
    said = "Success" if status == SUCCESS else words(status)
    return f"{status:#06x} {said}".strip()


def _event_line(event: Entry, before: Entry | None, targets: Mapping[int, str]) -> str:
    since = "" if before is None else _passed((event.at - before.at).total_seconds())
    about = "" if event.delivery_id is None else f"{targets.get(event.delivery_id, 'a result')}: "
    told = [f"by {name(event.owner)}"] if event.owner else []
    # A traceback follows in the lines below: --json has it.
    told += filter(None, [line(event.detail.partition("\n")[0])])
    more = f" ({', '.join(told)})" if told else ""
    return f"  {moment(event.at)} {since:>10}  {about}{line(event.event)}{more}"


def _passed(seconds: float) -> str:
    return f"+{seconds:.2f} s" if seconds < 60 else f"+{age(seconds)}"
