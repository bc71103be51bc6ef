"""An archive that is asked by DICOMweb: QIDO-RS and WADO-RS (PS3.18 10.6, 10.4)."""

from collections.abc import Iterator
from contextlib import contextmanager

from pydicom import Dataset

from dicom_node.config import WebDestination
from dicom_node.delivery.outcome.web import assert_open
from dicom_node.delivery.web_query import search
from dicom_node.errors import DestinationUnavailable, NotOffered, NotRetrieved
from dicom_node.retrieval.archive import (
    ImageMatch,
    StudyMatch,
    dates,
    image_of,
    is_radiography,
    study_of,
)
from dicom_node.web import qido, wado
from dicom_node.web.access import Access
from dicom_node.web.session import Session, session
from inference.header import text_of

#: Seconds for an image, which may come from a tape.
_FETCH_S = 120.0
_NOT_FOUND = 404
#: It shows the image and does not give it: gone, or not in any transfer syntax.
_NOT_GIVEN = (400, 403, _NOT_FOUND, 406, 410, 415)


class WebArchive:
    """One server."""

    def __init__(self, to: WebDestination, _aet: str, largest: int) -> None:
        """`largest`: bytes that an image may have."""
        self._to = to
        self._access = Access(to)
        self._largest = largest

    @contextmanager
    def open(self) -> Iterator["WebConversation"]:
        with session(self._to, self._access) as requests:
            yield WebConversation(requests, self._to, self._largest)


class WebConversation:
    """Requests on one connection."""

    def __init__(self, requests: Session, to: WebDestination, largest: int) -> None:
        self._requests = requests
        self._to = to
        self._largest = largest

    def studies(self, patient_id: str, since: str, until: str) -> list[StudyMatch]:
        url = qido.of_patient(self._to.stow, patient_id, dates(since, until))
        return [study_of(match) for match in self._matches(url)]

    def images(self, study: StudyMatch) -> list[ImageMatch]:
        uid, found = study.study_instance_uid, []
        for one in self._matches(qido.of_study(self._to.stow, uid)):
            series = text_of(one, "SeriesInstanceUID")
            if is_radiography(one):
                url = qido.of_series(self._to.stow, uid, series)
                found += [image_of(match, uid, series) for match in self._matches(url)]
        return found

    def fetch(self, image: ImageMatch) -> bytes:
        url = wado.of_instance(
            self._to.stow, image.study_instance_uid, image.series_instance_uid,
            image.sop_instance_uid,
        )  # fmt: skip
        answer = self._requests.request(
            "GET", url, _FETCH_S, {"Accept": wado.ACCEPT}, largest=self._largest
        )
        said = f"{self._to.name}: answered a retrieval with {answer.words}"
        if answer.status in _NOT_GIVEN:
            raise NotRetrieved(said)
        assert_open(answer, self._to.name)
        if answer.status >= 300:
            raise DestinationUnavailable(said)
        content = wado.part10(answer)
        if content is None:
            raise NotRetrieved(f"{said}, and with no DICOM file")
        return content

    def _matches(self, url: str) -> list[Dataset]:
        answer = search(self._requests, self._to.name, url)
        if answer.status == _NOT_FOUND:
            return []
        shown = qido.matches(answer.body)
        if shown is None:
            raise NotOffered(f"{self._to.name}: answered a search with what is none")
        try:
            return [Dataset.from_json(match) for match in shown]
        except Exception as exc:
            # Of odd values pydicom raises what it likes.
            said = f"its answer to a search cannot be read ({type(exc).__name__})"
            raise DestinationUnavailable(f"{self._to.name}: {said}") from exc
