"""A worker and who asks archives, around one ledger: what the tests of both share."""

from typing import Any

from pydicom import Dataset

from dicom_node.config import PriorsSection
from dicom_node.config.profiles import Profile
from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.intake.indexing import index_of
from dicom_node.ledger import Became, Inquiry, Job, JobState
from dicom_node.patients import Patients
from dicom_node.queueing import Received
from dicom_node.retrieval.dicom import DicomArchive
from dicom_node.retrieval.inquiring import InquiryLoop
from dicom_node.retrieval.taking import Taking
from inference.decoding.transfer_syntaxes import decodable
from sr_writer.equipment import Equipment
from tests.dicom_node.bench import PACS, Bench
from tests.dicom_node.radiographs import file_bytes
from tests.dicom_node.retrieval.archive import Held
from tests.phantoms import draw

WANTED = Profile(("SEG", "SR"), next_best=False)
ASKING = PriorsSection(days=30, most=2, ask=(PACS,))


def visit(day: str, kind: Kind = Kind.LEFT_OPACITY, **overrides: object) -> Dataset:
    date = day.replace("-", "")
    dates = dict.fromkeys(("StudyDate", "SeriesDate", "ContentDate", "AcquisitionDate"), date)
    keys: dict[str, Any] = {"IssuerOfPatientID": "HOSPITAL"} | dates | overrides
    return as_dicom(draw(kind, rows=382, columns=318, seed=4), **keys)


def arrive(bench: Bench, image: Dataset) -> int:
    content = file_bytes(image)
    return bench.accept(content, "", index_of(content, "it", Patients.of(bench.spool)).origin)


def analyse(bench: Bench, image: Dataset, priors: PriorsSection = ASKING) -> int:
    job_id = arrive(bench, image)
    assert bench.work(job_id, WANTED, priors=priors).state is JobState.BUILT
    return job_id


def loop_of(bench: Bench, to: Held | int, priors: PriorsSection = ASKING) -> InquiryLoop:
    held = to if isinstance(to, Held) else Held(to, [])
    maker = Equipment()
    taking = Taking(
        bench.ledger, bench.spool, Patients.of(bench.spool), bench.pipeline,
        (maker.manufacturer, maker.model_name), lambda _: None,
    )  # fmt: skip
    asking = DicomArchive(held.destination, "CXRNODE", 100_000_000, decodable())
    return InquiryLoop(PACS, asking, priors, bench.ledger, bench.spool, taking, "asker")


def work_all(bench: Bench, priors: PriorsSection = ASKING) -> None:
    """As long as any job waits."""
    worker = bench.worker(WANTED, priors=priors)
    while bench.ledger.jobs.count_waiting():
        worker.handle(Received(0, redelivered=False))


def inquiry(bench: Bench, job_id: int) -> Inquiry:
    (found,) = bench.ledger.inquiries.of_job(job_id)
    return found


def became(bench: Bench, job_id: int) -> dict[str, Became]:
    return {one.taken[:10]: one.became for one in inquiry(bench, job_id).shown}


def job_from(bench: Bench, image: Dataset) -> Job:
    (job,) = bench.ledger.jobs.of_instance(image.SOPInstanceUID)
    return job
