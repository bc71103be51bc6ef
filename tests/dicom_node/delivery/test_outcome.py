"""What each status a destination may answer means for the delivery."""

import pytest
from pynetdicom.status import STATUS_SUCCESS, STATUS_WARNING, code_to_category

from dicom_node.delivery.outcome import Fate, outcome_of

#: One of every class of status in PS3.7 Annex C and PS3.4 table B.2-1, and of none.
TABLE = {
    0x0000: Fate.DELIVERED,  # Success
    0x0001: Fate.DELIVERED,  # Warning: requested optional attributes not supported
    0x0107: Fate.DELIVERED,  # Warning: attribute list error
    0x0116: Fate.DELIVERED,  # Warning: attribute value out of range
    0xB000: Fate.DELIVERED,  # Warning: coercion of data elements
    0xB006: Fate.DELIVERED,  # Warning: elements discarded
    0xB007: Fate.DELIVERED,  # Warning: data set does not match SOP Class
    0xB001: Fate.DELIVERED,  # Warning, which one is the archive's own affair
    0xBFFF: Fate.DELIVERED,
    0x0111: Fate.DELIVERED,  # Duplicate SOP Instance
    0xA700: Fate.AGAIN,  # Refused: out of resources
    0xA7FF: Fate.AGAIN,
    0x0110: Fate.AGAIN,  # Processing failure
    0x0124: Fate.AGAIN,  # Refused: not authorised
    0x0213: Fate.AGAIN,  # Resource limitation
    0x0122: Fate.CLASS_REFUSED,  # SOP Class not supported
    0x0118: Fate.CLASS_REFUSED,  # No such SOP Class
    0xA800: Fate.CLASS_REFUSED,  # SOP Class not supported, in older standards
    0xA900: Fate.A_FEW_TIMES,  # Error: data set does not match SOP Class
    0xA9FF: Fate.A_FEW_TIMES,
    0xC000: Fate.A_FEW_TIMES,  # Error: cannot understand
    0xCFFF: Fate.A_FEW_TIMES,
    0xFE00: Fate.A_FEW_TIMES,  # Cancel, which nobody asked for
    0xFF00: Fate.A_FEW_TIMES,  # Pending, which a C-STORE knows not
    0x0105: Fate.A_FEW_TIMES,  # No such attribute
    0x0106: Fate.A_FEW_TIMES,  # Invalid attribute value
    0x0112: Fate.A_FEW_TIMES,  # No such SOP Instance
    0x0117: Fate.A_FEW_TIMES,  # Invalid SOP Instance
    0x0119: Fate.A_FEW_TIMES,  # Class-instance conflict
    0x0120: Fate.A_FEW_TIMES,  # Missing attribute
    0x0121: Fate.A_FEW_TIMES,  # Missing attribute value
    0x0210: Fate.A_FEW_TIMES,  # Duplicate invocation
    0x0211: Fate.A_FEW_TIMES,  # Unrecognised operation
    0x0212: Fate.A_FEW_TIMES,  # Mistyped argument
    0x1234: Fate.A_FEW_TIMES,  # In no standard
    0xA123: Fate.A_FEW_TIMES,
}


@pytest.mark.parametrize("status", TABLE, ids=hex)
def test_every_class_of_status_has_its_fate(status: int) -> None:
    outcome = outcome_of(status, "PACS", "SR", "1.2.3")
    assert (outcome.fate, outcome.status) == (TABLE[status], status)


def test_just_what_the_standard_counts_as_success_or_warning_is_delivered() -> None:
    delivered = {
        status for status in range(0x10000)
        if outcome_of(status, "PACS", "SR", "1.2.3").fate is Fate.DELIVERED
    }  # fmt: skip
    expected = {
        status for status in range(0x10000)
        if code_to_category(status) in (STATUS_SUCCESS, STATUS_WARNING)
    }  # fmt: skip
    assert delivered == expected | {0x0111}


def test_a_reason_names_output_and_status_in_words() -> None:
    assert outcome_of(0xC001, "PACS", "SR", "1.2.3").message == (
        "PACS: SR 1.2.3: answered 0xc001 (Cannot Understand)"
    )
    assert outcome_of(0x0122, "PACS", "SEG", "1.2.3").message == (
        "PACS does not accept SEG (answered 0x0122 (Refused: SOP Class Not Supported))"
    )
    assert outcome_of(0xB000, "PACS", "SR", "1.2.3").message == "Coercion of Data Elements"
    assert outcome_of(0x0000, "PACS", "SR", "1.2.3").message == ""
