"""The worker with a real ledger, spool and both networks: what leaves when, and what is said."""

from datetime import timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from dicom_node.config import Reports
from dicom_node.config.profiles import PRESETS, STANDARD, Profile
from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.errors import UNKNOWN_TRIES, LedgerUnavailable
from dicom_node.ledger import Job, JobState, Route
from dicom_node.queueing import Kind as Queue
from dicom_node.queueing import Received
from dicom_node.worker import process, spool_output
from inference.engines import ProbabilityMaps
from inference.findings import ModelIdentity
from inference.pipeline import Settings
from sr_writer.equipment import Equipment
from tests.dicom_node.bench import LEASE_S, PACS, Bench
from tests.dicom_node.radiographs import changed, file_bytes, radiograph, unreadable
from tests.phantoms import draw

pytestmark = pytest.mark.slow


def test_reports_and_masks_are_handed_over_before_the_pictures_are_built(bench: Bench) -> None:
    job_id = bench.accept(file_bytes(radiograph()))
    assert bench.work(job_id, STANDARD).state is JobState.BUILT
    assert bench.states(job_id) == {
        "SEG": "WAITING", "SR": "WAITING", "SC": "WAITING",
        "SR2D": "RESERVE", "PR": "RESERVE", "DOC": "RESERVE",
    }  # fmt: skip
    assert [d.role for d in bench.ledger.deliveries.of_job(job_id)][:2] == ["SEG", "SR"]
    events = [entry.event for entry in bench.ledger.reports.events(job_id)]
    handed_over = ["results handed over"] * 2
    assert events == ["received", "claimed", *handed_over, "built"]
    # The bell has been rung for each.
    assert bench.queues.depth(Queue.OUTPUT) == 6


def test_what_was_found_is_in_the_ledger_too(bench: Bench) -> None:
    job_id = bench.accept(file_bytes(radiograph()))
    bench.work(job_id, STANDARD)
    found = bench.ledger.findings.of_job(job_id)
    assert found is not None
    assert found.decision == "positive"
    left, right, both = found.percent_left, found.percent_right, found.percent_both
    assert left is not None
    assert right is not None
    assert both is not None
    assert left > both > right
    # Drawn, and like what was learnt from all the same.
    assert found.strangeness is not None
    assert 0 < found.strangeness <= Settings().strange_above
    assert found.reason in bench.text_of(job_id, "SR")
    skipped = bench.accept(file_bytes(radiograph(Kind.LATERAL)))
    assert bench.work(skipped, STANDARD).state is JobState.SKIPPED
    assert bench.ledger.findings.of_job(skipped) is None


def test_every_destination_gets_what_its_profile_says(bench: Bench) -> None:
    job_id = bench.accept(file_bytes(radiograph()))
    only = Profile(("KO", "SR2D"), next_best=False)
    bench.work(job_id, PRESETS["images-only"], only)
    assert bench.states(job_id) == {"SC": "WAITING"}
    assert bench.states(job_id, "other1") == {"SR2D": "WAITING", "KO": "WAITING"}


def test_a_key_object_is_for_positives_only(bench: Bench) -> None:
    job_id = bench.accept(file_bytes(radiograph(Kind.HEALTHY)))
    job = bench.work(job_id, Profile(("SR", "KO"), next_best=False))
    assert job.state is JobState.BUILT
    assert bench.states(job_id) == {"SR": "WAITING"}


def test_a_try_after_a_crash_in_between_adds_only_what_is_missing(bench: Bench) -> None:
    content = file_bytes(radiograph())
    job_id = bench.accept(content)
    job = bench.ledger.jobs.claim(job_id, bench.pipeline, "dead", LEASE_S)
    assert job is not None
    processed = process(content, bench.engine, Equipment(), job.received_at)
    first = [spool_output(bench.spool, output) for output in processed.write(["SEG", "SR"])]
    route = Route(PACS, STANDARD.outputs, STANDARD.reserves)
    bench.ledger.handover.handed_over(job_id, "dead", first, [route])
    bench.ledger.jobs.free_of(["dead"])
    before = {d.id: d.sha256 for d in bench.ledger.deliveries.of_job(job_id)}
    assert bench.work(job_id, STANDARD).state is JobState.BUILT
    after = {d.id: d.sha256 for d in bench.ledger.deliveries.of_job(job_id)}
    assert len(after) == 6
    assert before.items() <= after.items()
    # The second try built the same bytes: no second file of either.
    names = [path.name for path in (bench.folder / "spool" / "outputs").rglob("*.dcm")]
    assert len(names) == 6


def test_an_analysis_that_broke_off_is_reported(bench: Bench) -> None:
    job_id = bench.accept(unreadable())
    job = bench.work(job_id, STANDARD, PRESETS["images-only"])
    assert job.state is JobState.FAILED
    assert bench.states(job_id) == {"SR": "WAITING", "SR2D": "RESERVE"}
    assert bench.states(job_id, "other1") == {}
    assert job.reason is not None
    assert job.reason[:40] in bench.text_of(job_id, "SR")


def test_a_failure_is_reported_in_the_class_that_the_destination_takes(bench: Bench) -> None:
    job_id = bench.accept(unreadable())
    bench.work(job_id, Profile(("SEG", "SR2D")))
    assert bench.states(job_id) == {"SR2D": "WAITING"}


def test_reports_of_failure_can_be_switched_off(bench: Bench) -> None:
    job_id = bench.accept(unreadable())
    assert bench.work(job_id, STANDARD, reports=Reports(failed=False)).state is JobState.FAILED
    assert bench.states(job_id) == {}


@pytest.mark.parametrize("wanted", [False, True])
def test_a_refused_instance_is_reported_only_where_that_is_wanted(
    bench: Bench, wanted: bool
) -> None:
    job_id = bench.accept(file_bytes(radiograph(Kind.LATERAL)))
    job = bench.work(job_id, STANDARD, reports=Reports(not_analysed=wanted))
    assert job.state is JobState.SKIPPED
    assert bench.states(job_id) == ({"SR": "WAITING", "SR2D": "RESERVE"} if wanted else {})
    if wanted:
        assert "not a frontal view" in bench.text_of(job_id, "SR")


def test_what_was_derived_from_another_image_is_not_reported(bench: Bench) -> None:
    derived = radiograph(ImageType=["DERIVED", "SECONDARY"])
    job_id = bench.accept(file_bytes(derived))
    job = bench.work(job_id, STANDARD, reports=Reports(not_analysed=True))
    assert (job.state, bench.states(job_id)) == (JobState.SKIPPED, {})


def test_an_image_that_kills_its_workers_is_reported_without_being_looked_at(
    bench: Bench,
) -> None:
    job_id = bench.accept(file_bytes(radiograph()))
    for _ in range(UNKNOWN_TRIES):
        bench.die(job_id)
    job = bench.work(job_id, STANDARD, engine=Broken(bench.engine.models))
    assert job.state is JobState.FAILED
    assert job.reason == "the worker died 3 times while analysing it"
    assert bench.states(job_id) == {"SR": "WAITING", "SR2D": "RESERVE"}
    assert job.reason in bench.text_of(job_id, "SR")


def test_what_has_a_report_does_not_get_one_that_there_is_none(bench: Bench) -> None:
    content = file_bytes(radiograph())
    job_id = bench.accept(content)
    job = bench.ledger.jobs.claim(job_id, bench.pipeline, "dead", LEASE_S)
    assert job is not None
    outputs = process(content, bench.engine, Equipment(), job.received_at).write(["SR"])
    built = [spool_output(bench.spool, output) for output in outputs]
    bench.ledger.handover.handed_over(job_id, "dead", built, [Route(PACS, ["SR"])])
    bench.ledger.jobs.free_of(["dead"])
    for _ in range(UNKNOWN_TRIES - 1):
        bench.die(job_id)
    assert bench.work(job_id, STANDARD).state is JobState.FAILED
    assert [d.sha256 for d in bench.ledger.deliveries.of_job(job_id)] == [built[0].sha256]


class Broken:
    """A device that has gone: the one part that cannot be had for real."""

    size = 256

    def __init__(self, models: tuple[ModelIdentity, ...]) -> None:
        self.models = models

    def segment(self, images: NDArray[np.float32]) -> ProbabilityMaps:  # noqa: ARG002 - the protocol's
        raise RuntimeError("the device is gone")


def test_an_error_nobody_knows_is_reported_when_it_has_repeated(bench: Bench) -> None:
    job_id = bench.accept(file_bytes(radiograph()))
    broken = Broken(bench.engine.models)
    for _ in range(UNKNOWN_TRIES):
        assert bench.states(job_id) == {}
        job = bench.work(job_id, STANDARD, engine=broken)
        bench.clock.ahead += timedelta(hours=1)
    assert (job.state, job.reason) == (
        JobState.FAILED,
        "unexpected RuntimeError('the device is gone')",
    )
    assert "an unexpected error (RuntimeError)" in bench.text_of(job_id, "SR")


def test_a_node_without_a_destination_keeps_results_and_reports_nothing(bench: Bench) -> None:
    good, bad = bench.accept(file_bytes(radiograph())), bench.accept(unreadable_other())
    assert bench.work(good).state is JobState.BUILT
    assert bench.work(bad).state is JobState.FAILED


def unreadable_other() -> bytes:
    return file_bytes(as_dicom(draw(Kind.HEALTHY, rows=382, columns=318, seed=8)))[:-100_000]


def test_a_worker_leaves_the_jobs_of_another_pipeline_to_who_has_it(bench: Bench) -> None:
    job_id = bench.accept(file_bytes(radiograph()), pipeline="of other networks")
    job = bench.work(job_id, STANDARD)
    assert (job.state, job.attempts) == (JobState.RECEIVED, 0)


def test_a_claim_that_a_frozen_server_makes_late_is_found(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gave no answer, was asked again over another connection, and only then did the first."""
    first, second = (
        bench.accept(
            file_bytes(changed(radiograph(Kind.LATERAL), SOPInstanceUID=f"1.2.3.{number}"))
        )
        for number in (1, 2)
    )
    worker, asked = bench.worker(STANDARD), bench.ledger.jobs.claim_next
    late: list[int] = []

    def frozen(*_: object, **__: object) -> None:
        monkeypatch.setattr(bench.ledger.jobs, "claim_next", thawed)
        late.append(first)
        raise LedgerUnavailable("no answer within 5 s")

    def thawed(pipeline: str, owner: str, *_: object, **__: object) -> Job | None:
        monkeypatch.setattr(bench.ledger.jobs, "claim_next", asked)
        job = bench.ledger.jobs.claim(second, pipeline, owner, LEASE_S)
        assert bench.ledger.jobs.claim(late.pop(), pipeline, owner, LEASE_S) is not None
        return job

    monkeypatch.setattr(bench.ledger.jobs, "claim_next", frozen)
    for job_id in (first, second):
        worker.handle(Received(job_id, redelivered=False))
    ended = [bench.ledger.jobs.get(job_id) for job_id in (first, second)]
    assert [job and (job.state, job.deaths) for job in ended] == [(JobState.SKIPPED, 0)] * 2
