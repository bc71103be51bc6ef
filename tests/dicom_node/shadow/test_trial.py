"""The trial with a real ledger, spool and both networks: what it says, and what it leaves alone."""

import threading
from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image

from dicom_node.config.profiles import STANDARD
from dicom_node.demo.phantom import Kind
from dicom_node.ledger import Compared, Said, Tried
from dicom_node.worker.shadow.loop import Trial
from dicom_node.worker.shadow.picture import is_worth_a_look
from inference.pipeline import Pipeline, Settings
from sr_writer.equipment import Equipment
from sr_writer.identity import results_digest
from tests.dicom_node.bench import Bench
from tests.dicom_node.hearts import heart
from tests.dicom_node.radiographs import file_bytes, radiograph

pytestmark = pytest.mark.slow

#: At this point everything is positive.
EASILY = replace(Settings(), negative_below=0.0, positive_above=0.0)


def trial(bench: Bench, settings: Settings = EASILY) -> Trial:
    return Trial(
        bench.engine, settings, (bench.pipeline, shadow(bench, settings)), 28, Equipment(),
        bench.ledger, bench.spool, heart(bench.ledger, "shadow").jobs(),
    )  # fmt: skip


def shadow(bench: Bench, settings: Settings = EASILY) -> str:
    return results_digest(Pipeline(bench.engine.models, settings))


def compared(bench: Bench) -> list[Compared]:
    since = bench.ledger.now().replace(year=2000)
    return bench.ledger.shadows.compared(bench.pipeline, shadow(bench), since)


def test_it_says_what_the_other_point_would_and_sends_nothing(bench: Bench) -> None:
    jobs = [bench.accept(file_bytes(radiograph(kind))) for kind in (Kind.HEALTHY, Kind.LATERAL)]
    for job_id in jobs:
        bench.work(job_id, STANDARD)
    before = {job_id: bench.states(job_id) for job_id in jobs}
    assert trial(bench).round(threading.Event()) == 1
    (one,) = compared(bench)
    found = bench.ledger.findings.of_job(jobs[0])
    assert found is not None
    assert found.decision != "positive"
    assert one.leading == Said(
        found.decision, found.percent_left, found.percent_right, found.percent_both
    )
    assert one.shadow.decision == "positive"
    picture = bench.ledger.shadows.picture(jobs[0])
    assert picture is not None
    image = Image.open(BytesIO(picture))
    assert image.width > 1.5 * image.height
    assert {job_id: bench.states(job_id) for job_id in jobs} == before
    assert trial(bench).round(threading.Event()) == 0


def test_what_agrees_needs_no_picture(bench: Bench) -> None:
    job_id = bench.accept(file_bytes(radiograph()))
    bench.work(job_id, STANDARD)
    assert trial(bench).round(threading.Event()) == 1
    (one,) = compared(bench)
    assert one.leading == one.shadow
    assert not one.has_picture


def test_it_gives_way_to_what_waits_for_its_results(bench: Bench) -> None:
    bench.work(bench.accept(file_bytes(radiograph())), STANDARD)
    waiting = bench.accept(file_bytes(radiograph(Kind.HEALTHY)))
    stop = threading.Event()
    at_work = threading.Thread(target=trial(bench).round, args=(stop,))
    at_work.start()
    at_work.join(2)
    assert at_work.is_alive()
    assert compared(bench) == []
    bench.work(waiting, STANDARD)
    at_work.join(60)
    assert not at_work.is_alive()
    assert compared(bench)


def test_a_file_that_is_gone_is_noted_and_the_next_is_tried(bench: Bench) -> None:
    gone, there = (
        bench.accept(file_bytes(radiograph(kind))) for kind in (Kind.LEFT_OPACITY, Kind.HEALTHY)
    )
    for job_id in (gone, there):
        bench.work(job_id, STANDARD)
    job = bench.ledger.jobs.get(gone)
    assert job is not None
    bench.spool.resolve(job.path).unlink()
    assert trial(bench).round(threading.Event()) == 2
    assert [one.job_id for one in compared(bench)] == [there]
    since = bench.ledger.now().replace(year=2000)
    assert bench.ledger.shadows.tried(bench.pipeline, shadow(bench), since) == Tried(0, 1)


@pytest.mark.parametrize(
    ("one", "other", "is_worth"),
    [
        (Said("positive", None, None, 20.0), Said("positive", None, None, 29.0), False),
        (Said("positive", None, None, 20.0), Said("positive", None, None, 31.0), True),
        (Said("positive", None, None, 20.0), Said("undetermined", None, None, 20.0), True),
        (Said("undetermined"), Said("undetermined"), False),
        (Said("undetermined"), Said("undetermined", None, None, 0.0), True),
    ],
    ids=["near", "apart", "another decision", "neither says", "one says"],
)
def test_only_what_a_reader_would_take_for_another_thing_is_pictured(
    one: Said, other: Said, is_worth: bool
) -> None:
    assert is_worth_a_look(one, other) is is_worth
