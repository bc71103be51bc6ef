"""The table of contents: a source header and Findings ► the objects that leave.

source   ► what is inherited, as received       seg ► four masks
identity ► UIDs, equipment                      sr  ► figures, decision, reason; notices
case     ► what all are made from               sc  ► the picture anyone can open
kinds    ► what there is to make                ko  ► a positive one, marked; results taken back
output   ► the bytes                            pr  ► outlines over the source
verify   ► the last gate                        doc ► all of it on a page
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from inference.findings import Findings
from sr_writer.case import Case
from sr_writer.equipment import Equipment
from sr_writer.identity import FIRST_ISSUE, Issue, identity_of
from sr_writer.kinds import KINDS, USUAL, Kind
from sr_writer.language import ENGLISH
from sr_writer.languages import words_of
from sr_writer.output import Output, output_of, part10
from sr_writer.painting import Painting
from sr_writer.progression import Prior
from sr_writer.source import read_source
from sr_writer.verify import verify

__all__ = ["Output", "Results", "write_results"]


class Results:
    """All that can be written of one radiograph; what several objects share is made once.

    `header` is the source's, without pixels, and stays as it is; `pixels` is (rows, columns),
    0..1, bright = dense. `created` becomes the content date and time: give every try of a job
    the same, and it gives the same bytes. `earlier` gives the picture of a radiograph before, None
    where there is none any more; it is asked only where one is shown.
    """

    def __init__(
        self,
        header: Dataset,
        findings: Findings,
        pixels: NDArray[np.float32],
        equipment: Equipment,
        created: datetime,
        issue: Issue = FIRST_ISSUE,
        kinds: Sequence[Kind] = KINDS,
        earlier: Callable[[Prior], Painting | None] = lambda _: None,
    ) -> None:
        source = read_source(
            header, findings.source_sop_instance_uid, pixels.shape, findings.spacing_mm
        )
        identity = identity_of(findings, equipment, created, issue)
        words = words_of(ENGLISH)
        self._case = Case(header, source, findings, pixels, identity, words, earlier)
        self._kinds = kinds

    def write(self, roles: Collection[str]) -> tuple[Output, ...]:
        """Just these, verified, in the order of the kinds; raises InvalidResult.

        What does not exist of this radiograph is left out: see `exists` of each kind.
        """
        if unknown := set(roles) - {kind.role for kind in self._kinds}:
            raise ValueError(f"no kind of output is called {', '.join(sorted(unknown))}")
        wanted = (kind for kind in self._kinds if kind.role in roles)
        return tuple(self._write(kind) for kind in wanted if kind.exists(self._case))

    def _write(self, kind: Kind) -> Output:
        case = self._case.spoken(kind.language)
        content = part10(kind.build(case), case.source, case.words)
        verify(
            kind, content, case.source, case.identity, lambda dataset: kind.verify(dataset, case)
        )
        return output_of(kind, content, str(case.source.header.StudyInstanceUID), case.identity)


def write_results(
    header: Dataset,
    findings: Findings,
    pixels: NDArray[np.float32],
    equipment: Equipment,
    created: datetime,
    roles: Collection[str] = USUAL,
) -> tuple[Output, ...]:
    """The outputs of one radiograph in one call, see Results."""
    return Results(header, findings, pixels, equipment, created).write(roles)
