"""An archive that is asked by C-FIND and gives by C-GET (PS3.4 Annex C, Study Root).

C-GET, and not C-MOVE: what is given comes on the association that asks for it, so that the archive
need not know where this node listens, and nothing is taken for an image that was routed here.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pydicom import Dataset
from pynetdicom import evt
from pynetdicom.events import Event
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
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
from inference.header import text_of

_FIND = StudyRootQueryRetrieveInformationModelFind
_GET = StudyRootQueryRetrieveInformationModelGet
#: Seconds for each answer: an image may come from a tape.
_GIVE_S = 120.0
#: Refused: out of resources, PS3.4 table C.4-3. It may have some later.
_BUSY = (0xA700, 0xA701, 0xA702)
_OF_PATIENT = ("IssuerOfPatientID", "PatientBirthDate", "PatientSex")
_UTF_8 = "ISO_IR 192"


class DicomArchive:
    """One Application Entity."""

    def __init__(self, to: Destination, aet: str, largest: int, syntaxes: Sequence[str]) -> None:
        """`largest`: bytes that an image may have; `syntaxes`: transfer syntaxes of those whose
        pixels can be decoded here.
        """
        self._syntaxes = syntaxes
        self._to = to
        self._aet = aet
        self._largest = largest

    @contextmanager
    def open(self) -> Iterator["DicomConversation"]:
        given = _Given(self._largest)
        contexts = [
            *((model, syntax) for model in (_FIND, _GET) for syntax in SYNTAXES),
            *((uid, syntax) for uid in ANALYSED_SOP_CLASSES for syntax in self._syntaxes),
        ]
        with associate(
            self._aet, self._to, contexts, handlers=[(evt.EVT_C_STORE, given.on_store)],
            given=ANALYSED_SOP_CLASSES,
        ) as association:  # fmt: skip
            for model, name in ((_FIND, "C-FIND"), (_GET, "C-GET")):
                if association.syntax_for(model, SYNTAXES) is None:
                    raise NotOffered(f"{self._to.name} offers no {name}")
            yield DicomConversation(association, self._to.name, given)


class DicomConversation:
    """One association with it."""

    def __init__(self, association: DicomAssociation, name: str, given: "_Given") -> None:
        self._association = association
        self._name = name
        self._given = given

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
        self._given.forget()
        status = self._association.get(wanted, _GET, _GIVE_S)
        said = f"{self._name}: answered C-GET with {status:#06x}"
        if status in NOT_FOR_US:
            raise NotOffered(said)
        if status in _BUSY:
            raise DestinationUnavailable(said)
        content = self._given.files.get(image.sop_instance_uid)
        if content is None:
            raise NotRetrieved(f"{said}, and without that image{self._given.why}")
        return content

    def _of_series(self, study: str, series: str) -> list[Dataset]:
        wanted = _level("IMAGE", "SOPClassUID", "SOPInstanceUID")
        wanted.StudyInstanceUID, wanted.SeriesInstanceUID = study, series
        return self._matches(wanted)

    def _matches(self, wanted: Dataset) -> list[Dataset]:
        return matches(self._association, self._name, wanted)


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
