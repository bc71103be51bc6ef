"""The desk at which readers draw: what an editor opens with, and what is kept of it.

What is kept is a Segmentation like one that a viewer stores, and is taken in like one: what becomes
of it is the worker's matter. It is the node's own SEG with other masks, so where none was built
nothing can be drawn.
"""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from pydicom import Dataset

from dicom_node.drawing import raster
from dicom_node.errors import (
    DamagedInSpool,
    InvalidResult,
    NodeError,
    SpoolUnreadable,
    Undecodable,
    UsageError,
)
from dicom_node.intake.correction import SEGMENTATION
from dicom_node.intake.eligibility import ANALYSED_SOP_CLASSES
from dicom_node.ledger import Job, JobState, Ledger
from dicom_node.spool import Spool
from inference.decode import UndecodableImage, read_radiograph
from inference.decoding.part10 import read_part10
from inference.findings import SEGMENTS, Laterality, Mask, Task
from inference.segmentations.masks import Drawn, UnusableSegmentation, check_sides, drawn_on
from sr_writer.equipment import derived_uid
from sr_writer.kinds import SEG
from sr_writer.seg.drawn import redrawn, written_name

#: Takes in a Part 10 file of this SOP Class and SOP Instance UID, as the listener does.
Take = Callable[[bytes, str, str], None]


@dataclass(frozen=True, slots=True)
class Sheet:
    """What an editor opens with."""

    width: int
    height: int
    basis: str  #: names the image and the masks; of others what is drawn is not kept
    is_own: bool  #: the masks are those that this reader drew last, not the node's


@dataclass(frozen=True, slots=True)
class _Opened:
    """A radiograph, and the masks that drawing begins from."""

    job: Job
    header: Dataset
    ours: Dataset  #: the node's SEG
    found: Drawn | None  #: what that shows; None: no lungs
    begun_from: Dataset  #: `ours`, or the reader's last
    begun: Drawn | None
    basis: str

    @property
    def shape(self) -> tuple[int, int]:
        return int(self.ours.Rows), int(self.ours.Columns)

    @property
    def size(self) -> tuple[int, int]:
        return raster.size_of(*self.shape)

    @property
    def masks(self) -> raster.Masks:
        """Those that drawing begins from, on the radiograph's grid."""
        masks = np.zeros((3, *self.shape), np.bool_)
        if self.begun is not None:
            masks[:2] = [self.begun.lung[side] for side in Laterality]
            masks[2] = np.logical_or.reduce([*(self.begun.infection or {}).values(), masks[2]])
        return masks


@dataclass(frozen=True, slots=True)
class Desk:
    """For all who draw on one host's page."""

    spool: Spool
    take: Take
    #: One radiograph at a time: decoded, a large one takes a hundred megabytes and more.
    _one: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def sheet(self, ledger: Ledger, job_id: int, reader: str) -> Sheet:
        """Raises NodeError where there is nothing to draw on."""
        with self._one:
            opened = self._open(ledger, job_id, reader)
        return Sheet(*opened.size, opened.basis, opened.begun_from is not opened.ours)

    def picture(self, job: Job) -> bytes:
        """WebP of the radiograph as the node sees it, as large as its sheet."""
        with self._one:
            try:
                radiograph = read_radiograph(self._received(job))
            except UndecodableImage as exc:
                raise Undecodable(f"the radiograph cannot be decoded: {exc}") from exc
            return raster.picture(radiograph.pixels, raster.size_of(*radiograph.pixels.shape))

    def masks(self, ledger: Ledger, job_id: int, reader: str, basis: str) -> bytes:
        """PNG of those that the sheet of this basis begins with; see `raster`."""
        with self._one:
            opened = self._open(ledger, job_id, reader)
            _check_basis(opened, basis)
            return raster.as_png(raster.shrunk(opened.masks, opened.size))

    def keep(
        self, ledger: Ledger, job_id: int, reader: str, png: bytes, basis: str, editor: str
    ) -> int:
        """The job of the Segmentation that what was drawn has become.

        `editor`: names the editor that asks; the same drawing of one editor is kept once, however
        often it asks. Raises UsageError where the reader is to do something about it.
        """
        author = written_name(reader)
        drawing = hashlib.sha256(png).hexdigest()
        with self._one:
            opened = self._open(ledger, job_id, reader)
            uid = derived_uid("drawing", opened.job.sop_instance_uid, author, editor, drawing)
            if known := ledger.jobs.of_instance(uid):
                return known[-1].id
            _check_basis(opened, basis)
            content = _segmentation(opened, raster.read_png(png, opened.size), uid, author)
            self.take(content, SEGMENTATION, uid)
        kept = ledger.jobs.of_instance(uid)
        if not kept:
            raise NodeError("what was drawn was not taken: the log says why")
        return kept[-1].id

    def _open(self, ledger: Ledger, job_id: int, reader: str) -> _Opened:
        job = ledger.jobs.get(job_id)
        if job is None:
            raise NodeError("there is no such job")
        if job.sop_class_uid not in ANALYSED_SOP_CLASSES or job.state is not JobState.BUILT:
            raise NodeError("only on a radiograph that was analysed can be drawn")
        header = read_part10(self._received(job), header_only=True)
        built = next((one for one in ledger.lookups.outputs(job_id) if one.role == SEG.role), None)
        if built is None:
            raise NodeError("the node built no Segmentation of it that could be changed:"
                            " a destination's preset says whether it does")  # fmt: skip
        ours = self._read(built.path, built.sha256)
        begun_from, named = ours, built.sha256
        for one in ledger.corrections.of_image(job.sop_instance_uid):
            drawn = ledger.jobs.get(one.job_id)
            if one.author == written_name(reader) and drawn is not None:
                begun_from, named = self._read(drawn.path, drawn.sha256), drawn.sha256
                break
        basis = hashlib.sha256(f"{job.sha256} {built.sha256} {named}".encode()).hexdigest()
        found = _shown(header, ours)
        begun = found if begun_from is ours else _shown(header, begun_from)
        return _Opened(job, header, ours, found, begun_from, begun, basis)

    def _received(self, job: Job) -> bytes:
        try:
            return self.spool.read_verified(job.path, job.sha256)
        except (DamagedInSpool, SpoolUnreadable) as exc:
            raise NodeError("the radiograph is no longer here: have it sent again") from exc

    def _read(self, path: str, sha256: str) -> Dataset:
        try:
            return read_part10(self.spool.read_verified(path, sha256))
        except (DamagedInSpool, SpoolUnreadable) as exc:
            raise NodeError("the masks to begin from are no longer here: requeue the job") from exc


def _shown(header: Dataset, segmentation: Dataset) -> Drawn | None:
    try:
        return drawn_on(header, segmentation)
    except UnusableSegmentation:
        # No lungs were found.
        return None


def _check_basis(opened: _Opened, basis: str) -> None:
    if basis != opened.basis:
        raise UsageError("the image or its masks have changed since this editor was opened: open"
                         " another one beside it")  # fmt: skip


def _segmentation(opened: _Opened, png: raster.Masks, uid: str, author: str) -> bytes:
    if (png[0] & png[1]).any():
        raise UsageError("a pixel is drawn as of both lungs, and can be of one alone")
    left, right, infection = raster.enlarged(png, opened.masks)
    # On the finer grid, too, and what lies outside the lungs does not count: as for any reader's.
    lungs = {Laterality.LEFT: left, Laterality.RIGHT: right & ~left}
    if not left.any() and not right.any():
        raise UsageError("no lung is drawn, and a percentage is of the lung")
    drawn = Drawn(lungs, {side: infection & lung for side, lung in lungs.items()})
    found, begun, now = (
        _by_segment(one, opened.shape) for one in (opened.found, opened.begun, drawn)
    )
    if all(np.array_equal(begun[one], now[one]) for one in SEGMENTS):
        raise UsageError("nothing was changed, in the lungs at least; if the masks are right,"
                         " accept them")  # fmt: skip
    content = redrawn(
        opened.ours, found, begun, now,
        uid=uid, author=author, created=datetime.now(UTC), begun_from=opened.begun_from,
    )  # fmt: skip
    try:
        # Read again before it is taken: what a worker will see in it is what was drawn.
        read = drawn_on(opened.header, read_part10(content))
        check_sides(uid, read, opened.found)
    except UnusableSegmentation as exc:
        raise UsageError(str(exc).removeprefix(f"segmentation {uid}: ")) from exc
    seen = _by_segment(read, opened.shape)
    if not all(np.array_equal(seen[one], now[one]) for one in SEGMENTS):
        raise InvalidResult(f"segmentation {uid} does not show what was drawn")
    return content


def _by_segment(drawn: Drawn | None, shape: tuple[int, int]) -> dict[tuple[Task, Laterality], Mask]:
    if drawn is None:
        return {segment: np.zeros(shape, np.bool_) for segment in SEGMENTS}
    infection = drawn.infection or {side: np.zeros(shape, np.bool_) for side in Laterality}
    return {
        (task, side): (drawn.lung if task is Task.LUNG else infection)[side]
        for task, side in SEGMENTS
    }
