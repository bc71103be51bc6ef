"""Two instances of one SOP Instance UID: is what came later anything new?

What the results rest on is compared, not bytes: whose they are, where they lie, and what the
analysis reads: its pixels as decoded, spacing, orientation, and the verdict on the header. An
archive that rewrites private elements or compresses losslessly has changed nothing of these.
"""

from dataclasses import dataclass

import numpy as np
from pydicom import Dataset

from dicom_node.intake.belonging import IDENTITY, as_read
from dicom_node.intake.eligibility import judge
from inference.decode import read_radiograph

#: The results refer to the image in its series.
_REFERRED = ("SeriesInstanceUID",)


@dataclass(frozen=True, slots=True)
class Difference:
    """What of the later instance is not as it was; nothing: nothing that matters."""

    misplaced: tuple[str, ...] = ()  #: keywords of `IDENTITY`
    analysed: tuple[str, ...] = ()  #: what the analysis, or a reference to the image, rests on

    def __bool__(self) -> bool:
        return bool(self.misplaced or self.analysed)

    def __str__(self) -> str:
        """Names of attributes, never their values: they go into the ledger."""
        return ", ".join((*self.misplaced, *self.analysed)) or "nothing that matters"


def misplaced(before: Dataset, after: Dataset) -> tuple[str, ...]:
    """The attributes of `IDENTITY` that differ."""
    return _differing(IDENTITY, before, after)


def compare(before: Dataset, after: Dataset, *, refused_too: bool = False) -> Difference:
    """What differs between two data sets; raises UndecodableImage where one cannot be decoded.

    `refused_too`: they were analysed although the header refuses them, so their pixels matter.
    """
    analysed = list(_differing(_REFERRED, before, after))
    verdicts = judge(before), judge(after)
    if verdicts[0] != verdicts[1]:
        analysed.append("eligibility")
    elif verdicts[0].refusal is None or refused_too:
        analysed += _image_differences(before, after)
    return Difference(misplaced(before, after), tuple(analysed))


def _image_differences(before: Dataset, after: Dataset) -> list[str]:
    first, second = read_radiograph(before), read_radiograph(after)
    found = []
    if not np.array_equal(first.pixels, second.pixels):
        found.append("pixels")
    if (first.spacing_mm, first.spacing_source) != (second.spacing_mm, second.spacing_source):
        found.append("spacing")
    if first.orientation != second.orientation:
        found.append("orientation")
    if first.cautions != second.cautions:
        found.append("cautions")
    return found


def _differing(keywords: tuple[str, ...], before: Dataset, after: Dataset) -> tuple[str, ...]:
    return tuple(k for k in keywords if as_read(before, k) != as_read(after, k))
