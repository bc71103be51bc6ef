"""Drawing on the page: what the editor is given, what it may give back, and what is refused."""

import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO

import numpy as np
import pytest
from httpx2 import Response
from PIL import Image
from pydicom import Dataset, dcmread

from dicom_node.cli.node.drawing import desk_of
from dicom_node.config.profiles import Profile
from dicom_node.ledger import JobState
from tests.dicom_node.bench import Bench
from tests.dicom_node.correcting import KEPT, ONLY_SR, analysed, masks_of
from tests.dicom_node.page.visiting import Browser, Site
from tests.dicom_node.radiographs import changed, file_bytes, other_pixels, radiograph
from tests.readers import as_slicer
from tests.strokes import infection_on, lungs_on

pytestmark = pytest.mark.slow
HIDDEN = re.compile(r'name="(basis|editor)" value="([0-9a-f]+)"')


@dataclass
class Editing:
    """A radiograph that was analysed, and a reader with an editor open on it."""

    bench: Bench
    site: Site
    image: Dataset = field(default_factory=radiograph)
    reader: str = "vera"
    job_id: int = 0
    ours: Dataset = field(default_factory=Dataset)  #: the node's SEG
    browser: Browser = field(init=False)
    hidden: dict[str, str] = field(default_factory=dict)

    def begin(self, *profiles: Profile) -> None:
        self.job_id, results = analysed(self.bench, self.image, *profiles)
        self.ours = results.get("SEG", self.ours)
        self.browser = self.site.as_(self.reader)

    @property
    def path(self) -> str:
        return f"/jobs/{self.job_id}/drawing"

    def open(self) -> str:
        page = self.browser.page(self.path)
        self.hidden = dict(HIDDEN.findall(page))
        return page

    def masks(self) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
        """(rows, columns, 3) as the browser gets them."""
        answer = self.browser.get(f"{self.path}/masks?basis={self.hidden['basis']}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
        return np.array(Image.open(BytesIO(answer.content)))

    def save(self, drawn: object, **changes: str) -> Response:
        file = BytesIO()
        Image.fromarray(np.asarray(drawn, np.uint8)).save(file, "PNG")
        form = {"masks": b64encode(file.getvalue()).decode(), **self.hidden} | changes
        return self.browser.post(self.path, **form)

    def kept(self) -> list[str]:
        return [one.author for one in self.bench.ledger.corrections.of_image(
            self.image.SOPInstanceUID)]  # fmt: skip


@pytest.fixture
def editing(bench: Bench) -> Iterator[Editing]:
    site = Site(bench.folder, {"corrections": {"accept": True}}, desk=desk_of)
    yield Editing(bench, site)
    site.close()


def refused(answer: Response, why: str) -> None:
    assert answer.status_code in (400, 404), answer.text
    assert why in answer.text


def without_left(masks: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]") -> object:
    """No infection in the left lung: what was red is no longer blue."""
    edited = masks.copy()
    edited[..., 2][edited[..., 0] > 0] = 0
    return edited


def test_what_a_reader_changed_is_counted_and_kept_like_a_viewers(editing: Editing) -> None:
    editing.begin()
    page = editing.browser.page(f"/jobs/{editing.job_id}")
    assert f'href="{editing.path}"' in page
    assert "begun from the node" in editing.open()
    lungs, infection = masks_of(editing.ours)
    begun = editing.masks()
    assert np.array_equal(begun[..., 0] > 0, lungs["left"])
    assert np.array_equal(begun[..., 2] > 0, infection["left"] | infection["right"])
    picture = editing.browser.get(f"{editing.path}/radiograph")
    assert Image.open(BytesIO(picture.content)).size == (318, 382)
    answer = editing.save(without_left(begun))
    assert (answer.status_code, answer.headers["location"]) == (
        201, f"/jobs/{editing.job_id}#readers",
    )  # fmt: skip
    job_id = 2
    job = editing.bench.work(job_id, ONLY_SR, corrections=KEPT)
    assert (job.state, job.reason) == (
        JobState.SKIPPED, f"a reader's segmentation of job {editing.job_id}, kept",
    )  # fmt: skip
    (correction,) = editing.bench.ledger.corrections.latest()
    assert (correction.author, correction.algorithm) == ("vera", "SEMIAUTOMATIC")
    assert correction.predecessor == editing.ours.SOPInstanceUID
    assert correction.counted.percent_left == 0
    assert correction.counted.dice_lung_left == 1
    seg = dcmread(editing.bench.spool.resolve(job.path))
    assert [one.SegmentAlgorithmType for one in seg.SegmentSequence] == [
        "AUTOMATIC", "AUTOMATIC", "SEMIAUTOMATIC", "AUTOMATIC",
    ]  # fmt: skip
    page = editing.browser.page(f"/jobs/{editing.job_id}")
    assert f"kept as job {job_id}" in page
    assert "<b>vera</b>" in page
    assert f"job {editing.job_id}" in editing.site.as_("ada").page("/audit")
    # The same reader goes on from there, another from the node's.
    assert "begun from what you drew last" in editing.open()
    assert not editing.masks()[..., 2][lungs["left"]].any()
    editing.browser = editing.site.as_("otto")
    assert "begun from the node" in editing.open()


def test_a_drawing_whose_answer_was_lost_is_kept_once(editing: Editing) -> None:
    editing.begin()
    editing.open()
    edited = without_left(editing.masks())
    assert [editing.save(edited).status_code for _ in range(2)] == [201, 201]
    assert editing.bench.ledger.jobs.get(3) is None


def test_infection_outside_the_lungs_does_not_count(editing: Editing) -> None:
    editing.begin()
    editing.open()
    masks = editing.masks()
    masks[..., 2] = 255
    assert editing.save(masks).status_code == 201
    editing.bench.work(2, ONLY_SR, corrections=KEPT)
    (correction,) = editing.bench.ledger.corrections.latest()
    assert (correction.counted.percent_left, correction.counted.percent_right) == (100, 100)


def test_what_cannot_be_kept_is_said(editing: Editing) -> None:
    editing.begin()
    editing.open()
    begun = editing.masks()
    refused(editing.save(begun), "nothing was changed")
    outside = begun.copy()
    outside[~(begun[..., :2] > 0).any(axis=-1), 2] = 255
    refused(editing.save(outside), "nothing was changed")
    refused(editing.save(np.zeros_like(begun)), "no lung is drawn")
    refused(editing.save(begun[..., [1, 0, 2]]), "left lung lies where")
    gray = np.repeat(begun.max(axis=-1, keepdims=True), 3, axis=-1)
    refused(editing.save(gray), "of both lungs")
    refused(editing.save(begun[:-1]), "not 318 x 382 pixels")
    refused(editing.save(begun, masks="????"), "cannot be read")
    refused(editing.save(begun, masks=b64encode(b"BM" + bytes(99)).decode()), "cannot be read")
    assert editing.save(begun, token="0" * 64).status_code == 403
    assert editing.save(begun, masks="A" * 1024 * 1024).status_code == 413
    assert editing.bench.ledger.jobs.get(2) is None


def test_masks_that_have_changed_meanwhile_are_not_overwritten(editing: Editing) -> None:
    editing.begin()
    editing.open()
    edited = without_left(editing.masks())
    bench = editing.bench
    bench.work(bench.accept(file_bytes(other_pixels())), ONLY_SR)
    refused(editing.save(edited), "have changed since this editor was opened")
    assert editing.browser.get(f"{editing.path}/masks?basis=").status_code == 400


def test_there_is_nothing_to_draw_on(editing: Editing) -> None:
    editing.begin(Profile(("SR",), next_best=False))
    assert f'href="{editing.path}"' not in editing.browser.page(f"/jobs/{editing.job_id}")
    refused(editing.browser.get(editing.path), "built no Segmentation")
    bench = editing.bench
    turned = changed(radiograph(), SOPInstanceUID="1.2.3", ViewPosition="LL")
    lateral = bench.accept(file_bytes(turned))
    assert bench.work(lateral, ONLY_SR).state is JobState.SKIPPED
    refused(editing.browser.get(f"/jobs/{lateral}/drawing"), "that was analysed")
    refused(editing.browser.get("/jobs/99/drawing"), "no such job")
    assert editing.site.browser("10.0.0.9").get(editing.path).status_code == 303


def test_a_radiograph_that_is_gone_is_said(editing: Editing) -> None:
    editing.begin()
    editing.open()
    edited = without_left(editing.masks())
    job = editing.bench.ledger.jobs.get(editing.job_id)
    assert job is not None
    editing.bench.spool.remove([job.path])
    refused(editing.save(edited), "no longer here: have it sent again")
    refused(editing.browser.get(editing.path), "no longer here")
    refused(editing.browser.get(f"{editing.path}/radiograph"), "no longer here")


def test_another_readers_segmentation_from_a_viewer_is_not_begun_from(editing: Editing) -> None:
    editing.begin()
    image = editing.image
    seg = as_slicer(image, lungs_on(image), infection_on(image), predecessor=editing.ours)
    bench = editing.bench
    bench.work(bench.accept(file_bytes(seg)), ONLY_SR, corrections=KEPT)
    assert editing.kept() == ["Rontgen^Anna"]
    assert "begun from the node" in editing.open()


def test_where_nothing_is_taken_nothing_is_offered(bench: Bench) -> None:
    site = Site(bench.folder, desk=desk_of)
    editing = Editing(bench, site)
    editing.begin()
    assert "/drawing" not in editing.browser.page(f"/jobs/{editing.job_id}")
    refused(editing.browser.get(editing.path), "[corrections] accept = true")
    site.close()
