"""The destinations in lines: is each reached, since when, what waits, what went wrong last."""

from collections.abc import Collection, Iterator
from datetime import datetime

from dicom_node.ledger import DeliveryState, DestinationRecord, Standing
from dicom_node.ops.wording import age, line, moment

#: Shown of a destination, with what they are to whoever reads `status`.
_COUNTED = {
    DeliveryState.WAITING: "waiting",
    DeliveryState.DAMAGED: "to be built again",
    DeliveryState.REFUSED: "refused",
    DeliveryState.DEAD: "lost",
}


def destination_lines(
    records: Collection[DestinationRecord], known: Collection[str] | None, now: datetime
) -> Iterator[str]:
    """`known`: what is configured; None where nobody says."""
    found = {record.name: record for record in records}
    for name in known or ():
        found.setdefault(name, DestinationRecord(name, {}, None, None, Standing(name)))
    for name in sorted(found):
        yield from _lines(found[name], known, now)


def standing_words(standing: Standing, now: datetime) -> str:
    """Whether something is sent there now, and if not, why and until when."""
    said = []
    if standing.is_paused(now):
        until = _until(standing.paused_until) or " until it is resumed"
        why = f": {line(standing.paused_why)}" if standing.paused_why else ""
        said.append(f"paused by {standing.paused_by}, {_since(standing.paused_at)}{until}{why}")
    if not standing.reachable:
        times = "once" if standing.failures == 1 else f"{standing.failures} times in a row"
        rest = f"; rests{_until(standing.resting_until)}" if standing.is_resting(now) else ""
        said.append(f"not reached {_since(standing.since)}, tried {times}{rest}")
    elif standing.is_resting(now):
        said.append(f"rests{_until(standing.resting_until)}")
    elif standing.since is None:
        said.append("nothing sent yet")
    else:
        said.append(f"reached {_since(standing.since)}")
    return "; ".join(said)


def _lines(
    record: DestinationRecord, known: Collection[str] | None, now: datetime
) -> Iterator[str]:
    name, standing = line(record.name), record.standing
    yield f"  {name}: {standing_words(standing, now)}"
    counts = [f"{record.counts[state]} {word}" for state, word in _COUNTED.items()
              if record.counts.get(state)]  # fmt: skip
    if record.oldest_waiting_at:
        oldest_s = max(0.0, (now - record.oldest_waiting_at).total_seconds())
        counts.append(f"the oldest for {age(oldest_s)}")
    if record.last_delivered_at:
        counts.append(f"last delivered {moment(record.last_delivered_at)}")
    if counts:
        yield f"    {', '.join(counts)}"
    # What an outage that is over said is history: `destinations` has it.
    if standing.last_error and standing.last_error_at and _is_held_up(standing, now):
        yield f"    last error {moment(standing.last_error_at)}: {line(standing.last_error)}"
    if known is not None and record.name not in known and record.oldest_waiting_at:
        quoted = repr(name)
        yield f"    not configured: cxr-node destinations move {quoted} NEW, or forget {quoted}"


def _is_held_up(standing: Standing, now: datetime) -> bool:
    return not standing.reachable or standing.is_resting(now)


def _since(time: datetime | None) -> str:
    return "" if time is None else f"since {moment(time)}"


def _until(time: datetime | None) -> str:
    return "" if time is None else f" until {moment(time)}"
