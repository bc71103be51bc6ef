"""What a search means, counted by state and told by device: on SQLite and PostgreSQL."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from dicom_node.ledger import Device, Filter, FindingsRecord, InstanceKind, Ledger, Origin
from tests.dicom_node.ledger.records import PIPELINE, START, Clock, fail, instance, output, to


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    clock = Clock()
    with closing(Ledger.open(ledger_url, clock)) as opened:
        for number, (station, decision) in enumerate(
            (("ER 1", "positive"), ("ER 1", "negative"), ("ROOM 2", "undetermined")), start=1
        ):
            origin = Origin(station_name=station, patient_id_hash=f"hash {number}")
            made = instance(number, calling_aet=f"AE{number}", origin=origin)
            job_id = opened.jobs.accept(made, PIPELINE).job_id
            assert opened.jobs.claim(job_id, PIPELINE, "w1", 60)
            codes = ("SPACING", "TILTED") if decision == "undetermined" else ()
            found = FindingsRecord(decision, "", None, None, 10.0 * number, codes)
            opened.handover.built(job_id, "w1", [output("A", number)], to("PACS", roles="A"), found)
            clock.advance(60)
        failed = opened.jobs.accept(instance(9, calling_aet="AE1"), PIPELINE).job_id
        job = opened.jobs.claim(failed, PIPELINE, "w1", 60)
        assert job is not None
        fail(opened, job)
        (refused, *_) = opened.deliveries.claim("PACS", "s1", 60, 1)
        opened.deliveries.refused(refused.id, "s1", 0xC000, "PACS: no")
        yield opened


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        (Filter(), [1, 2, 3, 4]),
        (Filter(calling_aets=["AE1"]), [1, 4]),
        (Filter(calling_aets=["AE1"], states=["FAILED"]), [4]),
        (Filter(devices=["ER 1"]), [1, 2]),
        (Filter(devices=["ER 1"], decisions=["negative"]), [2]),
        (Filter(decisions=["positive", "undetermined"]), [1, 3]),
        (Filter(patient_hashes=["hash 3"]), [3]),
        (Filter(until=START + timedelta(seconds=90)), [1, 2]),
        (Filter(since=START + timedelta(seconds=90), until=START + timedelta(seconds=150)), [3]),
        (Filter(up_to=2), [1, 2]),
        (Filter(states=["WAITING", "REFUSED"]), [1, 2, 3]),
        (Filter(patient_hashes=["of nobody"]), []),
    ],
)
def test_a_search_means_the_same_counted_and_listed(
    ledger: Ledger, asked: Filter, ids: list[int]
) -> None:
    assert ledger.lookups.ids(asked, 100) == ids
    assert ledger.lookups.count(asked) == len(ids)
    assert [line.id for line in ledger.lookups.jobs(asked, 100)] == ids[::-1]
    assert ledger.lookups.ids(asked, 1) == ids[:1]


@pytest.mark.parametrize("asked", [Filter(), Filter(up_to=100), Filter(devices=["ER 1"])])
def test_a_tally_is_what_each_state_counts(ledger: Ledger, asked: Filter) -> None:
    found = ledger.lookups.tally(asked)
    assert {state: count for state, count in found.items() if count} == (
        {"BUILT": 2, "REFUSED": 1, "WAITING": 1}
        if asked.devices
        else {"BUILT": 3, "FAILED": 1, "REFUSED": 1, "WAITING": 2}
    )


def test_what_was_found_is_told_by_device_and_by_time(ledger: Ledger) -> None:
    found = ledger.quality.by_device(START, START + timedelta(seconds=30))
    early, _ = found[Device("", "", "ER 1", "AE1")]
    assert (early.received, early.decisions["positive"], early.infected_percent) == (1, 1, 10.0)
    # Another sender of the same station is another device.
    _, late = found[Device("", "", "ER 1", "AE2")]
    assert (late.received, late.decisions["negative"], late.infected_percent) == (1, 1, None)
    _, room = found[Device("", "", "ROOM 2", "AE3")]
    assert (room.analysed, room.cautioned, room.cautions["TILTED"]) == (1, 1, 1)
    # Whoever sends what readers say is no device.
    for number, kind in enumerate(set(InstanceKind) - {InstanceKind.RADIOGRAPH}, start=10):
        ledger.jobs.accept(instance(number, calling_aet="VIEWER", kind=kind), PIPELINE)
    assert ledger.quality.by_device(START, START + timedelta(seconds=30)) == found
    _, nameless = found[Device("", "", "", "AE1")]
    assert (nameless.received, nameless.analysed) == (1, 0)
