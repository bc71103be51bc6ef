"""Every process is replaced by one of another version while radiographs come in.

The steps of OPERATING, "Upgrading several hosts". The other version has another operating point,
and so another pipeline: its jobs are not the former workers', nor theirs its workers'.
"""

from collections.abc import Sequence

import pytest

from dicom_node.errors import SUCCESS
from tests.system.faults.stream import assert_each_once
from tests.system.hosts.lasting import Knocking, Lasting
from tests.system.hosts.room import Part
from tests.system.hosts.site import PORT, Site, record_of
from tests.system.waiting import wait_until

pytestmark = pytest.mark.long

#: For whatever is certain to come, on a machine that has ten times as much to do as it can.
COMES_WITHIN_S = 240.0
#: For all that has piled up.
ALL_COME_WITHIN_S = 900.0


def test_a_rolling_upgrade_refuses_nobody_and_delivers_each_result_once(site: Site) -> None:
    hosts = [site.services.room.host(name) for name in ("left", "right")]
    door = hosts[0]
    # Without it the kernel resets who connects in the moment in which a listener closes its socket.
    door.set("net.ipv4.tcp_migrate_req", 1)
    listeners = [site.start("listen", door) for _ in range(2)]
    workers = [site.start("work", host) for host in hosts]
    senders = [site.start("send", host) for host in hosts]
    for part in site.parts:
        part.ready()
    site.models = "positive_above = 0.91"
    with (
        site.ledger() as ledger,
        site.stream(door, every_s=5) as stream,
        Lasting(door.address, PORT) as lasting,
        Knocking(door.address, PORT) as knocking,
    ):
        stream.wait_for(3, COMES_WITHIN_S)
        replace(site, senders)
        new_workers = [site.start("work", host) for host in hosts]
        for worker in new_workers:
            worker.ready()
        replace(site, listeners[:1], wait=False)
        replace(site, listeners[1:], wait=False)
        # One of them has the association that lasts, and the ledger goes on hearing of it.
        wait_until(lambda: any(one.has_ended for one in listeners), 120, "one of them to end")
        stored = len(lasting.accepted)
        stream.wait_for(3, COMES_WITHIN_S)
        wait_until(lambda: len(lasting.accepted) >= stored + 2, COMES_WITHIN_S, "two more in it")
        (draining,) = [one for one in listeners if not one.has_ended]
        record = record_of(ledger, workers[0])
        assert record is not None
        former = record.process.pipeline
        said = site.status()
        assert f"  {former[:12]} " in said
        assert f"pid {new_workers[0].pid}" in said.partition("pipelines")[2]
        assert f"pid {draining.pid}," in said
    # It was the last that asked for the former pipeline.
    assert draining.join() == 0
    with site.ledger() as ledger:
        unfinished = ledger.counts.unfinished
        wait_until(lambda: not unfinished().get(former), ALL_COME_WITHIN_S, "the former ones")
        for worker in workers:
            worker.terminate()
            assert worker.join() == 0
        wait_until(lambda: not unfinished(), ALL_COME_WITHIN_S, "the others")
    print(f"{knocking.times} C-ECHOs, {len(stream.answers)} C-STOREs in associations of their own,"
          f" {len(lasting.statuses)} in one")  # fmt: skip
    assert knocking.refused == 0
    assert {answer.status for answer in stream.answers} == {SUCCESS}
    assert set(lasting.statuses) == {SUCCESS}
    assert_each_once([*stream.accepted, *lasting.accepted], site.pacs, others=stream.given_up)


def replace(site: Site, parts: Sequence[Part], *, wait: bool = True) -> None:
    """One by one: its successor is ready before it is told to end."""
    for part in parts:
        site.start(part.part, part.host).ready()
        part.terminate()
        if wait:
            assert part.join() == 0
