"""The table of contents: a source header and Findings ► the objects that leave.

source   ► what is inherited, as received      segmentation       ► four masks
identity ► UIDs, series, equipment             report             ► figures, decision, reason
part10   ► the bytes                           overlay            ► the picture anyone can open
verify   ► the last gate                       key_objects        ► a positive one, marked
                                               presentation_state ► outlines over the source
notice   ► why there is no result              document           ► all of it on a page
rejection_note ► results that are taken back
"""

from collections.abc import Collection
from datetime import datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from inference.findings import Findings
from sr_writer.identity import FIRST_ISSUE, Equipment, Issue, Role, identity_of
from sr_writer.ko.build import build_key_objects, is_key
from sr_writer.outlines import Outlines
from sr_writer.output import Output, output_of, part10
from sr_writer.painting import Painting, paint
from sr_writer.pr.build import build_presentation_state
from sr_writer.pr.display import is_grayscale
from sr_writer.sc.build import build_overlay
from sr_writer.seg.build import build_segmentation
from sr_writer.source import read_source
from sr_writer.sr.build import build_report, report_content
from sr_writer.verify import verify

__all__ = ["USUAL", "Output", "Results", "Role", "write_results"]

#: What a destination gets unless it asks for something else.
USUAL = (Role.SEG, Role.SR, Role.SC)


class Results:
    """All that can be written of one radiograph; what several objects share is made once.

    `header` is the source's, without pixels, and stays as it is; `pixels` is (rows, columns),
    0..1, bright = dense. `created` becomes the content date and time: give every try of a job
    the same, and it gives the same bytes.
    """

    def __init__(
        self,
        header: Dataset,
        findings: Findings,
        pixels: NDArray[np.float32],
        equipment: Equipment,
        created: datetime,
        issue: Issue = FIRST_ISSUE,
    ) -> None:
        self._source = read_source(
            header, findings.source_sop_instance_uid, pixels.shape, findings.spacing_mm
        )
        self._header = header
        self._findings = findings
        self._pixels = pixels
        self._identity = identity_of(findings, equipment, created, issue)
        self._outlines = Outlines(findings)

    def write(self, roles: Collection[Role]) -> tuple[Output, ...]:
        """Just these, verified, in the order of Role; raises InvalidResult.

        A Key Object Selection of a radiograph that is not clearly positive is left out, and so is a
        presentation state of one that came in colours.
        """
        wanted = [role for role in Role if role in roles and self._exists(role)]
        contents = {role: part10(self._build(role), self._source) for role in wanted}
        verify(contents, self._source, self._findings, self._identity)
        study = str(self._source.header.StudyInstanceUID)
        return tuple(
            output_of(role, content, study, self._identity) for role, content in contents.items()
        )

    def _exists(self, role: Role) -> bool:
        if role is Role.PR:
            return is_grayscale(self._header)
        return role is not Role.KO or is_key(self._findings)

    def _build(self, role: Role) -> Dataset:
        source, findings, identity = self._source, self._findings, self._identity
        match role:
            case Role.SEG:
                return build_segmentation(source, findings, identity)
            case Role.SR | Role.SR2D:
                return build_report(role, source, identity, self._report_content)
            case Role.SC:
                return build_overlay(source, findings, self._painting, identity)
            case Role.KO:
                return build_key_objects(source, findings, identity)
            case Role.PR:
                return build_presentation_state(
                    source, findings, identity, self._header, self._outlines
                )
            case Role.DOC:
                # Loads what draws pages: 0.2 s that a node without this role does not spend.
                from sr_writer.doc.build import build_document

                return build_document(source, findings, self._painting, identity)

    @cached_property
    def _report_content(self) -> Dataset:
        return report_content(self._source, self._findings, self._identity, self._outlines)

    @cached_property
    def _painting(self) -> Painting:
        return paint(self._pixels, self._findings)


def write_results(
    header: Dataset,
    findings: Findings,
    pixels: NDArray[np.float32],
    equipment: Equipment,
    created: datetime,
    roles: Collection[Role] = USUAL,
) -> tuple[Output, ...]:
    """The outputs of one radiograph in one call, see Results."""
    return Results(header, findings, pixels, equipment, created).write(roles)
