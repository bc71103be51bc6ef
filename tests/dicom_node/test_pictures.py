"""What a page shows of the radiographs before, out of the spool."""

import numpy as np
import pytest

from dicom_node.demo.phantom import Kind
from dicom_node.ledger import Job
from dicom_node.worker.pictures import Pictures
from inference.findings import Laterality, Task
from sr_writer.painting import Painting
from sr_writer.palette import COLORS
from sr_writer.progression import Prior
from tests.dicom_node.bench import Bench
from tests.dicom_node.delivery.damage import flip_a_bit, remove
from tests.dicom_node.ledger.records import job_of
from tests.dicom_node.visits import analyse, told, visit

pytestmark = pytest.mark.slow


@pytest.fixture
def two(bench: Bench) -> tuple[Job, Job, Prior]:
    """Jobs of an earlier and of a later radiograph, and what the later one's report tells."""
    first = analyse(bench, visit("2026-03-01", Kind.LEFT_OPACITY))
    second = analyse(bench, visit("2026-03-04"))
    (prior,) = told(bench, second).priors
    return job_of(bench.ledger, first), job_of(bench.ledger, second), prior


def shown(bench: Bench, second: Job, prior: Prior) -> Painting | None:
    return Pictures(bench.ledger, bench.spool).of(second, prior)


def pixels_in(picture: Painting, color: tuple[int, int, int]) -> int:
    return int((np.asarray(picture.image) == color).all(axis=2).sum())


def test_it_is_painted_with_the_masks_of_then(bench: Bench, two: tuple[Job, Job, Prior]) -> None:
    _, second, prior = two
    picture = shown(bench, second, prior)
    assert picture is not None
    assert picture.sides == (Laterality.RIGHT, Laterality.LEFT)
    for side in Laterality:
        assert pixels_in(picture, COLORS[Task.LUNG, side]) > 100
    assert pixels_in(picture, COLORS[Task.INFECTION, Laterality.LEFT]) > 20


def test_where_the_masks_are_gone_it_is_the_radiograph_alone(
    bench: Bench, two: tuple[Job, Job, Prior]
) -> None:
    first, second, prior = two
    (masks,) = [one for one in bench.ledger.lookups.outputs(first.id) if one.role == "SEG"]
    remove(bench.spool.resolve(masks.path))
    picture = shown(bench, second, prior)
    assert picture is not None
    assert picture.sides is None
    image = np.asarray(picture.image)
    assert (image[:, :, 0] == image[:, :, 2]).all()


def test_where_the_radiograph_is_damaged_there_is_none(
    bench: Bench, two: tuple[Job, Job, Prior]
) -> None:
    first, second, prior = two
    flip_a_bit(bench.spool.resolve(first.path))
    assert shown(bench, second, prior) is None


def test_the_page_of_a_later_radiograph_has_it(bench: Bench, two: tuple[Job, Job, Prior]) -> None:
    first, second, _ = two
    alone, page = (bytes(_page(bench, job)) for job in (first, second))
    assert (alone.count(b"/DCTDecode"), page.count(b"/DCTDecode")) == (1, 2)
    assert b"Shown without outlines" not in page


def _page(bench: Bench, job: Job) -> bytes:
    (page,) = [one for one in bench.ledger.lookups.outputs(job.id) if one.role == "DOC"]
    return bench.spool.read(page.path)
