"""Radiographs a minute with one worker, with two, with three: each on a host and a core of its own.

    python -m tests.system.hosts.throughput [--workers 1 2] [--rounds 3] [--radiographs 40]

PostgreSQL, RabbitMQ and one listener besides, and no sender. All radiographs are sent in one
association; counted is what is built between the last one's receipt and the last one's claim, while
every worker has something to do. Worker counts take turns, so that what else the machine does
concerns them alike.
"""

import argparse
import os
import statistics
import tempfile
from copy import deepcopy
from datetime import datetime
from pathlib import Path

from pydicom import Dataset

from dicom_node.demo.modality import send
from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.errors import SUCCESS
from dicom_node.ledger import Event, JobState, Ledger
from tests.phantoms import draw
from tests.system.faults.stream import renamed
from tests.system.hosts.site import PORT, Services, Site, job_of
from tests.system.waiting import wait_until

ROWS, COLUMNS = 1528, 1272
#: Seconds for all of a round.
WITHIN_S = 1800.0


def measured(services: Services, workers: int, radiographs: int) -> float:
    """Radiographs a minute."""
    drawn = as_dicom(draw(Kind.LEFT_OPACITY, rows=ROWS, columns=COLUMNS, seed=1), bits_stored=16)
    sources = [renamed(deepcopy(drawn)) for _ in range(radiographs)]
    cores = sorted(os.sched_getaffinity(0))
    with (
        tempfile.TemporaryDirectory(prefix="cxr-throughput-") as folder,
        Site.built(services, Path(folder)) as site,
        site.ledger() as ledger,
    ):
        room = services.room
        listener = site.start("listen", room.host(f"listener{len(room.hosts)}"))
        for number in range(workers):
            host = room.host(f"worker{len(room.hosts)}")
            site.start("work", host, cores=str(cores[number % len(cores)]))
        for part in site.parts:
            part.ready()
        sent = send(sources, listener.host.address, PORT)
        assert {one.status for one in sent} == {SUCCESS}
        wait_until(lambda: are_built(ledger, radiographs), WITHIN_S, "all to be built")
        return rate(ledger, sources)


def are_built(ledger: Ledger, count: int) -> bool:
    return ledger.reports.summary().counts[JobState.BUILT] >= count


def rate(ledger: Ledger, sources: list[Dataset]) -> float:
    """A minute, while nobody lacked work."""
    at: dict[str, list[datetime]] = {Event.RECEIVED: [], Event.CLAIMED: [], Event.BUILT: []}
    for source in sources:
        for entry in ledger.reports.events(job_of(ledger, source).id):
            if entry.event in at:
                at[entry.event].append(entry.at)
    begin, end = max(at[Event.RECEIVED]), max(at[Event.CLAIMED])
    built = sum(begin < one <= end for one in at[Event.BUILT])
    return 60 * built / (end - begin).total_seconds()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--radiographs", type=int, default=40)
    arguments = parser.parse_args()
    rates: dict[int, list[float]] = {workers: [] for workers in arguments.workers}
    with Services.started() as services:
        for number in range(arguments.rounds):
            for workers in arguments.workers:
                rates[workers].append(measured(services, workers, arguments.radiographs))
                load = os.getloadavg()[0]
                said = f"{rates[workers][-1]:.1f} a minute, load {load:.1f}"
                print(f"round {number + 1}, {workers} workers: {said}", flush=True)
    one = statistics.median(rates[arguments.workers[0]])
    for workers, measurements in rates.items():
        median = statistics.median(measurements)
        print(f"{workers} workers: median {median:.1f} a minute, {median / one:.2f} times")


if __name__ == "__main__":
    main()
