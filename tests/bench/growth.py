"""How the node grows: `python -m tests.bench.growth --out FOLDER [--only CURVE ...]`.

Turnaround, of one radiograph sent to an idle node until its SR is at every destination, and
throughput, of many sent at once, against the size of an image, the destinations, the workers, what
waits already and what the ledger has seen. Every node is a whole one (`cxr-node up`), every result
is stored by a small PACS in this process. Prints tables, writes `growth.json` and, where matplotlib
is installed, `growth.png`.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from pydicom import Dataset
from pydicom.uid import generate_uid
from sqlalchemy import create_engine, text

from dicom_node.demo.modality import send
from dicom_node.demo.node import RunningNode
from dicom_node.demo.pacs import Arrival, Pacs
from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.ledger import Ledger
from tests.bench.filling import fill
from tests.bench.replay import Instance, replay
from tests.phantoms import draw
from tests.system.storm import listener

#: 2 megapixels, where a curve is not of the size.
ROWS, COLUMNS = 1528, 1272
SR = "1.2.840.10008.5.1.4.1.1.88.34"
#: Radiographs sent one by one, and at once.
ONE_BY_ONE, AT_ONCE = 7, 30
RESULTS = 3
URGENT = "EMERGENCY"
WITHIN_S = 1200.0

Ready = Callable[[Path], None]


@dataclass(frozen=True, slots=True)
class Point:
    """What was measured at one place of a curve."""

    at: float
    turnaround_s: float  #: median; of urgent ones, where others wait
    per_second: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=CURVES, default=list(CURVES))
    parser.add_argument("--longest", type=int, default=10_000, help="of the queues")
    parser.add_argument("--largest", type=int, default=1_000_000, help="of the ledgers, in rows")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    kept = asked.out / "growth.json"
    curves: dict[str, list[Point]] = {}
    for name in asked.only:
        most = {"waiting": asked.longest, "jobs in the ledger": asked.largest}.get(name)
        curves[name] = []
        print(f"\n| {name} | turnaround, s | radiographs a second |\n|---:|---:|---:|", flush=True)
        for point in CURVES[name](most) if most else CURVES[name]():
            curves[name].append(point)
            print(
                f"| {point.at:,g} | {point.turnaround_s:.2f} | {point.per_second:.2f} |", flush=True
            )
        kept.write_text(json.dumps({n: [*map(asdict, c)] for n, c in curves.items()}), "utf-8")
    try:
        picture(curves, asked.out / "growth.png")
    except ImportError:
        print("no picture: matplotlib is not installed")


def by_size() -> Iterator[Point]:
    """Megapixels, 16 bits each."""
    for rows, columns in ((512, 416), (1024, 832), (1528, 1272), (2160, 1800), (3056, 2544),
                          (3520, 4280), (4280, 4680)):  # fmt: skip
        yield measured(round(rows * columns / 1e6, 1), drawn(rows, columns))


def by_destinations() -> Iterator[Point]:
    for count in (1, 2, 4, 8):
        yield measured(count, drawn(), destinations=count)


def by_workers() -> Iterator[Point]:
    for count in (1, 2, 4):
        yield measured(count, drawn(), worker=f"processes = {count}")


def by_waiting(most: int) -> Iterator[Point]:
    """What has been received and waits, when the node begins to work and an urgent one comes."""
    yield from (behind(count) for count in (1, 100, 1000, 10_000, 100_000) if count <= most)


def by_rows(most: int) -> Iterator[Point]:
    """Jobs that the ledger (SQLite) has seen before."""
    for count in (1000, 10_000, 100_000, 1_000_000):
        if count <= most:
            yield measured(count, drawn(), ready=partial(_seen, count=count))


CURVES: dict[str, Callable[..., Iterator[Point]]] = {
    "megapixels": by_size,
    "destinations": by_destinations,
    "workers": by_workers,
    "waiting": by_waiting,
    "jobs in the ledger": by_rows,
}


def measured(
    at: float,
    source: Dataset,
    *,
    destinations: int = 1,
    worker: str = "",
    ready: Ready | None = None,
) -> Point:
    """One place of a curve: an idle node's turnaround, then how many it does a second."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if ready:
            ready(folder / "state")
        with _node(folder, destinations, worker) as (node, archives):
            seconds = [_one(source, node, archives, run) for run in range(1 + ONE_BY_ONE)]
            began = time.monotonic()
            before = RESULTS * (1 + ONE_BY_ONE)
            replay(Instance.of(source), node.port, "CXRNODE", 1, AT_ONCE)
            for archive in archives:
                archive.wait_for(lambda stored: len(stored) == before + RESULTS * AT_ONCE, WITHIN_S)
            rate = AT_ONCE / (time.monotonic() - began)
    return Point(at, statistics.median(seconds[1:]), rate)


def behind(count: int) -> Point:
    """Small images that wait, received with no worker there; then the node begins, and urgent ones
    are sent it among its work.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with listener(folder, max_associations=64, max_associations_of_one_host=64) as alone:
            instance = Instance.of(drawn(256, 208))
            associations = min(8, count)
            replay(instance, alone.port, "CXRNODE", associations, count // associations)
        with _node(folder, 1, "") as (node, (archive,)):
            archive.wait_for(lambda stored: len(stored) >= RESULTS, WITHIN_S)
            seconds = [_one(drawn(256, 208), node, [archive], run) for run in range(1 + ONE_BY_ONE)]
            done, began = len(archive.stored), time.monotonic()
            left = RESULTS * (count + 1 + ONE_BY_ONE) - done
            some = min(left, RESULTS * AT_ONCE)
            archive.wait_for(lambda stored: len(stored) >= done + some, WITHIN_S)
            rate = some / RESULTS / (time.monotonic() - began) if some else float("nan")
    return Point(count, statistics.median(seconds[1:]), rate)


@contextmanager
def _node(folder: Path, destinations: int, worker: str) -> Iterator[tuple[RunningNode, list[Pacs]]]:
    file = folder / "up.toml"
    with ExitStack() as stack:
        archives = [
            stack.enter_context(Pacs(folder / f"pacs-{number}", aet=f"PACS{number}"))
            for number in range(destinations)
        ]
        sections = [
            f'[node]\nstate = "state"\n[priority]\nstat_callers = ["{URGENT}"]\n[worker]\n{worker}',
            *(f'[[destination]]\nname = "{one.aet.lower()}"\naet = "{one.aet}"\n'
              f'host = "{one.host}"\nport = {one.port}' for one in archives),
        ]  # fmt: skip
        file.write_text("\n".join(sections) + "\n", "utf-8")
        yield stack.enter_context(RunningNode(folder / "state", config_file=file)), archives


def _one(source: Dataset, node: RunningNode, archives: Sequence[Pacs], run: int) -> float:
    """Seconds from its last byte in to its SR at every destination."""
    source.SOPInstanceUID = generate_uid()
    source.file_meta.MediaStorageSOPInstanceUID = source.SOPInstanceUID
    source.StudyInstanceUID = f"2.25.7{run}"
    (sent,) = send([source], "127.0.0.1", node.port, calling_aet=URGENT)
    own = partial(_of_study, study=source.StudyInstanceUID)
    arrivals = [
        archive.wait_for(lambda stored: len(own(stored)) == RESULTS, WITHIN_S)
        for archive in archives
    ]
    reports = (one for stored in arrivals for one in own(stored) if one.sop_class_uid == SR)
    return max(one.at_monotonic for one in reports) - sent.last_byte_at


def _of_study(stored: Sequence[Arrival], study: str) -> list[Arrival]:
    return [one for one in stored if one.path.parent.name == study]


def drawn(rows: int = ROWS, columns: int = COLUMNS) -> Dataset:
    phantom = draw(Kind.BILATERAL_OPACITIES, rows=rows, columns=columns, seed=1)
    return as_dicom(phantom, bits_stored=16)


def _seen(state: Path, count: int) -> None:
    """A ledger in which `count` jobs have ended, and nothing waits."""
    state.mkdir()
    url = f"sqlite:///{state / 'ledger.sqlite'}"
    Ledger.open(url).close()
    fill(url, count)
    with closing(create_engine(url).connect()) as connection, connection.begin():
        connection.execute(text("UPDATE jobs SET state = 'SKIPPED' WHERE state = 'RECEIVED'"))
        connection.execute(text("UPDATE deliveries SET state = 'VERIFIED' WHERE state = 'WAITING'"))


def picture(curves: dict[str, list[Point]], path: Path) -> None:
    """A column for each curve: turnaround above, throughput below."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, len(curves), figsize=(2.6 * len(curves), 4.2), squeeze=False)
    for column, (name, points) in zip(axes.T, curves.items(), strict=True):
        at = [point.at for point in points]
        for axis, of in zip(column, ("turnaround_s", "per_second"), strict=True):
            axis.plot(at, [getattr(point, of) for point in points], "o-", color="tab:blue")
            axis.set_ylim(bottom=0)
            if at[-1] > 100:
                axis.set_xscale("log")
        column[1].set_xlabel(name)
    axes[0][0].set_ylabel("turnaround, s")
    axes[1][0].set_ylabel("radiographs a second")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
