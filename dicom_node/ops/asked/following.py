"""One image followed through the node, in lines for a person and values for machines: what the
commands `job` and `find` print. Accession numbers and UIDs, never a patient's name or ID.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from dicom_node.delivery.outcome import words
from dicom_node.errors import SUCCESS
from dicom_node.ledger import (
    ARRIVED,
    Delivery,
    DeliveryState,
    Entry,
    Event,
    FindingsRecord,
    JobLine,
    Progress,
)
from dicom_node.ops.outlook import Outlook
from dicom_node.ops.remedies import remedy_of_delivery
from dicom_node.ops.standing import UNSEEN
from dicom_node.ops.wording import age, line, moment

#: Events shown at the beginning, and at the end: an outage of a destination makes hundreds.
ENDS = 20
#: A UID has 64 characters, and so has the longest of the texts that stand beside one.
NAME_WIDTH = 64

#: `PACS does not accept SEG (answered 0x0122 (SOP Class not Supported))`
_ANSWERED = re.compile(r" \(answered 0x[0-9a-f]{4}[^:]*\)")
#: What a worker ends a job with.
_ENDED = (Event.BUILT, Event.SKIPPED, Event.FAILED)

_PROGRESS = {
    Progress.DELIVERED: "all delivered",
    Progress.WAITING: "results on their way",
    Progress.SENT: "all sent, to be verified",
    Progress.UNVERIFIED: "all sent, unverified",
    Progress.INCOMPLETE: "a result was refused, given up or lost",
    Progress.HELD: "held, as a destination was silent",
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


def delivery_lines(
    deliveries: Sequence[Delivery], events: Sequence[Entry], outlook: Outlook
) -> Iterator[str]:
    """Each output at each destination; what stops it and what is to be done once for all that it
    concerns.
    """
    at = last_times(events)
    shown = [delivery for delivery in deliveries if delivery.state not in UNSEEN]
    notes = [*(list(_notes(delivery, outlook)) for delivery in shown), []]
    for delivery, said, said_next in zip(shown, notes, notes[1:], strict=False):
        yield f"  {_target(delivery)}: {_standing(delivery, at.get(delivery.id), outlook)}"
        if said != said_next:
            yield from said


def state_line(job: JobLine) -> str:
    """`BUILT, all delivered`."""
    return f"{job.state}, {_PROGRESS[job.progress]}" if job.progress else job.state.value


def analysed_line(events: Sequence[Entry], said: FindingsRecord) -> str:
    """`2026-11-27 13:22:15 positive (left 56.9 %, right 0.7 %, both 25.5 %)`."""
    when = analysed_at(events)
    sides = {"left": said.percent_left, "right": said.percent_right, "both": said.percent_both}
    known = [f"{side} {value:.1f} %" for side, value in sides.items() if value is not None]
    percent = f" ({', '.join(known)})" if known else ""
    return f"{moment(when) if when else ''} {name(said.decision)}{percent}".strip()


def analysed_at(events: Sequence[Entry]) -> datetime | None:
    """When a worker last ended the job; None where none has yet."""
    return next((event.at for event in reversed(events) if event.event in _ENDED), None)


def delivery_document(delivery: Delivery, at: datetime | None, outlook: Outlook) -> dict[str, Any]:
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
        "verification": delivery.verification,
        "verify_by": delivery.verify_by,
        "stopped_by": (_is_waiting(delivery) and outlook.what_stops(delivery.destination)) or None,
        "remedy": remedy_of_delivery(delivery, outlook) or None,
    }


def why(delivery: Delivery) -> str:
    """Why it stands as it does, without what has been said before it in the line."""
    reason = delivery.reason or ""
    if delivery.state in ARRIVED:
        taken_back = f"to be taken back by note {name(reason)}" if reason else ""
        return ", ".join(filter(None, [line(delivery.verification or ""), taken_back]))
    if delivery.state is DeliveryState.RETRACTED:
        return f"taken back by note {name(reason)}"
    reason = reason.removeprefix(f"{delivery.destination}: ")
    # "SEG 2.25.1: answered 0xc000 (Cannot Understand)": the answer stands before it.
    own = f"{delivery.role} {delivery.sop_instance_uid}: answered "
    if delivery.dimse_status is not None:
        reason = _ANSWERED.sub("", reason)
    return "" if reason.startswith(own) else line(reason)


def event_document(event: Entry) -> dict[str, Any]:
    return asdict(event)


def last_times(events: Sequence[Entry]) -> dict[int | None, datetime]:
    """When something last happened to each delivery by its id, and to the job itself by None."""
    return {event.delivery_id: event.at for event in events}


def _target(delivery: Delivery) -> str:
    return f"{name(delivery.role)} to {name(delivery.destination)}"


def _notes(delivery: Delivery, outlook: Outlook) -> Iterator[str]:
    """Lines below that of a delivery."""
    if _is_waiting(delivery) and (stopped := outlook.what_stops(delivery.destination)):
        yield f"    {stopped}"
    if to_do := remedy_of_delivery(delivery, outlook):
        yield f"    to do: {to_do}"


def _is_waiting(delivery: Delivery) -> bool:
    return delivery.state is DeliveryState.WAITING


def _standing(delivery: Delivery, at: datetime | None, outlook: Outlook) -> str:
    """Its state since `at`, the last answer, and why."""
    tries = "1 attempt" if delivery.attempts == 1 else f"{delivery.attempts} attempts"
    said = [f"{delivery.state.value}{f' {moment(at)}' if at else ''}", tries]
    if answer := _answer(delivery):
        said.append(f"answered {answer}")
    if _is_waiting(delivery):
        said += filter(None, [_next(delivery, outlook)])
    if delivery.state is DeliveryState.SENT and delivery.verify_by:
        said.append(f"to be verified until {moment(delivery.verify_by)}")
    reason = why(delivery)
    return f"{', '.join(said)}{f': {reason}' if reason else ''}"


def _next(delivery: Delivery, outlook: Outlook) -> str:
    if delivery.owner:
        return "being sent"
    at = outlook.next_at(delivery)
    if at is None:
        return ""
    return f"{'next' if at > outlook.now else 'due since'} {moment(at)}"


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
    # What two processes did at once is written in the order of its commits.
    seconds = max(0.0, seconds)
    return f"+{seconds:.2f} s" if seconds < 60 else f"+{age(seconds)}"
