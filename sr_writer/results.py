"""The table of contents: a source header and Findings ► SEG, Structured Report, overlay.

source  ► what is inherited, as received      segmentation ► four masks
identity ► UIDs, series, equipment            report       ► figures, decision, reason
part10  ► the bytes                           overlay      ► the picture anyone can open
verify  ► the last gate
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from inference.results import Findings
from sr_writer.identity import Equipment, Identity, Role, identity_of
from sr_writer.overlay import build_overlay
from sr_writer.part10 import part10
from sr_writer.report import build_report
from sr_writer.segmentation import build_segmentation
from sr_writer.source import read_source
from sr_writer.verify import SOP_CLASS, verify

__all__ = ["Output", "Role", "write_results"]


@dataclass(frozen=True, slots=True)
class Output:
    """One object that leaves."""

    role: Role
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str
    transfer_syntax_uid: str
    content: bytes  #: a complete Part 10 file


def write_results(
    header: Dataset,
    findings: Findings,
    pixels: NDArray[np.float32],
    equipment: Equipment,
    created: datetime,
) -> tuple[Output, ...]:
    """SEG, SR and overlay of one radiograph, verified; the same input gives the same bytes.

    `header` is the source's, without pixels, and stays as it is; `pixels` is (rows, columns),
    0..1, bright = dense. `created` becomes the content date and time: give every try of a job
    the same. Raises InvalidResult.
    """
    source = read_source(
        header, findings.source_sop_instance_uid, pixels.shape, findings.spacing_mm
    )
    identity = identity_of(findings, equipment, created)
    contents = {
        Role.SEG: part10(build_segmentation(source, findings, identity), source),
        Role.SR: part10(build_report(source, findings, identity), source),
        Role.SC: part10(build_overlay(source, findings, pixels, identity), source),
    }
    verify(contents, source, findings, identity)
    study = str(source.header.StudyInstanceUID)
    return tuple(_output(role, content, study, identity) for role, content in contents.items())


def _output(role: Role, content: bytes, study: str, identity: Identity) -> Output:
    return Output(
        role=role,
        sop_class_uid=SOP_CLASS[role],
        sop_instance_uid=identity.sop_instance_uid(role),
        series_instance_uid=identity.series_instance_uid(role),
        study_instance_uid=study,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        content=content,
    )
