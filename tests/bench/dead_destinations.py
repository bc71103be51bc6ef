"""`python -m tests.bench.dead_destinations`: what dead destinations cost one that is well.

The same studies to a PACS that is well, once alone and once beside destinations that are dead in
every way: refused, silent after the connection, silent after the association, declining, aborting.
Each study is built once the one before has arrived, so that a wait shows. No node, no network: the
sender, its ledger and its PACS, in this process.
"""

import logging
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from dicom_node.config import Destination
from dicom_node.delivery.sender import Sender
from dicom_node.demo.node import free_port
from dicom_node.demo.pacs import Pacs
from dicom_node.queueing import Queues
from tests.dicom_node.delivery.archive import Archive
from tests.dicom_node.delivery.bench import Bench, at
from tests.dicom_node.delivery.silence import silent_port
from tests.dicom_node.hearts import heart

STUDIES = 60


def main() -> None:
    # What the dead ones are tried in vain is no news here.
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        root = Path(folder)
        released = threading.Event()
        dead = [
            _at("refused", free_port()),
            _at("silent", stack.enter_context(silent_port())),
            stack.enter_context(_archive(lambda _: released.wait() and 0)).destination("hangs"),
            stack.enter_context(_archive(lambda _: 0xC000)).destination("declines"),
            stack.enter_context(_archive(lambda event: event.assoc.abort() or 0)).destination(
                "aborts"
            ),
        ]
        stack.callback(released.set)
        alone = _run(root / "alone", [])
        beside = _run(root / "beside", dead)
    print(f"from built to the last of 3 outputs stored, {STUDIES} studies one after the other")
    for name, seconds in (("alone", alone), (f"beside {len(dead)} dead ones", beside)):
        worst = max(seconds)
        print(f"  {name:<20} median {statistics.median(seconds):.3f} s, longest {worst:.3f} s")


def _run(folder: Path, dead: list[Destination]) -> list[float]:
    """Seconds of each study."""
    folder.mkdir()
    bench = Bench(folder)
    queues = Queues("filesystem://", folder / "queue", prefetch=1)
    stop, seconds = threading.Event(), []
    with closing(bench.ledger), closing(queues), Pacs(folder / "pacs") as pacs:
        every = [at(pacs), *dead]
        owner = heart(bench.ledger, "sender")
        sender = Sender("CXRNODE", every, bench.spool, bench.ledger, queues, owner)
        threads = [
            threading.Thread(target=sender.run, args=(stop,)),
            threading.Thread(target=owner.run, args=(stop,)),
        ]
        for thread in threads:
            thread.start()
        for number in range(1, STUDIES + 1):
            bench.build(*every)
            started = time.monotonic()
            sender.ring()
            pacs.wait_for(lambda stored, n=number: len(stored) == 3 * n, 120)  # type: ignore[misc]  # mypy infers no lambda that has a default
            seconds.append(time.monotonic() - started)
        stop.set()
        for thread in threads:
            thread.join()
        assert len({arrival.sop_instance_uid for arrival in pacs.stored}) == 3 * STUDIES
    return seconds


@contextmanager
def _archive(on_store: Callable[..., int]) -> Iterator[Archive]:
    with Archive(on_store=on_store) as archive:
        yield archive


def _at(name: str, port: int) -> Destination:
    return Destination(name=name, aet="NOBODY", host="127.0.0.1", port=port)


if __name__ == "__main__":
    main()
