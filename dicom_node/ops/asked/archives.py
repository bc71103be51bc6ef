"""Archives that were asked for a patient's earlier radiographs, for people: what each answered."""

from collections.abc import Iterator, Mapping, Sequence

from dicom_node.ledger import Became, Inquiry, InquiryState, Shown
from dicom_node.ops.asked.earlier import WHY
from dicom_node.ops.wording import line
from sr_writer.progression import Omission

#: What an operator reads of an image that an archive showed.
BECAME: Mapping[Became, str] = {
    Became.FETCHED: "fetched",
    Became.KNOWN: "was here already",
    Became.OTHER_ID: "of another Patient ID or issuer",
    Became.NOT_ELIGIBLE: "not to be analysed",
    Became.OURS: "a result of a node",
    Became.NOT_EARLIER: "not taken before this one",
    Became.TOO_OLD: WHY[Omission.TOO_OLD],
    Became.OTHER_PATIENT: WHY[Omission.OTHER_PATIENT],
    Became.UNCONFIRMED: WHY[Omission.UNCONFIRMED],
    Became.NOT_RETRIEVED: WHY[Omission.NOT_RETRIEVED],
}


def standing(inquiry: Inquiry) -> str:
    """How an inquiry stands, in a sentence."""
    match inquiry.state:
        case InquiryState.WAITING if inquiry.reason:
            return f"is asked again: {inquiry.reason}"
        case InquiryState.WAITING:
            return "is asked once the report has left"
        case InquiryState.GIVEN_UP:
            return f"given up: {inquiry.reason}"
        case InquiryState.ANSWERED:
            return "answered; what was fetched is being analysed"
        case InquiryState.CLOSED:
            return "answered" if inquiry.shown else "answered: has none"


def became(one: Shown) -> str:
    """Of an image, with the reason where there is more to say."""
    return f"{BECAME[one.became]}: {one.why}" if one.why else BECAME[one.became]


def in_order(inquiry: Inquiry) -> list[Shown]:
    """The oldest first."""
    return sorted(inquiry.shown, key=lambda one: one.taken)


def archive_lines(inquiries: Sequence[Inquiry]) -> Iterator[str]:
    for inquiry in inquiries:
        yield f"  {inquiry.destination} {line(standing(inquiry))}"
        for one in in_order(inquiry):
            yield f"    {one.taken or 'at no date'}  {line(became(one))}"
