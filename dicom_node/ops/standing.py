"""The destinations in lines: how each stands, what waits there, what went wrong last."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from types import MappingProxyType

from dicom_node.ledger import (
    ARRIVED,
    Declined,
    DeliveryState,
    DestinationRecord,
    GivenUp,
    Silence,
    Standing,
)
from dicom_node.ops.wording import age, line, moment, numbered

#: States of deliveries that are nobody's matter: kept ready, and sent only where something else is
#: not accepted.
UNSEEN = (DeliveryState.RESERVE,)
_NOWHERE: Mapping[str, str] = MappingProxyType({})
_NONE: Mapping[str, Declined] = MappingProxyType({})
_ALL_ASKED: Mapping[str, GivenUp] = MappingProxyType({})


def as_json(
    records: Collection[DestinationRecord],
    addresses: Mapping[str, str],
    known: Collection[str] | None,
    silent: Collection[str] = (),
) -> str:
    rows = [
        asdict(record)
        | {
            "address": addresses.get(record.name),
            "configured": known is not None and record.name in known,
            "silent": record.name in silent,
        }
        for record in records
    ]
    return json.dumps(rows, default=_json, indent=2)


def destination_lines(
    records: Collection[DestinationRecord],
    known: Collection[str] | None,
    now: datetime,
    addresses: Mapping[str, str] = _NOWHERE,
    silent: Collection[str] = (),
    declined: Mapping[str, Declined] = _NONE,
    given_up: Mapping[str, GivenUp] = _ALL_ASKED,
) -> Iterator[str]:
    """`known`: what is configured; None where nobody says. `silent`: nothing is sent to these.
    `declined`: what they answered for and did not take. `given_up`: what they are asked no more.
    Times are UTC.
    """
    found = {record.name: record for record in records}
    for name in (*(known or ()), *given_up):
        found.setdefault(name, DestinationRecord(name, {}, None, None, Standing(name)))
    for name in sorted(found):
        is_silent = name in silent
        yield from _lines(found[name], addresses.get(name, ""), known, now, is_silent=is_silent)
        if name in declined:
            yield f"  {declined_words(declined[name])}: {line(declined[name].reason)}"
        if name in given_up:
            yield f"  {given_up_words(given_up[name])}"
            yield f"    to do: {given_up_remedy(name)}"


def deliveries_by_state(counts: Mapping[DeliveryState, int]) -> str:
    """`2 DELIVERED, 1 REFUSED`."""
    seen = ((state, count) for state, count in counts.items() if state not in UNSEEN)
    return ", ".join(f"{count} {state.value}" for state, count in seen)


def standing_words(standing: Standing, now: datetime, *, has_delivered: bool = False) -> str:
    """Whether something is sent there now, and if not, why and until when.

    `has_delivered`: it has something, though nothing may be known of how it stands any more.
    """
    said = []
    if standing.is_paused(now):
        until = _until(standing.paused_until) or " until it is resumed"
        why = f": {line(standing.paused_why)}" if standing.paused_why else ""
        said.append(
            f"paused by {line(standing.paused_by or '')}, {_since(standing.paused_at)}{until}{why}"
        )
    if not standing.reachable:
        times = "once" if standing.failures == 1 else f"{standing.failures} times in a row"
        rest = f"; rests{_until(standing.resting_until)}" if standing.is_resting(now) else ""
        said.append(f"not reached {_since(standing.since)}, tried {times}{rest}")
    elif standing.is_resting(now):
        said.append(f"rests{_until(standing.resting_until)}")
    elif standing.since is None:
        said += [] if has_delivered else ["nothing sent yet"]
    else:
        said.append(f"reached {_since(standing.since)}")
    return "; ".join(said)


def declined_words(declined: Declined) -> str:
    """That it is there, and does not take what is sent again."""
    return f"answers, and declines {numbered(declined.count, 'result', 'results')}"


def given_up_words(given_up: GivenUp) -> str:
    """How often it could not be asked for earlier radiographs, and why the last time."""
    asked = numbered(given_up.count, "radiograph", "radiographs")
    last = f"{given_up.lately} within a day, last {moment(given_up.last_at)}"
    return f"given up to ask for those before {asked} ({last}): {line(given_up.reason)}"


def given_up_remedy(destination: str) -> str:
    """One sentence that can work."""
    return (
        "mend what the reason says (PACS, Earlier radiographs from the archive; cxr-node doctor"
        " tries it): what comes then is asked for; to have these compared too, send the earlier"
        f" radiographs from {line(destination)} to this node"
    )


def silence_words(name: str, silence: Silence) -> str:
    """What it keeps from us, and where that is mended."""
    return (
        f"{line(name)} has answered none of {silence.requests} requests for storage commitment"
        f" since {moment(silence.since)}: see that it knows this node's AE title, address and port"
    )


def _lines(
    record: DestinationRecord,
    address: str,
    known: Collection[str] | None,
    now: datetime,
    *,
    is_silent: bool,
) -> Iterator[str]:
    name, standing = line(record.name), record.standing
    strange = "" if known is None or record.name in known else "  (not configured)"
    where = f"  {address}" if address and address != record.name else ""
    yield f"{name}{where}{strange}"
    if is_silent:
        yield "  silent: nothing is sent there; what it is to get is held"
    has_delivered = any(record.counts.get(state) for state in ARRIVED)
    if said := standing_words(standing, now, has_delivered=has_delivered):
        yield f"  {said}"
    if counted := deliveries_by_state(record.counts):
        yield f"  {counted}"
    if record.oldest_waiting_at:
        ago = age(max(0.0, (now - record.oldest_waiting_at).total_seconds()))
        yield f"  the oldest that waits was received {moment(record.oldest_waiting_at)}, {ago} ago"
        if strange:
            yield f"  nothing sends it: cxr-node destinations move {name!r} NEW, or forget {name!r}"
    if record.last_delivered_at:
        yield f"  last delivered {moment(record.last_delivered_at)}"
    if record.silence:
        yield f"  {silence_words(record.name, record.silence)}"
    if standing.last_error and standing.last_error_at:
        yield f"  last error {moment(standing.last_error_at)}: {line(standing.last_error)}"


def _since(time: datetime | None) -> str:
    return "" if time is None else f"since {moment(time)}"


def _until(time: datetime | None) -> str:
    return "" if time is None else f" until {moment(time)}"


def _json(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
