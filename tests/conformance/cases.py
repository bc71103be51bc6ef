"""Results to show to other people's programs: of drawn headers, and of the real radiographs'."""

from pathlib import Path

from pydicom import Dataset, dcmread

from inference.findings import Decision, Findings
from inference.pipeline import Pipeline
from sr_writer.kinds import SR, Kind
from sr_writer.results import Output
from sr_writer.sr.notice import write_notice
from tests.sr_writer.examples import (
    CREATED,
    EQUIPMENT,
    INFECTION_MODEL,
    LUNG_MODEL,
    SOURCE_UID,
    bare_header,
    findings,
    header,
    with_uid,
)

DECISIONS = [Decision.POSITIVE, Decision.NEGATIVE, Decision.UNDETERMINED]
HEADERS = {
    **{f"{kind} full": header(kind) for kind in ("CR", "DX", "SC")},
    **{f"{kind} bare": bare_header(kind) for kind in ("CR", "DX", "SC")},
}


def saved(outputs: dict[str, Output], folder: Path) -> dict[str, Path]:
    for role, output in outputs.items():
        (folder / f"{role}.dcm").write_bytes(output.content)
    return {role: folder / f"{role}.dcm" for role in outputs}


def chest_headers(shared_data: Path) -> list[Dataset]:
    files = sorted((shared_data / "dicom" / "chest").glob("*.dcm"))
    assert len(files) == 6
    return [dcmread(file, stop_before_pixels=True) for file in files]


def findings_for(source: Dataset, decision: Decision = Decision.POSITIVE) -> Findings:
    found = findings(decision, shape=(source.Rows, source.Columns), spacing_mm=None)
    return with_uid(found, source.SOPInstanceUID)


def notice(decision: Decision, kind: Kind = SR) -> Output:
    reason = "This is why there is no result."
    pipeline = Pipeline((LUNG_MODEL, INFECTION_MODEL))
    return write_notice(header(), SOURCE_UID, decision, reason, pipeline, EQUIPMENT, CREATED, kind)
