"""What an archive moves (C-MOVE) comes to an address of its own, and only what is waited for."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pydicom import Dataset

from dicom_node.config import parse
from dicom_node.demo.modality import send
from dicom_node.demo.node import free_port
from dicom_node.errors import ConfigError, DestinationUnavailable, NotOffered, NotRetrieved
from dicom_node.retrieval.archive import Conversation, ImageMatch
from dicom_node.retrieval.dicom import DicomArchive
from dicom_node.retrieval.inbox import Inbox
from inference.decoding.transfer_syntaxes import decodable
from tests.dicom_node.radiographs import changed, radiograph
from tests.dicom_node.retrieval.archive import Held, archive

AET = "CXRPRIORS"
LARGEST = 100_000_000


def inbox_at(port: int, largest: int = LARGEST) -> Inbox:
    return Inbox(AET, ("127.0.0.1", port), largest, decodable())


@contextmanager
def talking(held: Held, largest: int = LARGEST) -> Iterator[Conversation]:
    port = free_port()
    held.known[AET] = port
    inbox = inbox_at(port, largest)
    with DicomArchive(held.destination, "CXRNODE", largest, decodable(), inbox).open() as talk:
        yield talk


def match(image: Dataset) -> ImageMatch:
    return ImageMatch(
        image.StudyInstanceUID, image.SeriesInstanceUID, image.SOPClassUID, image.SOPInstanceUID
    )


def test_what_is_asked_for_comes_whole_and_the_port_is_open_no_longer_than_that() -> None:
    image = radiograph()
    with archive([image]) as held:
        with talking(held) as talk:
            content = talk.fetch(match(image))
        assert content[128:132] == b"DICM"
        assert image.PixelData in content
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", held.known[AET])) != 0


def test_what_nobody_waits_for_is_refused_and_so_is_who_calls_somebody_else() -> None:
    image, other = radiograph(), changed(radiograph(), SOPInstanceUID="1.2.3.4")
    port = free_port()
    inbox = inbox_at(port)
    with inbox.opened():
        inbox.expect(image.SOPInstanceUID)
        (answer,) = send([other], "127.0.0.1", port, called_aet=AET)
        assert answer.status == 0x0124
        assert inbox.got() == (None, "")
        with pytest.raises(DestinationUnavailable):
            list(send([image], "127.0.0.1", port, called_aet="CXRNODE"))
        (answer,) = send([image], "127.0.0.1", port, called_aet=AET)
        assert answer.status == 0x0000
        assert inbox.got()[0] is not None


def test_an_archive_that_does_not_know_the_address_is_not_asked_again() -> None:
    image = radiograph()
    with archive([image]) as held, talking(held) as talk:
        held.known.clear()
        with pytest.raises(NotOffered, match="does not know the AE title"):
            talk.fetch(match(image))


def test_what_is_withheld_or_too_large_is_told_of_that_image_alone() -> None:
    image = radiograph()
    with archive([image]) as held:
        held.withheld.add(image.SOPInstanceUID)
        with talking(held) as talk, pytest.raises(NotRetrieved, match="C-MOVE"):
            talk.fetch(match(image))
        held.withheld.clear()
        with talking(held, largest=10_000) as talk, pytest.raises(NotRetrieved, match="max_inst"):
            talk.fetch(match(image))


def test_an_address_in_use_is_waited_for() -> None:
    with archive([]) as held, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        inbox = inbox_at(taken.getsockname()[1])
        asking = DicomArchive(held.destination, "CXRNODE", LARGEST, decodable(), inbox)
        with pytest.raises(DestinationUnavailable, match="move_port"), asking.open():
            pass


def test_it_needs_a_port_of_its_own() -> None:
    pacs = {"name": "pacs", "aet": "PACS", "host": "127.0.0.1", "port": 104, "retrieve": "move"}
    document = {"node": {"state": "/s", "port": 11113}, "destination": [pacs],
                "priors": {"days": 30, "ask": ["pacs"]}}  # fmt: skip
    with pytest.raises(ConfigError, match="needs one of its own"):
        parse(document)
    assert parse(document | {"priors": {"days": 30, "ask": ["pacs"], "move_port": 11114}})
