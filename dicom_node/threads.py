"""Loops that run beside each other until told to stop: none ends unnoticed."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from dicom_node.errors import ThreadEnded

logger = logging.getLogger(__name__)

Loop = Callable[[threading.Event], None]


@contextmanager
def beside(stop: threading.Event, loops: Mapping[str, Loop]) -> Iterator[None]:
    """Run each of the named loops in a thread as long as the block runs.

    At its end `stop` is set and the threads are waited for. A loop that ends before `stop` sets it:
    a part of the node must not go on without one of its threads. Raises ThreadEnded then, so that
    the part ends and is started again.
    """
    ended: list[str] = []

    def run(name: str, loop: Loop) -> None:
        try:
            loop(stop)
        except BaseException:
            logger.exception("a thread failed", extra={"loop": name})
        finally:
            if not stop.is_set():
                ended.append(name)
                stop.set()

    threads = [threading.Thread(target=run, args=loop, name=loop[0]) for loop in loops.items()]
    started: list[threading.Thread] = []
    try:
        for thread in threads:
            thread.start()
            started.append(thread)
        yield
    finally:
        stop.set()
        for thread in started:
            thread.join()
    if ended:
        raise ThreadEnded(f"ended without being told to: {', '.join(ended)}")
