"""`cxr-node status`: the health of the node at a glance, from the ledger alone."""

import dataclasses
import json
from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path

from dicom_node.config import Config
from dicom_node.errors import NodeError
from dicom_node.ledger import JobState, Ledger, Summary
from dicom_node.ops.remedies import remedy
from dicom_node.ops.running import Running, last_run
from dicom_node.ops.wording import age, line, moment

_SQLITE = "sqlite:///"


def show_status(config: Config, *, as_json: bool) -> int:
    """Print what the ledger knows; 0."""
    ledger = open_existing(config)
    try:
        summary = ledger.reports.summary()
    finally:
        ledger.close()
    running, known = last_run(config.node.state), known_destinations(config)
    print(_document(summary, running, known) if as_json else as_text(summary, running, known))
    return 0


def open_existing(config: Config) -> Ledger:
    """The node's ledger; NodeError where it has none, which is not the moment to make one."""
    url = config.ledger_url
    if url.startswith(_SQLITE) and not Path(url.removeprefix(_SQLITE)).exists():
        raise NodeError(
            f"{config.node.state}: no ledger here; has the node run with this state folder?"
        )
    return Ledger.open(url)


def known_destinations(config: Config) -> tuple[str, ...] | None:
    """Names of the destinations configured, or that `up` was given here; None: nobody says."""
    if config.destinations or config.node.no_destination:
        return config.destination_names
    running = last_run(config.node.state)
    return None if running is None else running.destinations


def as_text(
    summary: Summary, running: Running | None = None, known: Collection[str] | None = None
) -> str:
    """The summary for a person, widest question first."""
    return "\n".join(_lines(summary, running, known))


def _lines(
    summary: Summary, running: Running | None, known: Collection[str] | None
) -> Iterator[str]:
    yield f"node: {_running(running)}"
    yield "instances"
    for state, count in summary.counts.items():
        kept = state is JobState.BUILT and summary.kept
        note = f"  {summary.kept} without a destination: results are in the spool" if kept else ""
        yield f"  {state:<10} {count:>7}{note}"
    oldest = summary.oldest_waiting_age_s
    yield f"oldest waiting for a worker: {'none' if oldest is None else age(oldest)}"
    yield "deliveries waiting"
    if known is not None and not known:
        yield "  no destination: results stay in the spool"
    for name, count in summary.deliveries_waiting.items():
        yield f"  {name:<30} {count:>7}  oldest {age(summary.oldest_delivery_age_s[name])}"
        if known is not None and name not in known:
            yield f"    not configured: cxr-node destinations move {name!r} NEW, or forget {name!r}"
    if not summary.deliveries_waiting:
        yield "  none"
    yield "not accepted by a destination"
    for one in summary.substitutions:
        yield f"  {line(one.what)} ({one.count} so far, last {moment(one.last_at)})"
    if not summary.substitutions:
        yield "  none"
    yield "skipped, by reason"
    for skip in summary.skipped:
        yield f"  {skip.count:>7}  {line(skip.reason)} (last {moment(skip.last_at)})"
    if others := summary.counts[JobState.SKIPPED] - sum(skip.count for skip in summary.skipped):
        yield f"  {others:>7}  other reasons"
    if not summary.skipped:
        yield "  none"
    yield "replaced or withdrawn"
    for change in summary.changes:
        yield f"  {moment(change.at)} {line(change.sop_instance_uid)}"
        yield f"    {line(change.what)}"
    if not summary.changes:
        yield "  none"
    yield "last failures"
    for failure in summary.failures:
        yield f"  {moment(failure.at)} job {failure.job_id} {line(failure.sop_instance_uid)}"
        yield f"    {line(failure.reason)}"
        yield f"    to do: {remedy(failure)}"
    if not summary.failures:
        yield "  none"


def _running(running: Running | None) -> str:
    if running is None:
        return "nothing is known of an `up` on this state folder"
    where = f"{running.aet} on {running.host}:{running.port}"
    state = "running" if running.is_alive else "not running; last seen as"
    return f"{state}, pid {running.pid}, {where}, since {running.since}"


def _document(summary: Summary, running: Running | None, known: Collection[str] | None) -> str:
    document = dataclasses.asdict(summary)
    document["node"] = None if running is None else dataclasses.asdict(running)
    document["destinations"] = known
    document["failures"] = [
        dataclasses.asdict(failure) | {"state": JobState.FAILED, "remedy": remedy(failure)}
        for failure in summary.failures
    ]
    return json.dumps(document, default=_json, indent=2)


def _json(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
