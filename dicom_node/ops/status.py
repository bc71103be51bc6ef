"""`cxr-node status`: the health of the node at a glance, from the ledger alone."""

import dataclasses
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dicom_node.config import Config
from dicom_node.errors import NodeError
from dicom_node.intake.refusals import Refusal as Refused
from dicom_node.intake.refusals import refusals_in
from dicom_node.ledger import (
    PERSON_WAITS_S,
    SKIPS_LOOKED_AT,
    Day,
    Declined,
    DestinationRecord,
    GivenUp,
    JobState,
    Ledger,
    Progress,
    Summary,
    WorkerRecord,
)
from dicom_node.ops.certificates import certificate_warnings
from dicom_node.ops.days import day_lines, midnights
from dicom_node.ops.processes import pipeline_lines, process_lines
from dicom_node.ops.remedies import refusal_remedy, remedy, unverified_remedy
from dicom_node.ops.retention import Disk
from dicom_node.ops.running import Running, known_destinations, last_run
from dicom_node.ops.standing import destination_lines, given_up_remedy
from dicom_node.ops.wording import age, line, moment

_SQLITE = "sqlite:///"
#: Rows of those refused at the door that a person is shown, the latest.
_LATEST = 10
_PROGRESS = {
    Progress.DELIVERED: "delivered",
    Progress.WAITING: "waiting for a destination",
    Progress.INCOMPLETE: "refused by one, given up or lost",
    Progress.SENT: "sent, to be verified",
    Progress.UNVERIFIED: "sent, unverified",
    Progress.HELD: "held, as a destination was silent",
    Progress.WITHDRAWN: "withdrawn",
    Progress.KEPT: "without a destination: results are in the spool",
}


@dataclass(frozen=True, slots=True)
class Health:
    """All that `status` tells."""

    now: datetime
    summary: Summary
    processes: Collection[WorkerRecord]
    unfinished: Mapping[str, int]  #: instances, by the pipeline they ask for
    destinations: Collection[DestinationRecord]
    days: Sequence[Day]
    running: Running | None  #: an `up` on this state folder; None: nothing is known of one
    known: Collection[str] | None  #: destinations configured; None: nobody says
    disk: str  #: of the spool: what is free, and whether that is little
    certificates: Sequence[str]  #: what is to be said of those that end soon, or are no good
    refused: Sequence[Refused]  #: at the door of this host's listeners
    silent: Sequence[str]  #: destinations that nothing is sent to
    declined: Mapping[str, Declined]  #: by destination: what it answered for and did not take
    given_up: Mapping[str, GivenUp]  #: by destination: what it is asked no more


def show_status(config: Config, *, as_json: bool) -> int:
    """Print what the ledger knows; 0."""
    with closing(open_existing(config)) as ledger:
        now = ledger.now()
        health = Health(
            now,
            ledger.reports.summary(),
            ledger.workers.all(),
            ledger.counts.unfinished(),
            ledger.destinations.all(),
            ledger.counts.days(midnights(now)),
            last_run(config.node.state),
            known_destinations(config),
            Disk.of(config).words,
            certificate_warnings(config, now),
            refusals_in(config.node.state),
            [to.name for to in config.destinations if to.silent],
            ledger.pace.declined(),
            ledger.inquiries.given_up_by_destination(),
        )
    print(_document(health) if as_json else "\n".join(_lines(health)))
    return 0


def open_existing(config: Config) -> Ledger:
    """The node's ledger; NodeError where it has none, which is not the moment to make one."""
    url = config.ledger_url
    if url.startswith(_SQLITE) and not Path(url.removeprefix(_SQLITE)).exists():
        raise NodeError(
            f"{config.node.state}: no ledger here; has the node run with this state folder?"
        )
    return Ledger.open(url, answer_within_s=PERSON_WAITS_S)


def _lines(health: Health) -> Iterator[str]:
    """For a person, widest question first; times are UTC but for the days."""
    summary = health.summary
    # Parts started one by one leave nothing of an `up`.
    if health.running or not any(record.is_alive for record in health.processes):
        yield f"node: {_running(health.running)}"
    if health.silent:
        yield f"silent: results are held, and nothing is sent to {', '.join(health.silent)}"
    for said in health.certificates:
        yield f"certificate: {line(said)}"
    yield "parts"
    yield from process_lines(health.processes, health.now)
    yield from pipeline_lines(health.processes, health.unfinished)
    yield "instances"
    for state, count in summary.counts.items():
        note = _progress(summary) if state is JobState.BUILT else ""
        yield f"  {state:<10} {count:>7}{note}"
    oldest = summary.oldest_waiting_age_s
    if summary.waiting:
        yield "waiting for a worker, the most urgent first"
    for priority, waiting in summary.waiting.items():
        yield f"  {priority.name:<10} {waiting.count:>7}  oldest {age(waiting.oldest_s)}"
    yield f"oldest waiting for a worker: {'none' if oldest is None else age(oldest)}"
    yield f"disk of the spool: {health.disk}"
    yield "destinations"
    if health.known is not None and not health.known:
        yield "  no destination: results stay in the spool"
    for said in destination_lines(
        health.destinations,
        health.known,
        health.now,
        silent=health.silent,
        declined=health.declined,
        given_up=health.given_up,
    ):
        yield f"  {said}"
    yield "refused at the door"
    for refused in health.refused[-_LATEST:]:
        yield f"  {_refused(refused)}"
    if not health.refused:
        yield "  none"
    yield f"last {len(health.days)} days, local time, as they stand now"
    yield from day_lines(health.days)
    yield "not accepted by a destination"
    for what in summary.substitutions:
        yield f"  {line(what.what)} ({what.count} so far, last {moment(what.last_at)})"
    if not summary.substitutions:
        yield "  none"
    looked_at = min(summary.counts[JobState.SKIPPED], SKIPS_LOOKED_AT)
    of_the_last = f", of the last {looked_at}" if looked_at == SKIPS_LOOKED_AT else ""
    yield f"skipped, by reason{of_the_last}"
    for skip in summary.skipped:
        yield f"  {skip.count:>7}  {line(skip.reason)} (last {moment(skip.last_at)})"
    if others := looked_at - sum(skip.count for skip in summary.skipped):
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
    yield "sent, and not confirmed to be kept"
    for one in summary.unverified:
        yield f"  {moment(one.at)} job {one.job_id} {line(one.sop_instance_uid)}"
        yield f"    {line(one.reason)} ({one.outputs} to {line(one.destination)})"
        yield f"    to do: {unverified_remedy(one)}"
    if not summary.unverified:
        yield "  none"
    yield "last refused by a destination, given up or lost"
    for refusal in summary.refusals:
        yield f"  {moment(refusal.at)} job {refusal.job_id} {line(refusal.sop_instance_uid)}"
        yield f"    {line(refusal.reason)} ({refusal.outputs} to {line(refusal.destination)})"
        yield f"    to do: {refusal_remedy(refusal)}"
    if not summary.refusals:
        yield "  none"


def _refused(refused: Refused) -> str:
    who = line(f"{refused.calling_aet} from {refused.host}".removeprefix(" from "))
    last = moment(datetime.fromisoformat(refused.last_at))
    return f"{refused.count:>7}  {who}: {line(refused.why)} (last {last})"


def _progress(summary: Summary) -> str:
    """What became of the results that were built."""
    found = (f"{count} {_PROGRESS[one]}" for one, count in summary.progress.items() if count)
    said = ", ".join(found)
    return said and f"  {said}"


def _running(running: Running | None) -> str:
    if running is None:
        return "nothing is known of an `up` on this state folder"
    where = f"{running.aet} on {running.host}:{running.port}"
    state = "running" if running.is_alive else "not running; last seen as"
    return f"{state}, pid {running.pid}, {where}, since {running.since}"


def _document(health: Health) -> str:
    document = dataclasses.asdict(health.summary)
    document["waiting"] = {
        priority.name: dataclasses.asdict(one) for priority, one in health.summary.waiting.items()
    }
    document["node"] = None if health.running is None else dataclasses.asdict(health.running)
    document["parts"] = [dataclasses.asdict(one) for one in health.processes]
    document["unfinished"] = health.unfinished
    document["destinations"] = health.known
    document["disk"] = health.disk
    document["silent"] = health.silent
    document["standings"] = [dataclasses.asdict(one) for one in health.destinations]
    document["inquiries_given_up"] = [
        dataclasses.asdict(one) | {"remedy": given_up_remedy(one.destination)}
        for one in health.given_up.values()
    ]
    document["certificates"] = health.certificates
    document["refused"] = [dataclasses.asdict(one) for one in health.refused]
    document["days"] = [dataclasses.asdict(day) for day in health.days]
    document["failures"] = [
        dataclasses.asdict(failure) | {"state": JobState.FAILED, "remedy": remedy(failure)}
        for failure in health.summary.failures
    ]
    document["refusals"] = [
        dataclasses.asdict(refusal) | {"remedy": refusal_remedy(refusal)}
        for refusal in health.summary.refusals
    ]
    document["unverified"] = [
        dataclasses.asdict(one) | {"remedy": unverified_remedy(one)}
        for one in health.summary.unverified
    ]
    return json.dumps(document, default=_json, indent=2)


def _json(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
