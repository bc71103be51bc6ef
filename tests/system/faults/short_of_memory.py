"""Run with little memory left: `python -m tests.system.faults.short_of_memory FOLDER`.

A process of its own, since the limit, on the address space (setrlimit(2)), is one of the process.
It must have been started with `ENVIRONMENT`.
"""

import resource
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from dicom_node.cli.node.networks import load_networks
from dicom_node.config.profiles import STANDARD
from dicom_node.demo.phantom import Kind, draw
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.errors import MEMORY_TRIES, MemoryUnavailable
from dicom_node.ledger import Job, JobState
from inference.engines import Engine
from inference.memory import is_out_of_memory
from tests.dicom_node.bench import Bench
from tests.dicom_node.radiographs import file_bytes
from tests.system.waiting import wait_until

#: What malloc(3) gives beyond this many bytes goes back to the kernel as soon as it is freed:
#: nothing is kept in reserve.
ENVIRONMENT = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "1"}
#: Megabytes for all that is no image: the ledger, threads.
A_LITTLE_MB = 20
#: Megabytes that suffice for a small image, beside what the networks take, and for no large one.
A_FEW_MB = 100


def main(folder: Path) -> None:
    networks_have_no_room()
    engine = load_networks("", "", "cpu")
    needed_mb = what_one_image_takes(engine)
    print(f"one image has enough of {needed_mb} MB")
    a_batch_too_large_is_read_one_by_one(engine, needed_mb)
    bench = Bench(folder, engine)
    nobody_has_memory(bench)
    only_this_image_has_too_little(bench, needed_mb)
    bench.queues.close()
    bench.ledger.close()


def networks_have_no_room() -> None:
    load_networks("", "", "cpu")  # libraries are loaded by now
    with left(A_LITTLE_MB):
        try:
            load_networks("", "", "cpu")
        except MemoryUnavailable as exc:
            print(exc)
            return
    raise AssertionError("there was room")


def what_one_image_takes(engine: Engine) -> int:
    """Megabytes that suffice for it and not for several."""
    for megabytes in range(10, 1000, 10):
        with left(megabytes):
            try:
                engine.segment(images(engine, 1))
            except Exception as exc:
                if not is_out_of_memory(exc):
                    raise
            else:
                # Twice that: the two networks may need the most at once, or one after the other.
                return 2 * megabytes
    raise AssertionError("it takes a gigabyte")


def a_batch_too_large_is_read_one_by_one(engine: Engine, needed_mb: int) -> None:
    several = images(engine, 10)
    expected = engine.segment(several)
    with left(needed_mb + A_LITTLE_MB):
        found = engine.segment(several)
    for said, wanted in ((found.lung, expected.lung), (found.infection, expected.infection)):
        np.testing.assert_allclose(said, wanted, atol=1e-4)
    np.testing.assert_allclose(found.strangeness, expected.strangeness, atol=1e-3)


def nobody_has_memory(bench: Bench) -> None:
    """Waited for, and the image has had no try; then it is analysed as if nothing had been."""
    job_id = bench.accept(radiograph(rows=191))

    def give_back() -> None:
        wait_until(lambda: job_of(bench, job_id).reason is not None, 120, "it to be released")
        limit(None)

    other = threading.Thread(target=give_back)
    with left(A_LITTLE_MB):
        other.start()
        # Returns when there is memory again.
        job = bench.work(job_id, STANDARD)
        other.join()
    print(job.reason)
    assert (job.state, job.attempts) == (JobState.RECEIVED, 0)
    assert "there is no memory to work with" in str(job.reason)
    bench.clock.advance(60)
    job = bench.work(job_id, STANDARD)
    assert (job.state, job.attempts) == (JobState.BUILT, 1)


def only_this_image_has_too_little(bench: Bench, needed_mb: int) -> None:
    """A few tries, far apart, and then a reason; nothing is said to be wrong with its pixels."""
    job_id = bench.accept(radiograph(rows=6000))
    for attempt in range(1, MEMORY_TRIES + 1):
        with left(needed_mb + A_FEW_MB):
            job = bench.work(job_id, STANDARD)
        assert job.attempts == attempt
        assert job.state is (JobState.FAILED if attempt == MEMORY_TRIES else JobState.RECEIVED)
        bench.clock.advance(360)
    print(job.reason)
    assert "memory ran out" in str(job.reason)
    assert "damaged" not in str(job.reason)


def job_of(bench: Bench, job_id: int) -> Job:
    job = bench.ledger.jobs.get(job_id)
    assert job is not None
    return job


def radiograph(rows: int) -> bytes:
    return file_bytes(as_dicom(draw(Kind.LEFT_OPACITY, rows=rows, columns=rows * 5 // 6)))


def images(engine: Engine, count: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    return np.random.default_rng(0).random((count, engine.size, engine.size), np.float32)


@contextmanager
def left(megabytes: int) -> Iterator[None]:
    """So much more than what is taken by now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit(pages * resource.getpagesize() + megabytes * 2**20)
    try:
        yield
    finally:
        limit(None)


def limit(size_bytes: int | None) -> None:
    soft = resource.RLIM_INFINITY if size_bytes is None else size_bytes
    resource.setrlimit(resource.RLIMIT_AS, (soft, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
