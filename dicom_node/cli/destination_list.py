"""What `cxr-node destinations` lists: how each stands, what waits there, what went wrong last."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime

from dicom_node.ledger import DestinationRecord, Standing


def as_json(
    records: Collection[DestinationRecord],
    addresses: Mapping[str, str],
    known: Collection[str] | None,
) -> str:
    rows = [
        asdict(record)
        | {
            "address": addresses.get(record.name),
            "configured": known is not None and record.name in known,
        }
        for record in records
    ]
    return json.dumps(rows, default=_json, indent=2)


def as_text(
    records: Collection[DestinationRecord],
    addresses: Mapping[str, str],
    known: Collection[str] | None,
    now: datetime,
) -> str:
    """`known`: what is configured; None where nobody says."""
    found = {record.name: record for record in records}
    for name in known or ():
        found.setdefault(name, DestinationRecord(name, {}, None, None, Standing(name)))
    lines = [
        line
        for name in sorted(found)
        for line in _lines(found[name], addresses.get(name, ""), known, now)
    ]
    return "\n".join(lines) or "no destination"


def standing_words(standing: Standing, now: datetime) -> str:
    """Whether something is sent there now, and if not, why and until when."""
    said = []
    if standing.is_paused(now):
        until = _until(standing.paused_until) or " until it is resumed"
        why = f": {standing.paused_why}" if standing.paused_why else ""
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
    record: DestinationRecord, address: str, known: Collection[str] | None, now: datetime
) -> Iterator[str]:
    strange = "" if known is None or record.name in known else "  (not configured)"
    where = f"  {address}" if address and address != record.name else ""
    yield f"{record.name}{where}{strange}"
    yield f"  {standing_words(record.standing, now)}"
    if record.counts:
        yield "  " + ", ".join(f"{count} {state}" for state, count in record.counts.items())
    if record.oldest_waiting_at:
        yield f"  the oldest that waits was received {_at(record.oldest_waiting_at)}"
    if record.last_delivered_at:
        yield f"  last delivered {_at(record.last_delivered_at)}"
    if record.standing.last_error and record.standing.last_error_at:
        yield f"  last error {_at(record.standing.last_error_at)}: {record.standing.last_error}"


def _since(time: datetime | None) -> str:
    return "" if time is None else f"since {_at(time)}"


def _until(time: datetime | None) -> str:
    return "" if time is None else f" until {_at(time)}"


def _at(time: datetime) -> str:
    """UTC, as in `status`."""
    return f"{time:%Y-%m-%d %H:%M:%S}"


def _json(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
