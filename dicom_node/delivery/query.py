"""What an archive shows when it is asked: C-FIND at image level (PS3.4 Annex C, Study Root)."""

from collections.abc import Collection, Sequence

from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind,
)

from dicom_node.config import Destination
from dicom_node.delivery.association import DicomAssociation, associate
from dicom_node.errors import SUCCESS, DestinationUnavailable, NotOffered
from dicom_node.ledger import Delivery

SYNTAXES = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
#: Seconds for each answer.
_ANSWER_S = 30.0
#: Refused: SOP Class not supported, not authorised (PS3.7 Annex C).
NOT_FOR_US = (0x0122, 0x0124)


class DicomQuery:
    """Asks one Application Entity what it holds."""

    def __init__(self, to: Destination, aet: str) -> None:
        self._to = to
        self._aet = aet

    def held(self, deliveries: Sequence[Delivery]) -> Collection[int]:
        """Ids of the deliveries whose instance it shows, one question for each."""
        model = StudyRootQueryRetrieveInformationModelFind
        with associate(self._aet, self._to, [(model, syntax) for syntax in SYNTAXES]) as archive:
            if archive.syntax_for(model, SYNTAXES) is None:
                raise NotOffered(f"{self._to.name} offers no C-FIND")
            return {each.id for each in deliveries if self._shows(archive, *_names(each))}

    def why_not(self) -> str:
        """Why it lets nobody of our name ask, though it may offer to be asked; "" where it does.

        It is asked for an instance that nobody has.
        """
        model = StudyRootQueryRetrieveInformationModelFind
        try:
            with associate(self._aet, self._to, [(model, one) for one in SYNTAXES]) as archive:
                self._shows(archive, generate_uid(), generate_uid(), generate_uid())
        except (DestinationUnavailable, NotOffered) as exc:
            return str(exc)
        return ""

    def _shows(self, archive: DicomAssociation, study: str, series: str, instance: str) -> bool:
        # All unique keys above it are required at image level: PS3.4 C.4.1.2.1.
        wanted = Dataset()
        wanted.QueryRetrieveLevel = "IMAGE"
        wanted.StudyInstanceUID = study
        wanted.SeriesInstanceUID = series
        wanted.SOPInstanceUID = instance
        found = matches(archive, self._to.name, wanted)
        try:
            # Some archives answer with all that they have of the series.
            return any(
                str(match.get("SOPInstanceUID", "")).strip(" \0") == instance for match in found
            )
        except Exception as exc:
            # Of odd bytes pydicom raises what it likes.
            raise DestinationUnavailable(
                f"{self._to.name}: its answer to C-FIND cannot be read ({type(exc).__name__})"
            ) from exc


def matches(archive: DicomAssociation, name: str, wanted: Dataset) -> list[Dataset]:
    """What it shows of what is `wanted`; raises DestinationUnavailable, and NotOffered where it
    lets nobody ask.
    """
    status, found = archive.find(wanted, StudyRootQueryRetrieveInformationModelFind, _ANSWER_S)
    if status in NOT_FOR_US:
        raise NotOffered(f"{name}: answered C-FIND with {status:#06x}")
    if status != SUCCESS:
        raise DestinationUnavailable(f"{name}: answered C-FIND with {status:#06x}")
    return found


def _names(delivery: Delivery) -> tuple[str, str, str]:
    return delivery.study_instance_uid, delivery.series_instance_uid, delivery.sop_instance_uid
