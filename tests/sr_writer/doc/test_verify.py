"""Whatever is wrong with a page is named, and it does not leave."""

import pytest
from pydicom import Dataset

from sr_writer.kinds import DOC
from tests.sr_writer.altering import Change, assert_refused, set_to


def print_another_percentage(dataset: Dataset) -> None:
    dataset.EncapsulatedDocument = dataset.EncapsulatedDocument.replace(
        b"(about 10 %", b"(about 15 %"
    )


def print_no_notice(dataset: Dataset) -> None:
    dataset.EncapsulatedDocument = dataset.EncapsulatedDocument.replace(b"Research", b"Clinical")


def print_half_a_page(dataset: Dataset) -> None:
    dataset.EncapsulatedDocumentLength //= 2


def print_two_pages(dataset: Dataset) -> None:
    dataset.EncapsulatedDocument = dataset.EncapsulatedDocument.replace(
        b"/Type /Catalog", b"/Type /Page   "
    )


def print_of_another_source(dataset: Dataset) -> None:
    dataset.SourceInstanceSequence[0].ReferencedSOPInstanceUID = "1.2.3"


CASES = [
    (print_another_percentage, "page does not say about 10 %"),
    (print_no_notice, "page does not say Research use only"),
    (print_half_a_page, "not whole"),
    (print_two_pages, "not one page"),
    (print_of_another_source, "refers to 1.2.3"),
    (set_to(MIMETypeOfEncapsulatedDocument="text/plain"), "text/plain"),
    (set_to(BurnedInAnnotation="NO"), "burned in"),
]


@pytest.mark.parametrize(("change", "message"), CASES)
def test_a_wrong_page_is_refused_by_name(change: Change, message: str) -> None:
    assert_refused(DOC, change, message)
