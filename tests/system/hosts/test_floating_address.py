"""Two listeners on one address, one host each: the address moves, as keepalived moves it."""

import time

import pytest

from tests.system.hosts.site import Site, job_of

pytestmark = pytest.mark.long

COMES_WITHIN_S = 240.0


def test_the_address_moves_from_a_host_that_is_cut_off_to_another_and_back(site: Site) -> None:
    room = site.services.room
    address = f"{room.subnet}.200"
    first, second = (room.host(name) for name in ("door1", "door2"))
    for host in (first, second):
        site.start("listen", host, address="0.0.0.0").ready()
    first.take_address(address)
    with site.stream(address) as stream:
        stream.wait_for(2, COMES_WITHIN_S)
        first.cut_off()
        second.take_address(address)
        since = time.monotonic()
        stream.wait_for(1, COMES_WITHIN_S)
        print(f"the next was accepted {time.monotonic() - since:.1f} s after the move")
        stream.wait_for(2, COMES_WITHIN_S)
        first.give_up_address(address)
        first.connect()
        second.give_up_address(address)
        first.take_address(address)
        stream.wait_for(2, COMES_WITHIN_S)
    print(f"{len(stream.accepted)} accepted of {len(stream.answers)} tries")
    with site.ledger() as ledger:
        took = {job_of(ledger, radiograph).id for radiograph in stream.accepted}
        assert len(took) == len(stream.accepted)
        listeners = {one.process.host for one in ledger.workers.all() if one.is_alive}
    assert listeners == {"door1", "door2"}
    received = [sum(line["event"] == "received" for line in part.lines()) for part in site.parts]
    assert min(received) >= 2
