"""What readers drew, in the ledger: which counts, what a rejection and retention make of it."""

from dataclasses import replace

from dicom_node.ledger import Correction, Counted, Kept, Ledger
from sr_writer.progression import Reference
from tests.dicom_node.ledger.records import (
    PIPELINE,
    START,
    Clock,
    built,
    claimed,
    deliver,
    instance,
    skip,
)

DAY_S = 24 * 3600.0
BEFORE = Reference("1.2", "1.2.3", "1.2.840.10008.5.1.4.1.1.88.34", "1.2.3.4")


def drawn(
    ledger: Ledger, image: int, number: int, at: str = "2026-03-01T10:00:00", author: str = "R^A"
) -> Correction:
    """Of a Segmentation that is received as instance `number`, on the radiograph of job `image`."""
    seg = claimed(ledger, number=number)
    skip(ledger, seg)
    radiograph = ledger.jobs.get(image)
    assert radiograph is not None
    made = Correction(
        job_id=seg.id,
        image_job_id=image,
        image_uid=radiograph.sop_instance_uid,
        segmentation_uid=seg.sop_instance_uid,
        sha256=seg.sha256,
        author=author,
        drawn_at=at,
        algorithm="MANUAL",
        predecessor="",
        kept_at=seg.received_at,
        counted=Counted(25.0, None, None, 30.0, 10.0, 20.0, 0.9, None, 0.5),
        before=(BEFORE,),
    )
    ledger.corrections.keep(made)
    return made


def test_what_is_kept_comes_back_as_it_was(ledger: Ledger) -> None:
    image = built(ledger, "PACS", number=1)
    made = drawn(ledger, image, 2, author="Hostile\0\ud800^Name")
    (kept,) = ledger.corrections.of_image(made.image_uid)
    assert kept == replace(made, author="Hostile??^Name")
    assert kept.is_judged
    assert ledger.corrections.of_job(image) == [kept]
    assert ledger.corrections.of_job(made.job_id) == [kept]
    assert ledger.corrections.of_segmentation(made.segmentation_uid) == kept
    assert ledger.corrections.of_segmentation("1.2.3.99") is None


def test_the_latest_drawn_counts_and_the_same_again_takes_its_place(ledger: Ledger) -> None:
    image = built(ledger, "PACS", number=1)
    later = drawn(ledger, image, 2, "2026-03-02")
    earlier = drawn(ledger, image, 3, "2026-03-01T23:59:59")
    undated = drawn(ledger, image, 4, "")
    order = [one.job_id for one in ledger.corrections.of_image(later.image_uid)]
    assert order == [later.job_id, earlier.job_id, undated.job_id]
    ledger.corrections.keep(replace(earlier, drawn_at="2026-03-03"))
    assert ledger.corrections.latest() == [replace(earlier, drawn_at="2026-03-03")]
    assert ledger.corrections.latest(["1.2.3.99"]) == []


def test_what_was_rejected_counts_no_longer(ledger: Ledger) -> None:
    image = built(ledger, "PACS", number=1)
    deliver(ledger)
    one, other = drawn(ledger, image, 2, "2026-03-02"), drawn(ledger, image, 3, "2026-03-01")
    _reject(ledger, 4, one.segmentation_uid)
    assert ledger.corrections.of_image(one.image_uid) == [other]
    assert ledger.corrections.latest() == [other]
    _reject(ledger, 5, one.image_uid)
    assert ledger.corrections.latest() == []
    # Whoever tries again what was broken off finds all that falls with it.
    assert ledger.corrections.drawn_on([one.image_uid]) == [
        one.segmentation_uid, other.segmentation_uid,
    ]  # fmt: skip


def _reject(ledger: Ledger, number: int, uid: str) -> None:
    note = claimed(ledger, number=number)
    why = "rejected: Rejected for Quality Reasons"
    rejected, leaving = ledger.rejections.rejected(note, "w1", [uid], "113001", why)
    assert (len(rejected), leaving) == (1, 0)


def test_our_own_are_known_by_their_uids(ledger: Ledger) -> None:
    image = built(ledger, "PACS", number=1)
    (own, *_) = ledger.lookups.outputs(image)
    assert ledger.corrections.is_ours(own.sop_instance_uid)
    assert not ledger.corrections.is_ours(instance(1).sop_instance_uid)


def test_it_goes_as_results_do_and_its_radiograph_no_sooner(ledger: Ledger, clock: Clock) -> None:
    image = built(ledger, "PACS", number=1)
    deliver(ledger)
    clock.advance(40 * DAY_S)
    seg = drawn(ledger, image, 2).job_id
    clock.advance(10 * DAY_S)
    month_ago = Kept(START.replace(month=3, day=21), clock.now)
    assert ledger.pruning.look(month_ago).job_ids == ()
    clock.advance(30 * DAY_S)
    now = Kept(clock.now, None)
    assert ledger.pruning.look(now).job_ids == (image, seg)
    assert ledger.pruning.forget(now, [image, seg], lambda _: None) == 2
    assert ledger.corrections.latest() == []


def test_another_pipelines_job_of_the_radiograph_is_not_its_own(ledger: Ledger) -> None:
    image = built(ledger, "PACS", number=1)
    made = drawn(ledger, image, 2)
    other = ledger.jobs.accept(instance(1), f"{PIPELINE} of later").job_id
    # By the radiograph's UID: whichever job of it a person looks at.
    assert ledger.corrections.of_job(other) == [made]
