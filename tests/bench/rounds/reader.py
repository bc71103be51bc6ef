"""A reader who knows the truth: accepts what is good enough, draws the rest, excludes a few.

Everything is done as a person would have it done: clicks by HTTP on the node's own page,
Segmentations by C-STORE as a viewer stores them. The truth are masks that people have drawn before,
and it is said without noise: two real readers differ, and one differs from day to day.
"""

import random
import re
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import numpy as np
from pydicom import Dataset, dcmread

from dicom_node.demo.modality import send
from dicom_node.demo.pacs import Pacs
from dicom_node.demo.phantom import Kind, Phantom
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.errors import SUCCESS
from dicom_node.ledger import Ledger, Verdict
from inference.datasets.cases import Case
from inference.findings import Laterality, Mask, Task
from inference.lungs.laterality import divide
from inference.segmentations.masks import UnusableSegmentation, drawn_on
from tests.readers import LEFT, LUNG, OPACITY, RIGHT, Stroke, drawn
from tests.system.waiting import has_ended, run_cli, wait_until

_SEG = "SEG"
_SIDES = {"left": LEFT, "right": RIGHT}
_TOKEN = re.compile(r'name="token" value="([0-9a-f]+)"')
_WAIT_S = 1800.0


@dataclass(frozen=True)
class Example:
    """One patient's radiograph, and what is true of it: masks of its own grid, by side."""

    image: Dataset
    lungs: dict[str, Mask]
    infection: dict[str, Mask]

    @property
    def uid(self) -> str:
        return str(self.image.SOPInstanceUID)

    def truth(self, task: Task) -> Mask:
        sides = self.lungs if task is Task.LUNG else self.infection
        return sides["left"] | sides["right"]

    def segmentation(self, predecessor: Dataset | None = None) -> Dataset:
        """All of it, drawn by hand."""
        strokes = [
            Stroke(f"{side} {name}", masks[side], of, code)
            for masks, name, of in (
                (self.lungs, "lung", LUNG),
                (self.infection, "infection", OPACITY),
            )
            for side, code in _SIDES.items()
        ]
        return drawn(self.image, strokes, author="Simulated^Reader", predecessor=predecessor)


def example_of(phantom: Phantom, **header: object) -> Example:
    """`header`: attributes of the radiograph that are to be otherwise."""
    return Example(
        as_dicom(phantom, bits_stored=8, **header),  # type: ignore[arg-type]
        {"left": phantom.left_lung, "right": phantom.right_lung},
        {"left": phantom.left_infection, "right": phantom.right_infection},
    )


def example_of_case(case: Case, number: int) -> Example:
    """An upright case of an image set, as the patient of that number."""
    lungs, infection = case.mask(Task.LUNG), case.mask(Task.INFECTION)
    source = case.source()
    assert isinstance(source, Dataset)
    assert lungs is not None
    assert infection is not None
    sides = divide(lungs)
    gray = np.asarray(source.pixel_array, np.float32) / np.float32(255)
    left, right = sides.left, sides.right
    # The kind names the instance, and nothing else.
    phantom = Phantom(Kind.HEALTHY, number, gray, left, right, infection & left, infection & right)
    return example_of(
        phantom,
        PatientID=f"ROUNDS-{number:05d}",
        StudyDescription="Chest radiograph of a public set",
        InstitutionName=None,
    )


def save_pairs(examples: Sequence[Example], folder: Path) -> None:
    """What a reader has drawn before there was a network."""
    for number, example in enumerate(examples):
        place = folder / str(number)
        place.mkdir(parents=True)
        example.image.save_as(place / "radiograph.dcm", enforce_file_format=True)
        segmentation = example.segmentation()
        segmentation.save_as(place / "segmentation.dcm", enforce_file_format=True)


class Page:
    """The node's page, in the browser of somebody who came in by a link."""

    def __init__(self, config: Path) -> None:
        link = run_cli("page", "link", "--config", str(config)).stdout.strip()
        parts = urlsplit(link)
        self._address = f"{parts.scheme}://{parts.netloc}"
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(CookieJar()), _Stays()
        )
        self._ask(link)
        # Its forms have the token, whichever image it shows.
        found = _TOKEN.search(self._ask(f"{self._address}/"))
        assert found, "the page lets nobody in"
        self._token = found[1]

    def click(self, job_id: int, verdict: Verdict) -> None:
        form = {"token": self._token, "verdict": verdict.value}
        self._ask(f"{self._address}/review/{job_id}", urlencode(form).encode())

    def _ask(self, address: str, form: bytes | None = None) -> str:
        request = urllib.request.Request(address, form, {"Origin": self._address})
        try:
            with self._opener.open(request, timeout=60) as answer:
                return str(answer.read(), "utf-8")
        except urllib.error.HTTPError as exc:
            if exc.code == HTTPStatus.SEE_OTHER:
                # Done, and where to look next.
                return ""
            raise


class _Stays(urllib.request.HTTPRedirectHandler):
    """Goes nowhere else: the page after a click is not what is asked for."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


@dataclass
class Round:
    """What a reader did with one subset."""

    images: int = 0
    accepted: int = 0
    corrected: int = 0
    excluded: int = 0
    unusable: int = 0  #: corrected, and not taken by the node
    dice: list[float] = field(default_factory=list)  #: 0..1, of what the node found, by image

    @property
    def saved(self) -> float:
        """Share, 0..1, of what is learnt from that nobody had to draw."""
        learnt = self.accepted + self.corrected
        return self.accepted / learnt if learnt else 0.0


@dataclass
class SimulatedReader:
    """Judges by one task's masks."""

    task: Task
    bar: float  #: Dice, 0..1, from which on a mask is accepted
    excluding: float  #: share of the images, 0..1
    chance: random.Random

    def read(self, examples: Sequence[Example], config: Path, port: int, pacs: Pacs,
             ledger: Ledger) -> Round:  # fmt: skip
        """Sends the radiographs, waits for the node, and says of each what there is to say."""
        assert {one.status for one in send([e.image for e in examples], "127.0.0.1", port)} == {
            SUCCESS
        }
        _wait_for(ledger, [example.uid for example in examples])
        page, round_, strokes = Page(config), Round(images=len(examples)), []
        stored = {one.sop_instance_uid: one.path for one in pacs.stored}
        for example in examples:
            (job,) = ledger.jobs.of_instance(example.uid)
            own = next((o for o in ledger.lookups.outputs(job.id) if o.role == _SEG), None)
            seg = dcmread(stored[own.sop_instance_uid]) if own else None
            found = _dice(example, seg, self.task)
            round_.dice.append(found)
            if self.chance.random() < self.excluding:
                page.click(job.id, Verdict.EXCLUDE)
                round_.excluded += 1
            elif found >= self.bar:
                page.click(job.id, Verdict.ACCEPT)
                round_.accepted += 1
            else:
                page.click(job.id, Verdict.REJECT)
                strokes.append(example.segmentation(seg))
                round_.corrected += 1
        self._store(strokes, port, ledger, round_)
        return round_

    def _store(self, strokes: Sequence[Dataset], port: int, ledger: Ledger, round_: Round) -> None:
        if not strokes:
            return
        sent = send(strokes, "127.0.0.1", port, calling_aet="VIEWER")
        assert {one.status for one in sent} == {SUCCESS}
        uids = [str(one.SOPInstanceUID) for one in strokes]
        _wait_for(ledger, uids)
        round_.unusable = sum(ledger.corrections.of_segmentation(uid) is None for uid in uids)


def _wait_for(ledger: Ledger, uids: Sequence[str]) -> None:
    """Until the node is done with all of these instances."""
    waiting = set(uids)

    def are_done() -> bool:
        for uid in sorted(waiting):
            jobs = ledger.jobs.of_instance(uid)
            if not jobs or not all(has_ended(ledger, job) for job in jobs):
                return False
            waiting.discard(uid)
        return True

    wait_until(are_done, _WAIT_S, "the node to be done with what it was sent")


def _dice(example: Example, seg: Dataset | None, task: Task) -> float:
    """Of both sides together; 1 where both are empty."""
    found = np.zeros_like(example.truth(task))
    if seg is not None:
        try:
            said = drawn_on(example.image, seg)
        except UnusableSegmentation:
            # No lungs were found.
            pass
        else:
            sides = said.lung if task is Task.LUNG else said.infection or {}
            for side in Laterality:
                found = found | sides.get(side, False)
    truth = example.truth(task)
    both = int(found.sum()) + int(truth.sum())
    return 2 * int((found & truth).sum()) / both if both else 1.0
