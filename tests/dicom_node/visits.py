"""A patient's radiographs of different days, sent to a worker and analysed by it."""

from typing import Any

from pydicom import Dataset

from dicom_node.config import PriorsSection
from dicom_node.config.profiles import Profile
from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.intake.indexing import index_of
from dicom_node.ledger import JobState
from dicom_node.patients import Patients
from sr_writer.progression import Progression
from tests.dicom_node.bench import Bench
from tests.dicom_node.radiographs import file_bytes
from tests.phantoms import draw

WANTED = Profile(("SEG", "SR", "DOC"), next_best=False)
PRIORS = PriorsSection(days=30, most=2)


def visit(day: str, kind: Kind = Kind.LEFT_OPACITY, **overrides: object) -> Dataset:
    """A radiograph of one patient, taken on that day at half past eight."""
    date = day.replace("-", "")
    dates = dict.fromkeys(("StudyDate", "SeriesDate", "ContentDate", "AcquisitionDate"), date)
    image = draw(kind, rows=382, columns=318, seed=4)
    keys: dict[str, Any] = {"IssuerOfPatientID": "HOSPITAL"} | dates | overrides
    return as_dicom(image, **keys)


def arrive(bench: Bench, image: Dataset, pipeline: str = "") -> int:
    content = file_bytes(image)
    origin = index_of(content, "it", Patients.of(bench.spool)).origin
    return bench.accept(content, pipeline, origin)


def analyse(bench: Bench, image: Dataset, priors: PriorsSection = PRIORS) -> int:
    job_id = arrive(bench, image)
    assert bench.work(job_id, WANTED, priors=priors).state is JobState.BUILT
    return job_id


def told(bench: Bench, job_id: int) -> Progression:
    progression = bench.ledger.progressions.of_job(job_id)
    assert progression is not None
    return progression
