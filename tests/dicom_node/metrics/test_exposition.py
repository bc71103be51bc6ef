"""What Prometheus is told: parsed as Prometheus does, of a real ledger."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dicom_node.config import Config, parse
from dicom_node.ledger import GpuMemory, Ledger, Process
from dicom_node.ledger.tables.states import DeliveryState, Event
from dicom_node.ledger.watching import counting
from dicom_node.metrics import exposition
from dicom_node.metrics.families import BY_SERIES, FAMILIES
from dicom_node.skipping import CODES, LEFT, OTHER, PURGED, REJECTION_NOTE, Refusal, code_of
from tests.certificates import Authority
from tests.dicom_node.ledger.records import (
    LEASE_S,
    PIPELINE,
    Clock,
    built,
    claimed,
    deliver,
    instance,
)

Labels = frozenset[tuple[str, str]]
Samples = dict[str, dict[Labels, float]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(ledger_url: str, clock: Clock) -> Iterator[Ledger]:
    with closing(Ledger.open(ledger_url, clock)) as opened:
        yield opened


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return configured(tmp_path)


def configured(state: Path, **sections: dict[str, object]) -> Config:
    (state / "spool").mkdir(exist_ok=True)
    names = [
        {"name": name, "aet": name, "host": "127.0.0.1", "port": 104} for name in ("PACS", "B")
    ]
    return parse({"node": {"state": str(state)}, "destination": names} | sections)


def samples(text: bytes) -> Samples:
    found: Samples = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return found


@pytest.fixture
def scrape(ledger: Ledger, config: Config) -> Callable[[], Samples]:
    return lambda: samples(exposition(ledger, config, 10.0))


def of(**labels: str) -> Labels:
    return frozenset(labels.items())


def test_what_is_told_is_what_is_documented(
    ledger: Ledger, scrape: Callable[[], Samples], clock: Clock
) -> None:
    eventful(ledger, clock)
    for name, told in scrape().items():
        family = BY_SERIES[name]
        for labels in told:
            assert {label for label, _ in labels} - {"le"} == set(family.labels)
    told_families = {BY_SERIES[name] for name in scrape()}
    assert {one.name for one in set(FAMILIES) - told_families} == {"cxr_certificate_left_seconds"}


def eventful(ledger: Ledger, clock: Clock) -> None:
    """All that a ledger may have to tell, as far as a label goes."""
    for name in ("listen", "work", "send"):
        gpu = GpuMemory(20_000_000_000, 80_000_000_000) if name == "work" else None
        engine = "PytorchEngine cuda" if name == "work" else ""
        ledger.workers.beat(Process(name, name, "host-a", 1, "1.0", engine), gpu=gpu)
    built(ledger, "PACS", "GONE", roles="A")
    deliver(ledger)
    ledger.breakers.unreachable("GONE", "s1", "no connection", 30)
    ledger.jobs.accept(instance(2), PIPELINE)
    ledger.handover.failed(claimed(ledger, number=3).id, "w1", "instance 1.2.3.3: undecodable")
    ledger.handover.skipped(claimed(ledger, number=4).id, "w1", "not a frontal view (LL)")
    job_id = built(ledger, "B", roles="A", number=5)
    ledger.inquiries.begin(job_id, 0, ["PACS"])
    asked = ledger.inquiries.claim("PACS", "s1", LEASE_S)
    assert asked is not None
    ledger.inquiries.given_up(asked, "it offers no C-GET")
    (delivery,) = ledger.deliveries.claim("B", "s1", LEASE_S, 10)
    ledger.deliveries.refused(delivery.id, "s1", 0xC000, "B: A 2.25.5.A: answered 0xc000")
    clock.advance(90)
    ledger.breakers.pause("B", "me", "a study of mine")
    clock.advance(10)
    ledger.workers.beat(Process("work", "work", "host-a", 1, "1.0"), gpu=GpuMemory(20, 80))


def test_figures_are_those_of_the_ledger(
    ledger: Ledger, scrape: Callable[[], Samples], clock: Clock
) -> None:
    eventful(ledger, clock)
    told = scrape()
    backlog, oldest = told["cxr_backlog_items"], told["cxr_backlog_oldest_seconds"]
    assert backlog[of(place="waiting", destination="")] == 1
    assert oldest[of(place="waiting", destination="")] == 100
    assert backlog[of(place="delivery", destination="PACS")] == 0
    # It is not configured.
    assert backlog[of(place="delivery", destination="other")] == 1
    assert told["cxr_dead_letters_items"] == {
        of(destination="", state="failed", age="day"): 1,
        of(destination="", state="failed", age="older"): 0,
        of(destination="B", state="refused", age="day"): 1,
        of(destination="B", state="refused", age="older"): 0,
    }
    assert told["cxr_inquiries_given_up_items"] == {
        of(destination="PACS", age="day"): 1,
        of(destination="PACS", age="older"): 0,
    }
    assert told["cxr_breaker_state"][of(destination="B", state="paused")] == 1
    assert told["cxr_breaker_paused_seconds"][of(destination="B")] == 10
    assert told["cxr_workers_processes"] == {
        of(part="listen"): 0, of(part="work"): 1, of(part="send"): 0,
    }  # fmt: skip
    assert told["cxr_gpu_used_bytes"] == {of(host="host-a"): 20}
    assert told["cxr_spool_bytes"][of(kind="received")] == 5 * 15_000_000
    assert told["cxr_skips_jobs_total"][of(reason="lateral")] == 1
    assert told["cxr_deliveries_outputs_total"][of(destination="B", status="refused")] == 1
    assert told["cxr_spool_disk_bytes"][of()] > told["cxr_spool_free_bytes"][of()] > 0


def test_nothing_of_a_patient_study_or_instance_is_told(
    ledger: Ledger, config: Config, clock: Clock
) -> None:
    eventful(ledger, clock)
    text = exposition(ledger, config).decode()
    assert "1.2.3." not in text
    assert "1.2.9" not in text
    assert "2.25." not in text
    assert "a study of mine" not in text


def test_a_destination_that_is_away_is_told_with_how_long(
    ledger: Ledger, scrape: Callable[[], Samples], clock: Clock
) -> None:
    ledger.breakers.unreachable("PACS", "s1", "no connection", 30)
    clock.advance(40)
    told = scrape()
    # Its rest is over; it is not reached all the same.
    assert told["cxr_breaker_state"][of(destination="PACS", state="resting")] == 1
    assert told["cxr_breaker_unreachable_seconds"] == {
        of(destination="PACS"): 40, of(destination="B"): 0,
    }  # fmt: skip


def test_a_ledger_that_is_away_is_told_and_the_disk_still(config: Config) -> None:
    told = samples(exposition(None, config))
    assert told["cxr_ledger_up"] == {of(): 0}
    assert set(told) == {
        "cxr_ledger_up", "cxr_spool_free_bytes", "cxr_spool_disk_bytes", "cxr_spool_reserve_bytes",
    }  # fmt: skip


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_the_first_certificate_to_end_is_told(ledger: Ledger, tmp_path: Path) -> None:
    issued = Authority(tmp_path / "authority").issue("node", valid=timedelta(days=10))
    tls: dict[str, object] = {"certificate": str(issued.certificate), "key": str(issued.key)}
    told = samples(exposition(ledger, configured(tmp_path, tls=tls)))
    assert told["cxr_certificate_left_seconds"][of()] == pytest.approx(10 * 86_400, abs=600)
    issued.certificate.write_text("no certificate")
    told = samples(exposition(ledger, configured(tmp_path, tls=tls)))
    assert told["cxr_certificate_left_seconds"][of()] == 0


def test_every_reason_for_which_a_header_refuses_has_its_label() -> None:
    codes = {code_of(f"{refusal.value} (its value)") for refusal in Refusal}
    assert codes == {refusal.name.lower() for refusal in Refusal}
    for head in (REJECTION_NOTE, PURGED, LEFT, "rejected: Rejected for Quality Reasons"):
        assert code_of(f"{head} and more") != OTHER
    assert code_of("whatever") == OTHER
    assert len(set(CODES)) == len(CODES)


def test_every_end_that_a_delivery_may_have_is_counted() -> None:
    from dicom_node.ledger.tables.states import DELIVERY_TRANSITIONS

    ends = {DeliveryState.REFUSED, DeliveryState.DEAD, DeliveryState.GIVEN_UP,
            DeliveryState.DELIVERED, DeliveryState.SENT, DeliveryState.VERIFIED,
            DeliveryState.UNVERIFIED, DeliveryState.SUBSTITUTED,
            DeliveryState.RETRACTED}  # fmt: skip
    leading = {event for (before, event), after in DELIVERY_TRANSITIONS.items()
               if after in ends and before is not after}  # fmt: skip
    # These two say that it is there, or need not be asked for, by what was counted before.
    assert leading - {Event.STANDS, Event.WAIVED} <= set(counting._COUNTS)
