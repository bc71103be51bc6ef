"""A purge beside a node at work: `python -m tests.bench.purge JOBS [LEDGER_URL]`.

Fills a ledger with as many delivered jobs (17 rows each: three outputs, what happened to them),
without files, purges all, and meanwhile accepts an instance every 50 ms, as a listener does. Prints
how long the purge took and how long an instance waited.
"""

import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, insert
from sqlalchemy.engine import Connection

from dicom_node.config import RetentionSection
from dicom_node.ledger import JobState, Ledger, StoredInstance
from dicom_node.ledger.tables import schema
from dicom_node.ledger.tables.states import DeliveryState, Event
from dicom_node.ops.retention import Retention
from dicom_node.spool import Spool

ROLES = ("SEG", "SR", "SC")
LONG_AGO = datetime.now(UTC) - timedelta(days=365)
CHUNK = 2000


def main(count: int, url: str, folder: Path) -> None:
    with closing(Ledger.open(url)) as ledger:
        fill(url, count)
        before = measured(ledger, threading.Event(), seconds=3.0)
        retention = Retention(ledger, Spool(folder / "spool"), RetentionSection(delivered_days=30))
        purged = threading.Event()
        waits: list[float] = []
        listener = threading.Thread(target=lambda: waits.extend(measured(ledger, purged)))
        listener.start()
        started = time.monotonic()
        purge = retention.purge(threading.Event())
        took_s = time.monotonic() - started
        purged.set()
        listener.join()
    print(
        f"{url.partition(':')[0]}: {purge.jobs} jobs in {took_s:.0f} s"
        f" ({purge.jobs / took_s:.0f} a second); an instance committed in"
        f" {_ms(before)} before, {_ms(waits)} meanwhile ({len(waits)} instances)"
    )


def measured(ledger: Ledger, end: threading.Event, seconds: float = 1e9) -> list[float]:
    """Seconds that each instance took to be accepted."""
    waits, until = [], time.monotonic() + seconds
    while time.monotonic() < until and not end.wait(0.05):
        uid = f"1.2.{time.monotonic_ns()}"
        instance = StoredInstance("1.2", uid, uid, uid, "1.2", "PACS", "x", "ab" * 32, 1)
        started = time.monotonic()
        ledger.jobs.accept(instance, "pipeline")
        waits.append(time.monotonic() - started)
    return waits


def fill(url: str, count: int) -> None:
    engine = create_engine(url)
    for start in range(1, count + 1, CHUNK):
        with engine.begin() as connection:
            _fill(connection, range(start, min(start + CHUNK, count + 1)))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
        if engine.dialect.name == "postgresql":
            for table in ("jobs", "outputs", "deliveries", "events", "instances"):
                connection.exec_driver_sql(
                    f"SELECT setval('{table}_id_seq', (SELECT max(id) FROM {table}))"
                )
    engine.dispose()


def _fill(connection: Connection, numbers: Sequence[int]) -> None:
    common = {"study_instance_uid": "1.2.9", "series_instance_uid": "1.2.9.1"}
    file = {"sop_class_uid": "1.2", "transfer_syntax_uid": "1.2", "sha256": "ab" * 32,
            "size_bytes": 15_000_000}  # fmt: skip
    times = {"due_at": LONG_AGO, "updated_at": LONG_AGO}
    received = [
        {"id": n, "sop_instance_uid": f"1.2.3.{n}", "calling_aet": "PACS", "path": f"received/{n}",
         "received_at": LONG_AGO, **common, **file}
        for n in numbers
    ]  # fmt: skip
    job = {"pipeline": "pipeline", "state": JobState.BUILT, "attempts": 1, "deaths": 0, **times}
    built = [(n, 3 * n + i, role) for n in numbers for i, role in enumerate(ROLES)]
    sent = {"destination": "pacs", "state": DeliveryState.DELIVERED, "attempts": 1, **times}
    happened = [(Event.RECEIVED, None), (Event.CLAIMED, None), (Event.BUILT, None)]
    rows: dict[Any, list[dict[str, Any]]] = {
        schema.instances: [row | {"kind": "RADIOGRAPH"} for row in received],
        schema.jobs: [row | job for row in received],
        schema.outputs: [
            {"id": i, "job_id": n, "role": role, "sop_instance_uid": f"2.25.{i}",
             "series_instance_uid": "2.25.1", "path": f"outputs/{i}", **file}
            for n, i, role in built
        ],
        schema.deliveries: [
            {"id": i, "job_id": n, "output_id": i, "study_instance_uid": "1.2.9", **sent}
            for n, i, _ in built
        ],
        schema.events: [
            {"at": LONG_AGO, "job_id": n, "delivery_id": None, "event": event, "state": "",
             "detail": ""}
            for n in numbers for event, _ in happened
        ] + [
            {"at": LONG_AGO, "job_id": n, "delivery_id": i, "event": event, "state": "",
             "detail": ""}
            for n, i, _ in built for event in (Event.TAKEN, Event.DELIVERED)
        ],
    }  # fmt: skip
    for table, values in rows.items():
        connection.execute(insert(table), values)


def _ms(waits: Sequence[float]) -> str:
    ordered = sorted(waits)
    median, worst = ordered[len(ordered) // 2], ordered[-1]
    return f"{1000 * median:.0f} ms (median; at most {1000 * worst:.0f})"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        here = Path(made)
        given = sys.argv[2:] or [f"sqlite:///{here / 'ledger.sqlite'}"]
        main(int(sys.argv[1]), given[0], here)
