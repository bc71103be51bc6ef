"""An archive that is asked by C-FIND and gives by C-GET or C-MOVE (PS3.4 Annex C, Study Root).

C-GET unless C-MOVE is asked for: what is given comes on the association that asks for it, so that
the archive need not know where this node listens. What is moved comes to an address of its own
(`inbox`), so that either way nothing is taken for an image that was routed here.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pydicom import Dataset
from pynetdicom import evt
from pynetdicom.events import Event
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from dicom_node.config import Destination
from dicom_node.delivery.association import DicomAssociation, associate
from dicom_node.delivery.query import NOT_FOR_US, SYNTAXES, matches
from dicom_node.errors import (
    OUT_OF_RESOURCES,
    SUCCESS,
    DestinationUnavailable,
    NotOffered,
    NotRetrieved,
)
from dicom_node.intake.eligibility import ANALYSED_SOP_CLASSES
from dicom_node.retrieval.archive import (
    ImageMatch,
    StudyMatch,
    dates,
    image_of,
    is_radiography,
    study_of,
)
from dicom_node.retrieval.inbox import Inbox
from inference.header import text_of

_FIND = StudyRootQueryRetrieveInformationModelFind
_GET = StudyRootQueryRetrieveInformationModelGet
_MOVE = StudyRootQueryRetrieveInformationModelMove
#: Seconds for each answer: an image may come from a tape.
_GIVE_S = 120.0
#: Refused: out of resources, PS3.4 table C.4-3. It may have some later.
_BUSY = (0xA700, 0xA701, 0xA702)
#: Refused: move destination unknown, likewise.
_UNKNOWN_TO_IT = 0xA801
_OF_PATIENT = ("IssuerOfPatientID", "PatientBirthDate", "PatientSex")
_UTF_8 = "ISO_IR 192"


class DicomArchive:
    """One Application Entity."""

    def __init__(
        self,
        to: Destination,
        aet: str,
        largest: int,
        syntaxes: Sequence[str],
        inbox: Inbox | None = None,
    ) -> None:
        """`largest`: bytes that an image may have; `syntaxes`: transfer syntaxes of those whose
        pixels can be decoded here; `inbox`: to which it is to move them; None: it is to give them.
        """
        self._inbox = inbox
        self._syntaxes = syntaxes
        self._to = to
        self._aet = aet
        self._largest = largest

    @contextmanager
    def open(self) -> Iterator["DicomConversation"]:
        if self._inbox is None:
            given = _Given(self._largest)
            with self._associated(_GET, given) as association:
                yield DicomConversation(association, self._to.name, _Getting(association, given))
        else:
            with self._inbox.opened(), self._associated(_MOVE) as association:
                moving = _Moving(association, self._inbox)
                yield DicomConversation(association, self._to.name, moving)

    @contextmanager
    def _associated(self, model: str, given: "_Given | None" = None) -> Iterator[DicomAssociation]:
        """`given`: what takes what is stored on the same association."""
        contexts: list[tuple[str, str]] = [
            (one, syntax) for one in (_FIND, model) for syntax in SYNTAXES
        ]
        if given is not None:
            contexts += [(uid, one) for uid in ANALYSED_SOP_CLASSES for one in self._syntaxes]
        with associate(
            self._aet, self._to, contexts,
            handlers=[(evt.EVT_C_STORE, given.on_store)] if given else (),
            given=ANALYSED_SOP_CLASSES if given else (),
        ) as association:  # fmt: skip
            for one, name in ((_FIND, "C-FIND"), (_GET, "C-GET"), (_MOVE, "C-MOVE")):
                if one in (_FIND, model) and association.syntax_for(one, SYNTAXES) is None:
                    raise NotOffered(f"{self._to.name} offers no {name}")
            yield association


class DicomConversation:
    """One association with it."""

    def __init__(self, association: DicomAssociation, name: str, way: "_Getting | _Moving") -> None:
        self._association = association
        self._name = name
        self._way = way

    def studies(self, patient_id: str, since: str, until: str) -> list[StudyMatch]:
        wanted = _level("STUDY", "StudyInstanceUID", "ModalitiesInStudy", *_OF_PATIENT)
        if not patient_id.isascii():
            wanted.SpecificCharacterSet = _UTF_8
        wanted.PatientID = patient_id
        wanted.StudyDate = dates(since, until)
        return [study_of(match) for match in self._matches(wanted)]

    def images(self, study: StudyMatch) -> list[ImageMatch]:
        wanted = _level("SERIES", "SeriesInstanceUID", "Modality")
        wanted.StudyInstanceUID = uid = study.study_instance_uid
        found = []
        for one in self._matches(wanted):
            if is_radiography(one):
                series = text_of(one, "SeriesInstanceUID")
                found += [image_of(match, uid, series) for match in self._of_series(uid, series)]
        return found

    def fetch(self, image: ImageMatch) -> bytes:
        wanted = _level("IMAGE")
        wanted.StudyInstanceUID = image.study_instance_uid
        wanted.SeriesInstanceUID = image.series_instance_uid
        wanted.SOPInstanceUID = image.sop_instance_uid
        status, content, why = self._way.fetch(wanted, image.sop_instance_uid)
        said = f"{self._name}: answered {self._way.name} with {status:#06x}"
        if status in NOT_FOR_US:
            raise NotOffered(said)
        if status == _UNKNOWN_TO_IT:
            raise NotOffered(f"{said}: it does not know the AE title [priors] move_aet")
        if status in _BUSY and not why:
            raise DestinationUnavailable(said)
        if content is None:
            raise NotRetrieved(f"{said}, and without that image{why}")
        return content

    def _of_series(self, study: str, series: str) -> list[Dataset]:
        wanted = _level("IMAGE", "SOPClassUID", "SOPInstanceUID")
        wanted.StudyInstanceUID, wanted.SeriesInstanceUID = study, series
        return self._matches(wanted)

    def _matches(self, wanted: Dataset) -> list[Dataset]:
        return matches(self._association, self._name, wanted)


class _Getting:
    """What is asked for comes on the same association."""

    name = "C-GET"

    def __init__(self, association: DicomAssociation, given: "_Given") -> None:
        self._association, self._given = association, given

    def fetch(self, wanted: Dataset, sop_instance_uid: str) -> tuple[int, bytes | None, str]:
        """The last status, the Part 10 file if it came, and else why not, where that is known."""
        self._given.forget()
        status = self._association.get(wanted, _GET, _GIVE_S)
        return status, self._given.files.get(sop_instance_uid), self._given.why


class _Moving:
    """It comes on an association of the archive's own."""

    name = "C-MOVE"

    def __init__(self, association: DicomAssociation, inbox: Inbox) -> None:
        self._association, self._inbox = association, inbox

    def fetch(self, wanted: Dataset, sop_instance_uid: str) -> tuple[int, bytes | None, str]:
        """As `_Getting.fetch`."""
        self._inbox.expect(sop_instance_uid)
        status = self._association.move(wanted, self._inbox.aet, _MOVE, _GIVE_S)
        return status, *self._inbox.got()


class _Given:
    """What it stores here, until it is asked for the next."""

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self.forget()

    def forget(self) -> None:
        self.files: dict[str, bytes] = {}  #: Part 10, by SOP Instance UID
        self.why = ""  #: something was not taken

    def on_store(self, event: Event) -> int:
        if len(event.request.DataSet.getvalue()) > self._largest:
            self.why = ": it is larger than max_instance_mb"
            return OUT_OF_RESOURCES
        self.files[str(event.request.AffectedSOPInstanceUID)] = event.encoded_dataset()
        return SUCCESS


def _level(level: str, *asked: str) -> Dataset:
    """An identifier that asks for these attributes (PS3.4 C.2.2.1.3, universal matching)."""
    wanted = Dataset()
    wanted.QueryRetrieveLevel = level
    for keyword in asked:
        setattr(wanted, keyword, None)
    return wanted
