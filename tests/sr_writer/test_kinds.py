"""The record of each kind of output: names of its own, the standard's class, light to read."""

import subprocess
import sys

import pytest
from pydicom.uid import (
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EncapsulatedPDFStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    KeyObjectSelectionDocumentStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

from sr_writer.kinds import KINDS, USUAL, Kind
from tests.sr_writer.examples import ROLES, all_results
from tests.sr_writer.reading import read

#: SOP class, modality and series number, which archives and hanging protocols go by: a kind that is
#: added is listed here, and none that is there may change.
PROMISED = {
    "SEG": (SegmentationStorage, "SEG", 100),
    "SR": (Comprehensive3DSRStorage, "SR", 200),
    "SR2D": (ComprehensiveSRStorage, "SR", 210),
    "SC": (SecondaryCaptureImageStorage, "OT", 300),
    "KO": (KeyObjectSelectionDocumentStorage, "KO", 400),
    "PR": (GrayscaleSoftcopyPresentationStateStorage, "PR", 500),
    "DOC": (EncapsulatedPDFStorage, "DOC", 600),
}


def test_every_kind_is_what_archives_go_by() -> None:
    results = {role: read(output) for role, output in all_results().items()}
    assert {
        role: (result.SOPClassUID, result.Modality, result.SeriesNumber)
        for role, result in results.items()
    } == PROMISED


@pytest.mark.parametrize(
    "field", ["role", "sop_class_uid", "series_number", "subject", "file_name"]
)
def test_no_two_kinds_share_a_name(field: str) -> None:
    assert len({getattr(kind, field) for kind in KINDS}) == len(KINDS)


def test_a_series_list_shows_them_in_the_order_of_sending() -> None:
    assert [kind.series_number for kind in KINDS] == sorted(kind.series_number for kind in KINDS)


def test_what_is_usual_and_what_stands_in_are_kinds() -> None:
    assert set(USUAL) <= set(ROLES)
    assert {kind.next_best for kind in KINDS} - {None} <= set(ROLES)


@pytest.mark.parametrize("kind", KINDS, ids=ROLES)
def test_a_description_has_room_for_versions(kind: Kind) -> None:
    """LO holds 64 characters: both versions, as today's networks have them, and the end, which says
    that it is not for diagnosis."""
    assert len(f"{kind.subject} 2026.11.26/2026.11.27, not for diagnosis") <= 64


def test_the_records_load_nothing_that_reads_or_builds_objects() -> None:
    """The configuration and the sender ask for them."""
    code = (
        "import sys, sr_writer.kinds, sr_writer.equipment;"
        "print({'numpy', 'pydicom', 'highdicom', 'PIL', 'skimage', 'reportlab', 'inference'}"
        " & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
