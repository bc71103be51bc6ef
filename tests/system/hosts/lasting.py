"""Senders that notice at once: one whose association lasts, one that asks again and again."""

from copy import deepcopy
from typing import Self

from pydicom import Dataset

from dicom_node.demo.modality import echo
from dicom_node.errors import SUCCESS
from dicom_node.network.dimse import associate, requestor
from tests.system.beside import Beside
from tests.system.faults.stream import new_radiograph, renamed

#: Seconds between two radiographs in the association that lasts.
STORES_EVERY_S = 5.0
#: Seconds between two associations of whoever knocks.
KNOCKS_EVERY_S = 0.2


class Knocking(Beside):
    """A context manager: an association for a C-ECHO, and another, in a thread until its end."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__()
        self._address = host, port
        self.times = self.refused = 0

    def _run(self) -> None:
        while not self._stop.wait(KNOCKS_EVERY_S):
            self.refused += not echo(*self._address)
            self.times += 1


class Lasting(Beside):
    """A context manager: an association that stores a radiograph now and then until its end."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__()
        self._drawn = new_radiograph()
        contexts = [(str(self._drawn.SOPClassUID), str(self._drawn.file_meta.TransferSyntaxUID))]
        self._association = associate(
            requestor("MODALITY", contexts, 60.0, 120.0), host, port, "CXRNODE"
        )
        self.statuses: list[int | None] = []  #: None: no answer
        self.accepted: list[Dataset] = []

    def __enter__(self) -> Self:
        assert self._association.is_established
        return super().__enter__()

    def stop(self) -> None:
        super().stop()
        if self._association.is_established:
            self._association.release()

    def _run(self) -> None:
        while not self._stop.wait(STORES_EVERY_S) and self._association.is_established:
            # To draw another takes its time on a busy machine; an association may not be silent.
            radiograph = renamed(deepcopy(self._drawn))
            status: int | None = self._association.send_c_store(radiograph).get("Status")
            self.statuses.append(status)
            if status == SUCCESS:
                self.accepted.append(radiograph)
