"""Radiographs with what readers have drawn on them, as files to learn from."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dicom_node.errors import NodeError
from dicom_node.ledger import Correction, Job, Ledger
from dicom_node.spool import Spool, safe_name

RADIOGRAPH, SEGMENTATION = "radiograph.dcm", "segmentation.dcm"
#: They hold patients' images: for whoever asked for them alone.
_PRIVATE = (0o700, 0o600)


@dataclass(frozen=True, slots=True)
class Pair:
    """One radiograph and the Segmentation that counts."""

    correction: Correction
    image: Job
    fault: str = ""  #: why there are no files of it


def export(ledger: Ledger, spool: Spool, folder: Path) -> Iterator[Pair]:
    """Write each below `folder`, named by the radiograph's UID, as it was received; what is there
    of the same one is replaced. Raises OSError where that cannot be written.
    """
    for one in ledger.corrections.latest():
        image, drawn = ledger.jobs.get(one.image_job_id), ledger.jobs.get(one.job_id)
        if image is None or drawn is None:
            # Purged at this moment.
            continue
        if drawn.sha256 != one.sha256:
            yield Pair(one, image, f"other bytes of it wait to be counted: job {drawn.id}")
            continue
        try:
            contents = [spool.read_verified(job.path, job.sha256) for job in (image, drawn)]
        except NodeError as exc:
            yield Pair(one, image, str(exc))
            continue
        place = folder / safe_name(one.image_uid)
        place.mkdir(_PRIVATE[0], parents=True, exist_ok=True)
        for name, content in zip((RADIOGRAPH, SEGMENTATION), contents, strict=True):
            _write(place / name, content)
        yield Pair(one, image)


def _write(path: Path, content: bytes) -> None:
    """Whole, or as it was."""
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(content)
    temporary.chmod(_PRIVATE[1])
    temporary.replace(path)
