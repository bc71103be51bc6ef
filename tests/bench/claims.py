"""What a claim costs: `python -m tests.bench.claims WAITING [LEDGER_URL]`.

Fills a ledger with as many jobs that wait, one in a hundred STAT and a third LOW, and claims some:
by its id, as before there were priorities, and the one whose turn it is; then with eight workers at
once; and what one look of recovery at all that waits takes. Without statistics, and again with
(ANALYZE): a backlog comes quicker than a database counts it.
"""

import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import create_engine, insert

from dicom_node.ledger import JobState, Ledger, Priority, Turns
from dicom_node.ledger.tables import schema
from dicom_node.ops.recovery import LONGEST_WAIT

CHUNK = 2000
CLAIMS = 200
WORKERS = 8


def main(count: int, url: str) -> None:
    # SQLite is for one host, and seldom for more than one worker.
    is_shared = url.startswith("postgresql")
    with closing(Ledger.open(url)) as ledger:
        fill(url, count)
        measure("no statistics", ledger, is_shared)
        engine = create_engine(url)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE")
        engine.dispose()
        measure("ANALYZEd", ledger, is_shared)


def measure(what: str, ledger: Ledger, is_shared: bool) -> None:
    turns = Turns()

    left = ledger.jobs.count_waiting()["pipeline"]
    # Those that came last and are not STAT: nobody else's turn.
    last = [n for n in ledger.jobs.waiting("pipeline", left, datetime.now(UTC)) if n % 100]

    def by_id(number: int) -> bool:
        return ledger.jobs.claim(last.pop(), "pipeline", f"w{number}", 3600) is not None

    def next_one(number: int) -> bool:
        return ledger.jobs.claim_next("pipeline", f"w{number}", 3600, turns) is not None

    def sweep(_: int) -> bool:
        ledger.jobs.wait_no_longer_than(LONGEST_WAIT)
        return bool(ledger.jobs.count_waiting())

    print(f"{left} waiting, {what}")
    print(f"  by id              {_ms(by_id, CLAIMS)}")
    print(f"  whose turn it is   {_ms(next_one, CLAIMS)}")
    print(f"  a look at them all {_ms(sweep, 5)}")
    if is_shared:
        print(f"  {WORKERS} workers at once  {_at_once(ledger)}")


def _at_once(ledger: Ledger) -> str:
    taken: list[int] = []

    def work(number: int) -> None:
        turns = Turns()
        for _ in range(CLAIMS // WORKERS):
            job = ledger.jobs.claim_next("pipeline", f"t{number}", 3600, turns)
            assert job is not None
            taken.append(job.id)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(WORKERS)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(taken)) == CLAIMS
    return f"{CLAIMS / (time.monotonic() - started):.0f} claims a second"


def fill(url: str, count: int) -> None:
    now = datetime.now(UTC)
    engine = create_engine(url)
    for start in range(1, count + 1, CHUNK):
        rows = [_row(n, now) for n in range(start, min(start + CHUNK, count + 1))]
        with engine.begin() as connection:
            connection.execute(insert(schema.jobs), rows)
    engine.dispose()


def _row(number: int, now: datetime) -> dict[str, object]:
    at = now - timedelta(seconds=60) + timedelta(microseconds=number)
    priority = (
        Priority.STAT
        if number % 100 == 0
        else Priority.LOW
        if number % 3 == 0
        else Priority.ROUTINE
    )
    times = dict.fromkeys(("due_at", "received_at", "updated_at", "published_at"), at)
    return times | {
        "id": number, "pipeline": "pipeline", "state": JobState.RECEIVED, "priority": priority,
        "attempts": 0, "deaths": 0, "sop_class_uid": "1.2.840.10008.5.1.4.1.1.1.1",
        "sop_instance_uid": f"1.2.3.{number}", "study_instance_uid": f"1.2.9.{number}",
        "series_instance_uid": f"1.2.9.{number}.1", "transfer_syntax_uid": "1.2.840.10008.1.2.1",
        "calling_aet": "PACS", "path": f"received/{number}", "sha256": "ab" * 32,
        "size_bytes": 15_000_000,
    }  # fmt: skip


def _ms(do: Callable[[int], bool], times: int) -> str:
    took, cpu_s = [], time.process_time()
    for number in range(times):
        started = time.monotonic()
        assert do(number)
        took.append(1000 * (time.monotonic() - started))
    cpu_ms = 1000 * (time.process_time() - cpu_s) / times
    took.sort()
    tenth, median = took[len(took) // 10], took[len(took) // 2]
    return (
        f"median {median:.1f} ms, quickest tenth {tenth:.1f} ms, of which here {cpu_ms:.1f} ms CPU"
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        given = sys.argv[2:] or [f"sqlite:///{Path(folder) / 'ledger.sqlite'}"]
        print(given[0].partition(":")[0])
        main(int(sys.argv[1]), given[0])
