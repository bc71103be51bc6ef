"""The processes of the node in lines: which parts are alive, where, and since when."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime

from dicom_node.ledger import WorkerRecord
from dicom_node.ops.wording import age, line

#: The parts a node needs, in the order of a radiograph's way.
PARTS = ("listen", "work", "send")
#: Digits of a pipeline's digest, as in the name of its queue.
_SHOWN = 12
_NOBODY = "to do: start one of the version and [models] that it was received with"


def process_lines(records: Collection[WorkerRecord], now: datetime) -> Iterator[str]:
    """A line for each, and one for each part of which none is alive."""
    others = {record.process.part for record in records} - set(PARTS)
    for part in (*PARTS, *sorted(others)):
        of_part = [record for record in records if record.process.part == part]
        for record in of_part:
            yield f"  {part:<7} {_about(record, now)}"
        if not any(record.is_alive for record in of_part):
            yield f"  {part:<7} none is alive"


def pipeline_lines(
    records: Collection[WorkerRecord], unfinished: Mapping[str, int]
) -> Iterator[str]:
    """Which workers do which pipeline: where there are several, as in an upgrade, or where
    instances are `unfinished` (how many, by pipeline) that no worker does.
    """
    workers: dict[str, list[str]] = {pipeline: [] for pipeline in unfinished}
    for record in records:
        process = record.process
        if process.part == "work" and record.is_alive:
            name = f"{line(process.host, 64)} pid {process.pid}"
            workers.setdefault(process.pipeline, []).append(name)
    if len(workers) < 2 and all(workers.values()):
        return
    yield "pipelines"
    for pipeline, who in sorted(workers.items()):
        waits = unfinished.get(pipeline, 0)
        does = f"done by {', '.join(who)}" if who else f"no worker that does it is alive; {_NOBODY}"
        yield f"  {pipeline[:_SHOWN]:<{_SHOWN}} {waits} unfinished, {does}"


def dead_parts(records: Collection[WorkerRecord]) -> list[str]:
    """The parts of which none is alive, here or on another host."""
    alive = {record.process.part for record in records if record.is_alive}
    return [part for part in PARTS if part not in alive]


def _about(record: WorkerRecord, now: datetime) -> str:
    process = record.process
    who = f"{line(process.host, 64)} pid {process.pid}, {line(process.version, 64)}"
    silence_s = max(0.0, (now - record.beat_at).total_seconds())
    if not record.is_alive:
        return f"{who}: vanished, silent for {age(silence_s)}"
    up = age(max(0.0, (now - record.started_at).total_seconds()))
    held = [f"job {job_id}" for job_id in record.job_ids]
    held += [f"{record.deliveries} deliveries"] if record.deliveries else []
    said = f"{who}: alive for {up}, last sign {age(silence_s)} ago"
    return f"{said}, at work on {', '.join(held)}" if held else said
