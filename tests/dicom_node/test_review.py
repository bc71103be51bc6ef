"""What a reader should look at next, and how far readers agree."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from dicom_node.ledger import Assessed, Assessment, Verdict
from dicom_node.ops.asked.review import (
    OF_MOST_IMAGES,
    Choice,
    Need,
    choices,
    kappa,
    queue,
    readers,
)
from inference.findings import Caution

AT = datetime(2026, 3, 1, tzinfo=UTC)
A, R, U = Verdict.ACCEPT, Verdict.REJECT, Verdict.UNSURE


def image(
    number: int, decision: str = "negative", *said: tuple[str, Verdict], caution: str = "",
    differs: bool = False,
) -> Assessed:  # fmt: skip
    clicks = tuple(
        Assessment(number, reader, AT + timedelta(hours=hour), verdict)
        for hour, (reader, verdict) in enumerate(said)
    )
    cautions = ("spacing_at_detector", *filter(None, [caution]))
    return Assessed(number, AT + timedelta(days=number), decision, cautions, differs, clicks)


def test_what_needs_a_person_comes_before_the_sample() -> None:
    images = [
        image(1, "undetermined"), image(2, caution="low_contrast"), image(3, differs=True),
        *(image(number) for number in range(10, 60)),
    ]  # fmt: skip
    waiting = queue(images, "ann")
    assert [(one.image.job_id, one.need) for one in waiting[:3]] == [
        (3, Need.DIFFERS), (1, Need.UNDETERMINED), (2, Need.CAUTION),
    ]  # fmt: skip
    assert {one.need for one in waiting[3:]} == {Need.SAMPLE}


def test_of_the_others_one_in_five_is_drawn_and_the_same_for_everybody() -> None:
    images = [image(number) for number in range(1, 5001)]
    ann, bob = ([one.image.job_id for one in queue(images, reader)] for reader in ("ann", "bob"))
    assert ann == bob
    assert 900 < len(ann) < 1100
    # No more of them in a row than chance would have it.
    gaps = [late - early for early, late in pairwise(ann)]
    assert max(gaps) < 50


def test_of_what_one_has_judged_a_second_sees_one_in_five_and_the_first_none() -> None:
    images = [image(number, "undetermined", ("ann", A)) for number in range(1, 5001)]
    assert queue(images, "ann") == []
    second = queue(images, "bob")
    assert {one.need for one in second} == {Need.SECOND}
    assert 900 < len(second) < 1100
    twice = [image(one.image.job_id, "undetermined", ("ann", A), ("bob", R)) for one in second]
    assert queue(twice, "eve") == []


def test_the_pipeline_that_readers_choose_most_often_comes_first() -> None:
    pipelines = {1: ("led", "b"), 2: ("led", "b", "c"), 3: ("b", "led")}
    said = {
        1: [clicked(A), clicked(Verdict.OTHER)],
        # Of several it is not said which.
        2: [clicked(Verdict.OTHER, "c"), clicked(Verdict.OTHER), clicked(U)],
        3: [clicked(A), clicked(R), clicked(Verdict.OTHER, "gone")],
        4: [clicked(A)],
    }
    assert choices(pipelines, said) == [
        Choice("b", 2, 7), Choice("c", 1, 2), Choice("led", 1, 7),
    ]  # fmt: skip


def clicked(verdict: Verdict, pipeline: str = "") -> Assessment:
    return Assessment(0, "ann", AT, verdict, pipeline=pipeline)


def test_verdicts_are_counted_by_what_the_node_decided() -> None:
    found = readers([
        image(1, "positive", ("ann", A), ("bob", A)), image(2, "positive", ("ann", R)),
        image(3, "negative", ("ann", A), ("bob", R), ("eve", R)), image(4),
    ])  # fmt: skip
    assert found.verdicts["positive"] == {A: 2, R: 1}
    assert found.verdicts["negative"] == {A: 1, R: 2}
    assert (found.twice, found.same) == (2, 1)


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([], None),
        ([(A, A), (A, A)], None),
        ([(A, A), (R, R)], 1.0),
        ([(A, R), (R, A)], -1.0),
        # Cohen's own way: 0.7 observed, 0.5 by chance.
        ([(A, A)] * 35 + [(A, R)] * 15 + [(R, A)] * 15 + [(R, R)] * 35, 0.4),
    ],
    ids=["none", "one verdict alone", "alike", "opposed", "beyond chance"],
)
def test_kappa_is_agreement_beyond_chance(
    pairs: list[tuple[Verdict, Verdict]], expected: float | None
) -> None:
    assert kappa(pairs) == (expected if expected is None else pytest.approx(expected))


def test_what_most_images_have_are_cautions_that_there_are() -> None:
    assert {caution.code for caution in Caution} > OF_MOST_IMAGES
