"""What every accident is judged by: each image sent has one SEG, one SR and one overlay."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from pydicom import Dataset

from dicom_node.demo.pacs import Pacs
from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.ledger import JobState
from tests.phantoms import draw
from tests.system.waiting import ended_job

SEG, SR, SC, PR = (
    "1.2.840.10008.5.1.4.1.1.66.4",
    "1.2.840.10008.5.1.4.1.1.88.34",
    "1.2.840.10008.5.1.4.1.1.7",
    "1.2.840.10008.5.1.4.1.1.11.1",
)


def radiographs(count: int, seed: int) -> list[Dataset]:
    kinds = (Kind.HEALTHY, Kind.LEFT_OPACITY)
    return [
        as_dicom(draw(kinds[i % 2], rows=382, columns=318, seed=seed + i)) for i in range(count)
    ]


def write_config(file: Path, state: Path, pacs: Pacs, node: str = "", sections: str = "") -> None:
    """Of a node that sends to `pacs`; `node`: more of that section, `sections`: others, as TOML."""
    file.write_text(
        f"[node]\nstate = {json.dumps(str(state))}\n{node}\n{sections}\n"
        f'[[destination]]\nname = "pacs"\naet = "{pacs.aet}"\nhost = "{pacs.host}"\n'
        f"port = {pacs.port}\n",
        "utf-8",
    )


def destination(pacs: Pacs) -> str:
    return f"{pacs.aet}@{pacs.host}:{pacs.port}"


def assert_everything_once(
    sources: Sequence[Dataset],
    state: Path,
    pacs: Pacs,
    instead: Mapping[int, Mapping[str, str]] = MappingProxyType({}),
) -> None:
    """One SEG, one SR, one overlay of each source; an instance may have arrived more than once.

    `instead`: by the source's number, the class that stands in for another.
    """
    for source in sources:
        assert ended_job(state, source.SOPInstanceUID).state is JobState.BUILT
    for number, source in enumerate(sources):
        replaced = instead.get(number, {})
        expected = sorted(replaced.get(sop_class, sop_class) for sop_class in (SEG, SR, SC))
        assert classes(pacs, source) == expected


def classes(pacs: Pacs, source: Dataset) -> list[str]:
    """Of the instances that the source's study now holds, sorted."""
    study = source.StudyInstanceUID
    held = {a.sop_instance_uid: a for a in pacs.stored if a.path.parent.name == study}
    return sorted(arrival.sop_class_uid for arrival in held.values())
