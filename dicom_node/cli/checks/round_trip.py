"""A drawn radiograph through the listener of the running node, until its report is stored.

It is of no patient and says so wherever a person may look. It is a new study each time: an image
that came before would not be analysed again.
"""

import tempfile
import time
import uuid
from collections.abc import Collection, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

from pydicom import Dataset

from dicom_node.cli.checks.check import Check, Key, fault, ok, warning
from dicom_node.cli.checks.outside import this_node
from dicom_node.config import Config
from dicom_node.delivery.association import associate
from dicom_node.demo.phantom import Kind, draw
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.errors import SUCCESS, DestinationUnavailable, NodeError
from dicom_node.ledger import ARRIVED, Delivery, DeliveryState, Job, JobState, Ledger
from dicom_node.ops.status import open_existing
from sr_writer.kinds import KINDS

#: What the test says of its patient, and of itself.
PATIENT_ID, PATIENT_NAME = "CXR-NODE-TEST", "TEST^NO PATIENT"
DESCRIPTION = "Test of the CXR node (drawn, no patient)"
#: Rows and columns: as a small detector's, and drawn at once.
_SHAPE = (1024, 852)
#: Seconds that the node gets to answer the C-STORE.
_ANSWER_S = 60.0
_LOOK_S = 0.05
_REPORTS = {kind.role for kind in KINDS if kind.is_report}
#: It goes on by itself.
_ON_ITS_WAY = (DeliveryState.WAITING, DeliveryState.DAMAGED)


def round_trip(config: Config, calling_aet: str, within_s: float) -> Iterator[Check]:
    """Each step as soon as it is over; what is left afterwards comes last."""
    name = "round trip"
    image = _drawn()
    try:
        with closing(open_existing(config)) as ledger:
            began = time.monotonic()
            yield _sent(config, image, calling_aet or _caller(config), began)
            if not ledger.jobs.of_instance(image.SOPInstanceUID):
                return
            until = began + within_s
            job = _ended(ledger, image, until)
            yield _analysed(ledger, job, time.monotonic() - began, within_s)
            if job.state is JobState.BUILT:
                yield from _delivered(config, ledger, job, began, until)
            yield _left(config, ledger, job)
    except NodeError as exc:
        yield fault(name, str(exc), "start the node, or correct what is said above")


def _drawn() -> Dataset:
    """By its device, too, so that a report of devices tells it from patients' images."""
    now, (rows, columns) = datetime.now(), _SHAPE
    day, at = f"{now:%Y%m%d}", f"{now:%H%M%S}"
    # PS3.5 B.2
    study, series, instance = (f"2.25.{uuid.uuid4().int}" for _ in range(3))
    return as_dicom(
        draw(Kind.LEFT_OPACITY, rows=rows, columns=columns, seed=1),
        StudyInstanceUID=study, SeriesInstanceUID=series, SOPInstanceUID=instance,
        PatientID=PATIENT_ID, PatientName=PATIENT_NAME, StudyDescription=DESCRIPTION,
        SeriesDescription=DESCRIPTION, ManufacturerModelName=DESCRIPTION,
        AccessionNumber=f"TEST{now:%m%d%H%M%S}",
        StudyDate=day, SeriesDate=day, ContentDate=day, AcquisitionDate=day,
        StudyTime=at, SeriesTime=at, ContentTime=at, AcquisitionTime=at,
    )  # fmt: skip


def _caller(config: Config) -> str:
    """One whom the node lets in, from here if possible."""
    from_here = [one.aet for one in config.callers if one.host in (None, "127.0.0.1")]
    return next(iter([*from_here, *(one.aet for one in config.callers)]), "CXRTEST")


def _sent(config: Config, image: Dataset, aet: str, began: float) -> Check:
    name, sop_class = "round trip, received", str(image.SOPClassUID)
    syntax = str(image.file_meta.TransferSyntaxUID)
    here = this_node(config)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "test.dcm"
        image.save_as(path, enforce_file_format=True)
        try:
            with associate(aet, here, [(sop_class, syntax)]) as association:
                if association.syntax_for(sop_class, [syntax]) is None:
                    return fault(name, f"{here.address} takes no radiograph", "is it this node?")
                status = association.store(path, _ANSWER_S)
        except DestinationUnavailable as exc:
            return fault(
                name, f"sent as {aet}: {exc}",
                "start the node; or say with --calling as whom it lets in who sends from here",
                Key("caller", "aet"),
            )  # fmt: skip
    took = f"sent as {aet}, answered {status:#06x} after {time.monotonic() - began:.2f} s"
    if status != SUCCESS:
        return fault(name, took, "see the node's log")
    return ok(name, took)


def _ended(ledger: Ledger, image: Dataset, until: float) -> Job:
    """Its job, once the analysis has ended or time is up."""
    while True:
        job = ledger.jobs.of_instance(image.SOPInstanceUID)[-1]
        is_over = job.state not in (JobState.RECEIVED, JobState.ANALYZING)
        if is_over or time.monotonic() > until:
            return job
        time.sleep(_LOOK_S)


def _analysed(ledger: Ledger, job: Job, took_s: float, within_s: float) -> Check:
    name = "round trip, analysed"
    if job.state is not JobState.BUILT:
        if job.state in (JobState.RECEIVED, JobState.ANALYZING):
            found = f"job {job.id} is {job.state} after {within_s:.0f} s"
            return fault(name, found, "is a worker alive, and how many wait? cxr-node status")
        return fault(name, f"job {job.id}: {job.state}: {job.reason}", f"cxr-node job {job.id}")
    findings = ledger.findings.of_job(job.id)
    said = f"job {job.id}: {findings.decision if findings else 'no findings'}"
    return ok(name, f"{said}, after {took_s:.2f} s")


def _delivered(
    config: Config, ledger: Ledger, job: Job, began: float, until: float
) -> Iterator[Check]:
    waits = {to.name for to in config.destinations}
    while waits and time.monotonic() < until:
        deliveries = ledger.deliveries.of_job(job.id)
        for name in sorted(waits):
            own = [each for each in deliveries if each.destination == name]
            if own and not any(each.state in _ON_ITS_WAY for each in own):
                waits.discard(name)
                yield _arrived(name, own, time.monotonic() - began)
        time.sleep(_LOOK_S)
    for name in sorted(waits):
        own = [each for each in ledger.deliveries.of_job(job.id) if each.destination == name]
        why = next((each.reason for each in own if each.reason), "no sender has taken it")
        yield fault(
            f"round trip, {name}", f"not there in time: {why}",
            f"cxr-node destinations; cxr-node job {job.id}",
        )  # fmt: skip


def _arrived(name: str, deliveries: Collection[Delivery], took_s: float) -> Check:
    check = f"round trip, {name}"
    there = sorted(each.role for each in deliveries if each.state in ARRIVED)
    lost = [each for each in deliveries
            if each.state in (DeliveryState.REFUSED, DeliveryState.DEAD)]  # fmt: skip
    if lost:
        said = f"stored {', '.join(there) or 'nothing'}; {lost[0].role}: {lost[0].reason}"
        return fault(check, said, "see the log of the destination")
    if any(each.state is DeliveryState.HELD for each in deliveries):
        return ok(check, f"silent: its results are held, after {took_s:.2f} s")
    if not there:
        return warning(check, "nothing was sent there", "is that meant? cxr-node destinations")
    said = f"stored {', '.join(there)}, all after {took_s:.2f} s"
    if not _REPORTS & set(there):
        return warning(check, f"{said}; no report is among it", "is that meant?")
    return ok(check, said)


def _left(config: Config, ledger: Ledger, job: Job) -> Check:
    """What the test leaves behind, and how it is removed."""
    at = sorted(
        {each.destination for each in ledger.deliveries.of_job(job.id) if each.state in ARRIVED}
    )
    study = f"study {job.study_instance_uid} of Patient ID {PATIENT_ID}"
    there = f"{study} is at {', '.join(at)}: delete that study there" if at else f"{study}, nowhere"
    days = config.retention.delivered_days
    here = f"for {days} days" if days else "for ever: [retention] delivered_days is not set"
    return ok("round trip, left", f"{there}; this node keeps its own copies {here}")
