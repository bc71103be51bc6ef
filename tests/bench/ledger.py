"""A ledger that grows: `python -m tests.bench.ledger [COUNT ...]`, on SQLite and on PostgreSQL.

Fills a ledger of each size (1000, 100000 and 1000000 unless told otherwise; the last takes minutes
and 5 GB on each database) and prints, as a table, how long what the node and its people ask of it
takes. `--filled URL COUNT` measures one that `tests.bench.filling` has filled, and its migration.
"""

import argparse
import itertools
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median

import psycopg

from dicom_node.config import RetentionSection, parse
from dicom_node.ledger import Filter, Kept, Ledger, Selection, StoredInstance
from dicom_node.ledger.copies import copy_ledger
from dicom_node.ledger.watching.tallies import SETTLED_AFTER
from dicom_node.metrics import exposition
from dicom_node.ops.days import midnights
from dicom_node.ops.recovery import Recovery
from dicom_node.ops.retention import Retention
from dicom_node.queueing import Queues
from dicom_node.spool import Spool
from tests.bench.filling import (
    DESTINATION,
    PIPELINE,
    SECONDS_APART,
    accession_of,
    fill,
    instance_of,
    patient_of,
    result_of,
    study_of,
)
from tests.conftest import POSTGRES

SIZES = (1000, 100_000, 1_000_000)
#: How often each is measured; the median counts.
TIMES = 5
#: Images of a day that are purged at the end.
A_DAY = 24 * 3600 // SECONDS_APART
LEASE_S = 60.0
#: Row to seconds.
Figures = dict[str, float]


@dataclass
class Measured:
    """One ledger, and what was measured of it."""

    url: str
    count: int
    folder: Path
    figures: Figures = field(default_factory=dict)

    def __post_init__(self) -> None:
        with self.once("start: open, migrate if need be"):
            self.ledger = Ledger.open(self.url)
        self.some = self.count // 2 - self.count // 2 % 10

    @contextmanager
    def once(self, what: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.figures[what] = time.perf_counter() - started

    def again(self, what: str, ask: Callable[[], object]) -> None:
        took = []
        for _ in range(TIMES):
            started = time.perf_counter()
            ask()
            took.append(time.perf_counter() - started)
        self.figures[what] = median(took)

    def all(self) -> Figures:
        with closing(self.ledger):
            self._node()
            self._watch()
            self._people()
            self._upkeep()
        return self.figures

    def _node(self) -> None:
        ledger = self.ledger
        self.again("an instance arrives", lambda: ledger.jobs.accept(new(), PIPELINE))
        waiting = iter(ledger.jobs.waiting(PIPELINE, 500, ledger.now()))
        self.again("a worker claims a job",
                   lambda: ledger.jobs.claim(next(waiting), PIPELINE, "w", LEASE_S))  # fmt: skip
        with closing(Queues("filesystem://", self.folder / "queue", prefetch=1)) as queues:
            spool = Spool(self.folder / "spool")
            recovery = Recovery(ledger, queues, spool, self.folder / "run")
            with self.once("the first sweep of recovery, which publishes"):
                recovery.sweep()
            self.again("a sweep of recovery", recovery.sweep)
        self.again("a sender looks for work", lambda: ledger.deliveries.next_due(DESTINATION))
        self.again("a sender takes a study",
                   lambda: ledger.deliveries.claim(DESTINATION, "s", LEASE_S, 32))  # fmt: skip
        self.again("a sender looks for what is to be verified",
                   lambda: ledger.verifications.claim(DESTINATION, LEASE_S, 32))  # fmt: skip

    def _watch(self) -> None:
        ledger, config = self.ledger, parse({"node": {"state": self.folder}})
        later = (number * SETTLED_AFTER for number in itertools.count(1))
        # What is new on PostgreSQL is counted into the sums minutes later.
        with (
            self.once("all events counted into sums, once"),
            closing(Ledger.open(self.url, lambda: datetime.now(UTC) + next(later))) as ahead,
        ):
            ahead.tallies.fold()
            while ahead.tallies.fold():
                pass
        self.again("a scrape of /metrics", lambda: exposition(ledger, config, 60.0))
        self.again("a watch looks", lambda: (
            ledger.gauges.figures(), ledger.counts.days([ledger.now() - timedelta(hours=1)]),
            ledger.tallies.fold(),
        ))  # fmt: skip

    def _people(self) -> None:
        ledger, some = self.ledger, self.some
        a_day_ago = ledger.now() - timedelta(days=1)
        self.again("`status`", self._status)
        self.again("`status --check`", lambda: ledger.counts.backlog(a_day_ago))
        for option, asked in {
            "": Filter(),
            " --state BUILT": Filter(states=["BUILT"]),
            " --state SKIPPED": Filter(states=["SKIPPED"]),
            " --state FAILED": Filter(states=["FAILED"]),
            " --state REFUSED": Filter(states=["REFUSED"]),
            " --since 1d": Filter(since=a_day_ago),
            " --state FAILED --since 1d": Filter(states=["FAILED"], since=a_day_ago),
            " --accession": Filter(accession_numbers=[accession_of(some)]),
            " --study": Filter(study_instance_uids=[study_of(some)]),
        }.items():
            self.again(f"`jobs{option}`", partial(ledger.lookups.jobs, asked, 50))
        for what, text in {
            "accession number": accession_of(some),
            "a study's UID": study_of(some),
            "an image's UID": instance_of(some),
            "a result's UID": result_of(some),
        }.items():
            self.again(f"`find`, {what}", partial(self._find, text))
        self.again("`find`, Patient ID",
                   lambda: ledger.lookups.meant_by("-", patient_of(some)))  # fmt: skip
        self.again("`job`", lambda: (ledger.reports.events(some), ledger.deliveries.of_job(some)))
        of_study = Selection(study_instance_uids=[study_of(some)], states=["DELIVERED"])
        self.again("`requeue --study --state DELIVERED --dry-run`",
                   lambda: ledger.requeue.candidates(of_study))  # fmt: skip

    def _upkeep(self) -> None:
        ledger = self.ledger
        spool = Spool(self.folder / "spool")
        images = min(A_DAY, self.count // 2)
        oldest = ledger.now() - timedelta(seconds=(self.count - images) * SECONDS_APART)
        with self.once(f"purge of a day, {A_DAY:,} images (of 1,000: 500), with its pauses"):
            kept, after = Kept(oldest, oldest), 0
            retention = Retention(ledger, spool, RetentionSection())
            while (window := ledger.pruning.look(kept, after)).next_after is not None:
                retention.forget(kept, window.job_ids, threading.Event())
                after = window.next_after
        with self.once("copy of the ledger, for a backup"):
            copy_ledger(self.url, self.folder / "copy")

    def _status(self) -> None:
        ledger = self.ledger
        ledger.reports.summary()
        ledger.workers.all()
        ledger.destinations.all()
        ledger.counts.days(midnights(ledger.now()))

    def _find(self, text: str) -> None:
        ids = self.ledger.lookups.meant_by(text, "")
        assert ids
        self.ledger.lookups.jobs(Filter(ids=ids), 50)
        self.ledger.pruning.purged([text], [text])


def new() -> StoredInstance:
    uid = f"1.2.{time.monotonic_ns()}"
    return StoredInstance("1.2", uid, uid, uid, "1.2", "PACS", "x", uuid.uuid4().hex, 1)


@contextmanager
def sqlite(folder: Path) -> Iterator[str]:
    yield f"sqlite:///{folder / 'ledger.sqlite'}"


@contextmanager
def postgresql(_folder: Path) -> Iterator[str]:
    name = f"cxr_bench_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(POSTGRES, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{POSTGRES.rpartition('/')[0]}/{name}"
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", type=int, nargs="*", default=SIZES)
    parser.add_argument("--filled", nargs=2, metavar=("URL", "COUNT"))
    asked = parser.parse_args(words)
    columns: dict[str, Figures] = {}
    if asked.filled:
        url, count = asked.filled[0], int(asked.filled[1])
        with tempfile.TemporaryDirectory() as folder:
            columns[f"{count:,}"] = Measured(url, count, Path(folder)).all()
    else:
        for count in asked.counts:
            for database in (sqlite, postgresql):
                with tempfile.TemporaryDirectory() as made, database(Path(made)) as url:
                    Ledger.open(url).close()
                    fill(url, count)
                    name = "SQLite" if database is sqlite else "PostgreSQL"
                    columns[f"{name}, {count:,}"] = Measured(url, count, Path(made)).all()
                    print(f"{name}, {count:,}: measured", file=sys.stderr)
    print("\n".join(table(columns)))


def table(columns: dict[str, Figures]) -> Iterator[str]:
    """Rows are what was asked, columns the ledgers."""
    yield f"| ms | {' | '.join(columns)} |"
    yield f"|---{'|---:' * len(columns)}|"
    for what in next(iter(columns.values())):
        cells = (f"{1000 * figures[what]:,.1f}" for figures in columns.values())
        yield f"| {what} | {' | '.join(cells)} |"


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main(sys.argv[1:])
