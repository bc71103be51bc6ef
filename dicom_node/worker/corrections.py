"""A reader's Segmentation: found to be of a radiograph that is here, counted, kept, reported.

The same functions count it that count the networks' masks, so that both mean the same. What is kept
names the reports before it, once: built again, a report is as it was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from dicom_node.config import AnyDestination, CorrectionsSection, HandOverDestination
from dicom_node.errors import (
    InvalidResult,
    Transient,
    UnusableCorrection,
)
from dicom_node.intake.belonging import differing
from dicom_node.intake.eligibility import ANALYSED_SOP_CLASSES
from dicom_node.ledger import (
    ARRIVED,
    Correction,
    Counted,
    DeliveryState,
    FindingsRecord,
    Job,
    JobState,
    Ledger,
    Route,
)
from dicom_node.skipping import DRAWN, NOT_DRAWN, REJECTED
from dicom_node.spool import Spool
from dicom_node.worker.pictures import sent_masks
from dicom_node.worker.processing import read_dataset
from dicom_node.worker.spooling import read_received
from inference.decode import Radiograph, UndecodableImage, read_radiograph
from inference.findings import Caution, Findings, Laterality, Mask
from inference.pipeline import Pipeline
from inference.postprocess import Masks
from inference.quantify import quantify
from inference.segmentations.drawing import Drawing, read_drawing
from inference.segmentations.masks import (
    Drawn,
    UnusableSegmentation,
    check_sides,
    dice,
    drawn_on,
)
from inference.segmentations.segments import ContradictorySegment
from sr_writer.equipment import Equipment
from sr_writer.identity import Issue, Reader, Reference
from sr_writer.kinds import SEG, SR, SR2D, Kind
from sr_writer.results import Output, Results
from sr_writer.seg.drawn import is_redrawn
from sr_writer.verify import InvalidResult as InvalidDicomResult

#: SOP Classes of the reports that a reader's Segmentation can have.
REPORTS = (SR.sop_class_uid, SR2D.sop_class_uid)
#: Nobody's networks: a person.
BY_HAND = Pipeline(())
#: What holds of a radiograph whoever looks at it.
_OF_THE_IMAGE = (Caution.SPACING_AT_DETECTOR, Caution.SPACING_UNKNOWN, Caution.FOR_PROCESSING)
_UNFINISHED = (JobState.RECEIVED, JobState.ANALYZING)


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a Segmentation."""

    reason: str  #: for people: why it ends SKIPPED where nothing of it leaves
    correction: Correction | None = None  #: None: nothing was kept
    results: tuple[Output, ...] = ()  #: its reports, and itself where no archive has it


@dataclass(frozen=True, slots=True)
class Corrections:
    """Takes one Segmentation after another."""

    ledger: Ledger
    spool: Spool
    section: CorrectionsSection
    equipment: Equipment
    kinds: Sequence[Kind]  #: all that there may be
    destinations: Sequence[AnyDestination]
    owner: str  #: who holds the jobs, to the ledger

    def take(self, job: Job, content: bytes) -> Taken:
        """Count and keep it; raises UnusableCorrection, and Transient where its radiograph is not
        analysed yet.
        """
        dataset = read_dataset(content)
        try:
            drawing = read_drawing(dataset)
        except ContradictorySegment as exc:
            raise UnusableCorrection(f"segmentation {job.sop_instance_uid}: {exc}") from exc
        if drawing is None:
            return Taken(f"{NOT_DRAWN} (no segment of it is MANUAL or SEMIAUTOMATIC)")
        known = self.ledger.corrections.of_segmentation(drawing.sop_instance_uid)
        if known is not None and known.job_id != job.id:
            return Taken(f"{DRAWN}, kept before by job {known.job_id}")
        images = self._images(drawing, job)
        if not images:
            named = ", ".join(drawing.images) or "no image"
            return Taken(
                f"{DRAWN}, of nothing that is here: it refers to {named}; once that radiograph is"
                f" here: cxr-node requeue --job {job.id}"
            )
        if len(images) > 1:
            raise UnusableCorrection(
                f"segmentation {drawing.sop_instance_uid} is drawn on {len(images)} radiographs:"
                " store one for each"
            )
        return self._count(job, content, dataset, drawing, images[0], known)

    def routes(self, of_all: Sequence[Route], taken: Taken) -> list[Route]:
        """Those of them by which its results go, with what there is of these."""
        names = {one.name for one in self._readers()}
        roles = {*self._roles(), *(one.role for one in taken.results)}
        return [
            replace(
                route,
                roles=[role for role in route.roles if role in roles],
                reserves={new: old for new, old in route.reserves.items() if new in roles},
            )
            for route in of_all
            if route.destination in names
        ]

    def _readers(self) -> list[AnyDestination]:
        """Not those that are told in HL7 or FHIR, where it would be taken for the node's."""
        return [one for one in self.destinations if not isinstance(one, HandOverDestination)]

    def _roles(self) -> list[str]:
        """Of the reports that they are sent, or may be."""
        sent = {role for one in self._readers() for role in one.profile.built}
        reports = (kind.role for kind in self.kinds if kind.sop_class_uid in REPORTS)
        return [role for role in reports if role in sent]

    def _images(self, drawing: Drawing, job: Job) -> list[Job]:
        """The radiographs it refers to that are here: of each the job by the same pipeline, else
        the newest.
        """
        found = {}
        for uid in drawing.images:
            jobs = [one for one in self.ledger.jobs.of_instance(uid)
                    if one.sop_class_uid in ANALYSED_SOP_CLASSES]  # fmt: skip
            for one in sorted(jobs, key=lambda one: (one.pipeline == job.pipeline, one.id)):
                found[uid] = one
        return list(found.values())

    def _count(
        self,
        job: Job,
        content: bytes,
        dataset: Dataset,
        drawing: Drawing,
        image: Job,
        known: Correction | None,
    ) -> Taken:
        if image.state in _UNFINISHED:
            raise Transient(f"the radiograph {image.sop_instance_uid} is not analysed yet")
        if image.state is JobState.SKIPPED and (image.reason or "").startswith(REJECTED):
            return Taken(f"{DRAWN}, of a radiograph that was {image.reason}")
        radiograph = self._radiograph(image)
        _check_patient(job, dataset, radiograph)
        try:
            drawn = drawn_on(radiograph.header, dataset)
            ours = sent_masks(self.ledger, self.spool, image, radiograph.header)
            check_sides(drawing.sop_instance_uid, drawn, ours)
        except UnusableSegmentation as exc:
            raise UnusableCorrection(str(exc)) from exc
        findings = _findings(drawn, radiograph)
        correction = Correction(
            job_id=job.id,
            image_job_id=image.id,
            image_uid=image.sop_instance_uid,
            segmentation_uid=drawing.sop_instance_uid,
            sha256=job.sha256,
            author=drawing.author,
            drawn_at=drawing.drawn_at,
            algorithm=drawing.algorithm.value,
            predecessor=drawing.predecessors[0] if drawing.predecessors else "",
            kept_at=job.received_at,
            counted=_counted(drawn, findings, ours, self.ledger.findings.of_job(image.id)),
            before=self._reports_before(image, job, known),
        )
        self.ledger.corrections.keep(correction)
        results: tuple[Output, ...] = ()
        if findings is not None and self.section.report:
            results = self._write(job, drawing, radiograph, findings, correction.before)
            if is_redrawn(dataset):
                # A viewer stores it in the archive, the page does not, and the report refers to it.
                results = (_itself(job, drawing, content), *results)
        whose = f"of job {image.id}"
        is_judged = "" if findings else "; it does not say what is infected"
        return Taken(f"{DRAWN} {whose}, kept{is_judged}", correction, results)

    def _radiograph(self, image: Job) -> Radiograph:
        try:
            return read_radiograph(read_dataset(read_received(self.spool, image)))
        except UndecodableImage as exc:
            raise UnusableCorrection(
                f"the radiograph {image.sop_instance_uid} cannot be decoded ({exc}): send it again"
            ) from exc

    def _reports_before(
        self, image: Job, job: Job, known: Correction | None
    ) -> tuple[Reference, ...]:
        """What destinations have, or get, of the node's reports and the last reader's."""
        if known is not None:
            return (*known.before, *self._replaced(job, known))
        earlier = self.ledger.corrections.of_image(image.sop_instance_uid)
        readers = [one.job_id for one in earlier if one.job_id != job.id]
        last = next(filter(None, map(self._sent_reports, readers)), ())
        return (*self._sent_reports(image.id), *last)

    def _replaced(self, job: Job, known: Correction) -> tuple[Reference, ...]:
        """The reports of other bytes under the same UID: what has not left of them never will."""
        if known.sha256 == job.sha256:
            return ()
        why = f"issue {job.issue} takes its place (other bytes)"
        if leaving := self.ledger.issues.superseded(job, self.owner, (), why):
            raise Transient(f"{leaving} earlier reports are just being sent")
        return tuple(
            Reference(one.study_instance_uid, one.series_instance_uid, one.sop_class_uid,
                      one.sop_instance_uid)
            for one in self.ledger.issues.earlier(job.id, ()).arrived
            if one.sop_class_uid in REPORTS
        )  # fmt: skip

    def _sent_reports(self, job_id: int) -> tuple[Reference, ...]:
        leaving = {
            one.sop_instance_uid
            for one in self.ledger.deliveries.of_job(job_id)
            if one.state in (*ARRIVED, DeliveryState.WAITING, DeliveryState.HELD)
        }
        reports = self.ledger.progressions.reports(job_id).values()
        return tuple(one for one in reports if one.sop_instance_uid in leaving)

    def _write(
        self,
        job: Job,
        drawing: Drawing,
        radiograph: Radiograph,
        findings: Findings,
        before: tuple[Reference, ...],
    ) -> tuple[Output, ...]:
        segmentation = Reference(
            drawing.study_instance_uid,
            drawing.series_instance_uid,
            SEG.sop_class_uid,
            drawing.sop_instance_uid,
        )
        issue = Issue(job.issue, before, reader=Reader(drawing.author, segmentation))
        try:
            results = Results(
                radiograph.header, findings, radiograph.pixels, self.equipment, job.received_at,
                issue, self.kinds,
            )  # fmt: skip
            return results.write(self._roles())
        except InvalidDicomResult as exc:
            raise InvalidResult(str(exc)) from exc


def _itself(job: Job, drawing: Drawing, content: bytes) -> Output:
    return Output(
        role=SEG.role,
        sop_class_uid=SEG.sop_class_uid,
        sop_instance_uid=drawing.sop_instance_uid,
        series_instance_uid=drawing.series_instance_uid,
        study_instance_uid=job.study_instance_uid,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        content=content,
    )


def _findings(drawn: Drawn, radiograph: Radiograph) -> Findings | None:
    """What the reader's masks come to; None where the reader does not say what is infected."""
    if drawn.infection is None:
        return None
    cautions = tuple(one for one in radiograph.cautions if one in _OF_THE_IMAGE)
    alone = () if all(mask.any() for mask in drawn.lung.values()) else (Caution.ONE_LUNG_ONLY,)
    masks = Masks(drawn.lung, drawn.infection, None, None, alone)
    return quantify(masks, replace(radiograph, cautions=cautions), BY_HAND, {})


def _counted(
    drawn: Drawn, findings: Findings | None, ours: Drawn | None, found: FindingsRecord | None
) -> Counted:
    counted = Counted()
    if findings is not None:
        counted = replace(
            counted,
            percent_left=findings.left.infected_percent,
            percent_right=findings.right.infected_percent,
            percent_both=findings.infected_percent,
        )
    if found is not None:
        counted = replace(
            counted,
            node_left=found.percent_left,
            node_right=found.percent_right,
            node_both=found.percent_both,
        )
    if ours is None:
        return counted
    both = drawn.infection and ours.infection
    return replace(
        counted,
        dice_lung_left=dice(drawn.lung[Laterality.LEFT], ours.lung[Laterality.LEFT]),
        dice_lung_right=dice(drawn.lung[Laterality.RIGHT], ours.lung[Laterality.RIGHT]),
        dice_infection=dice(_all(drawn.infection), _all(ours.infection)) if both else None,
    )


def _all(infection: Mapping[Laterality, Mask] | None) -> Mask:
    """Of both lungs."""
    masks = (infection or {}).values()
    both: Mask = np.logical_or.reduce(list(masks))
    return both


def _check_patient(job: Job, dataset: Dataset, radiograph: Radiograph) -> None:
    """Whose it is has to be whose the radiograph is: as for priors, by a second identifier too."""
    if differ := differing(dataset, radiograph.header):
        raise UnusableCorrection(
            f"segmentation {job.sop_instance_uid} is of another patient than the radiograph"
            f" {radiograph.sop_instance_uid} it is drawn on, by {' and '.join(differ)}: find out"
            " whose it is; if the archive has corrected the radiograph, send that here again, then:"
            f" cxr-node requeue --job {job.id}"
        )
