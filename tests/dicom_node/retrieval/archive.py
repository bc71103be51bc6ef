"""An archive on localhost that may be asked what it has, and gives it: C-FIND, C-GET and C-MOVE."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydicom import Dataset
from pynetdicom import AE, build_context, evt
from pynetdicom.events import Event
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from dicom_node.config import Destination
from dicom_node.intake.eligibility import ANALYSED_SOP_CLASSES

_FIND = StudyRootQueryRetrieveInformationModelFind
_GET = StudyRootQueryRetrieveInformationModelGet
_MOVE = StudyRootQueryRetrieveInformationModelMove
_PENDING, _SUCCESS, _FAILED = 0xFF00, 0x0000, 0xC000
_KEYS = {"STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID", "IMAGE": "SOPInstanceUID"}


@dataclass
class Held:
    """What it has, and what it was asked for."""

    port: int
    images: list[Dataset]
    withheld: set[str] = field(default_factory=set)  #: SOP Instance UIDs that it does not give
    asked: list[str] = field(default_factory=list)  #: levels
    given: list[str] = field(default_factory=list)  #: SOP Instance UIDs
    known: dict[str, int] = field(default_factory=dict)  #: ports here, by AE title: to move to

    @property
    def destination(self) -> Destination:
        return Destination(name="pacs", aet="PACS", host="127.0.0.1", port=self.port)

    def on_find(self, event: Event) -> Iterator[tuple[int, Dataset | None]]:
        wanted = event.identifier
        self.asked.append(wanted.QueryRetrieveLevel)
        key = _KEYS[wanted.QueryRetrieveLevel]
        found = {image[key].value: image for image in self.images if _matches(image, wanted)}
        for image in found.values():
            yield _PENDING, _shown(image, wanted)

    def on_get(self, event: Event) -> Iterator[Any]:
        wanted = [one for one in self.images if _matches(one, event.identifier)]
        yield len(wanted)
        for image in wanted:
            if image.SOPInstanceUID in self.withheld:
                yield _FAILED, None
                return
            self.given.append(image.SOPInstanceUID)
            yield _PENDING, image

    def on_move(self, event: Event) -> Iterator[Any]:
        port = self.known.get(event.move_destination)
        if port is None:
            yield None, None
            return
        yield "127.0.0.1", port, {"contexts": [build_context(uid) for uid in ANALYSED_SOP_CLASSES]}
        yield from self.on_get(event)


def _matches(image: Dataset, wanted: Dataset) -> bool:
    """By single value and by range of dates (PS3.4 C.2.2.2)."""
    for element in wanted:
        if element.keyword in ("QueryRetrieveLevel", "SpecificCharacterSet") or not element.value:
            continue
        said, value = str(element.value), str(image.get(element.keyword, ""))
        since, is_range, until = said.partition("-")
        if element.VR == "DA" and is_range:
            if not since <= value <= until:
                return False
        elif value != said:
            return False
    return True


def _shown(image: Dataset, wanted: Dataset) -> Dataset:
    shown = Dataset()
    for element in wanted:
        if element.keyword == "ModalitiesInStudy":
            shown.ModalitiesInStudy = image.Modality
        elif element.keyword in image:
            shown[element.tag] = image[element.tag]
        else:
            shown[element.tag] = element
    return shown


@contextmanager
def archive(images: Sequence[Dataset], *, gives: bool = True, port: int = 0) -> Iterator[Held]:
    """`gives`: offers C-GET and C-MOVE."""
    ae = AE(ae_title="PACS")
    for model in (Verification, _FIND, *([_GET, _MOVE] if gives else [])):
        ae.add_supported_context(model)
    for sop_class in ANALYSED_SOP_CLASSES if gives else ():
        ae.add_supported_context(sop_class, scu_role=False, scp_role=True)
    held = Held(0, list(images))
    handlers = [(evt.EVT_C_FIND, held.on_find), (evt.EVT_C_GET, held.on_get),
                (evt.EVT_C_MOVE, held.on_move)]  # fmt: skip
    server = ae.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers)
    held.port = server.server_address[1]
    try:
        yield held
    finally:
        ae.shutdown()
