"""The processes of the node in lines: which parts are alive, where, and since when."""

from collections.abc import Collection, Iterator
from datetime import datetime

from dicom_node.ledger import WorkerRecord
from dicom_node.ops.wording import age, line

#: The parts a node needs, in the order of a radiograph's way.
PARTS = ("listen", "work", "send")


def process_lines(records: Collection[WorkerRecord], now: datetime) -> Iterator[str]:
    """A line for each, and one for each part of which none is alive."""
    for part in PARTS:
        of_part = [record for record in records if record.process.part == part]
        for record in of_part:
            yield f"  {part:<7} {_about(record, now)}"
        if not any(record.is_alive for record in of_part):
            yield f"  {part:<7} none is alive"


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
