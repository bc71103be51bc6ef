"""Run by test_archive in a network of its own: store files in Orthanc, read them back by DICOMweb.

    python -m tests.conformance.archive_scenario FOLDER FILE...

Saves each instance that WADO-RS gives as FOLDER/SOP-INSTANCE-UID.dcm. Prints JSON: what storescu
said of each file, and the series that QIDO-RS finds in each study.
"""

import json
import sys
from email.parser import BytesParser
from pathlib import Path
from typing import Any

from pydicom import dcmread

from tests.system.orthanc import Orthanc, running_orthanc, storescu

#: Each as it is stored, in whichever transfer syntax.
ACCEPT = 'multipart/related; type="application/dicom"; transfer-syntax=*'
MODALITY, DESCRIPTION, SERIES_UID, SERIES_NUMBER = "00080060", "0008103E", "0020000E", "00200011"


def main(folder: Path, files: list[Path]) -> None:
    with running_orthanc(folder) as orthanc:
        stored = {path.name: _store(path, orthanc) for path in files}
        studies = {_retrieve(path, orthanc, folder) for path in files}
        found = {uid: _series(orthanc, uid) for uid in studies}
    print(json.dumps({"storescu": stored, "series": found}))


def _store(path: Path, orthanc: Orthanc) -> str:
    """What storescu complains of: nothing, where all is well."""
    run = storescu(path, "ORTHANC", orthanc.dicom_port)
    return run.stderr or ("" if run.returncode == 0 else f"exit code {run.returncode}")


def _retrieve(path: Path, orthanc: Orthanc, folder: Path) -> str:
    """WADO-RS, Retrieve Instance (PS3.18 10.4); the study it was asked of."""
    header = dcmread(path, stop_before_pixels=True)
    study, series = header.StudyInstanceUID, header.SeriesInstanceUID
    instance = header.SOPInstanceUID
    url = f"/dicom-web/studies/{study}/series/{series}/instances/{instance}"
    content_type, body = orthanc.read_with_type(url, {"Accept": ACCEPT})
    message = BytesParser().parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    _, part = message.walk()
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    (folder / f"{instance}.dcm").write_bytes(content)
    return str(study)


def _series(orthanc: Orthanc, study: str) -> list[dict[str, Any]]:
    """QIDO-RS, Search for Series (PS3.18 10.6)."""
    wanted = f"includefield={DESCRIPTION}"
    answer = orthanc.get(f"/dicom-web/studies/{study}/series?{wanted}")
    return [
        {
            "uid": _value(one, SERIES_UID),
            "modality": _value(one, MODALITY),
            "number": _value(one, SERIES_NUMBER),
            "description": _value(one, DESCRIPTION),
        }
        for one in answer
    ]


def _value(dataset: dict[str, Any], tag: str) -> Any:
    """The first value of an attribute in the DICOM JSON model (PS3.18 F), or None."""
    return next(iter(dataset.get(tag, {}).get("Value", [])), None)


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(argument) for argument in sys.argv[2:]])
