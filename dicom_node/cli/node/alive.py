"""What every part has beside its work: a heart that beats, and a watch over the whole node."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version

from dicom_node.alerts.watch import watching
from dicom_node.config import Config
from dicom_node.heartbeat import Heartbeat
from dicom_node.ledger import GpuMemory, Ledger, Process
from dicom_node.ops.liveness import Owner
from dicom_node.threads import beside


@contextmanager
def alive(
    config: Config,
    part: str,
    stuck_after_s: float,
    ledger: Ledger,
    stop: threading.Event,
    engine: str = "",
    pipeline: str = "",
    gpu_memory: Callable[[], GpuMemory | None] = lambda: None,
) -> Iterator[Heartbeat]:
    """An owner of leases whose heart beats until the block, and all that it held, has ended."""
    with Owner(config.node.run_folder, part) as owner:
        process = Process(
            name=owner.name,
            part=part,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=version("cxr-node"),
            engine=engine,
            pipeline=pipeline,
        )
        heartbeat = Heartbeat(ledger, process, stuck_after_s, gpu_memory)

        def beat(done: threading.Event) -> None:
            try:
                heartbeat.run(done)
            finally:
                # Work must not go on without it.
                stop.set()

        with beside(threading.Event(), {"heartbeat": beat}), watching(config, ledger):
            yield heartbeat
        if not heartbeat.leave():
            # In an outage: what was in hand is free as soon as the ledger is back.
            owner.abandon()
