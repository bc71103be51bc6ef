"""That an answer reaches who asked, whenever pynetdicom's own thread looks for messages."""

import threading
import time
from pathlib import Path

import pytest
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom.association import Association
from pynetdicom.sop_class import Verification

from dicom_node.demo.pacs import Pacs
from dicom_node.errors import SUCCESS
from dicom_node.network import dimse

pytestmark = pytest.mark.slow

ANSWER_S = 3.0


class Late(threading.Event):
    """A checkpoint that is passed, but not left before there is a message, or for a second."""

    def __init__(self, association: Association) -> None:
        super().__init__()
        self._messages = association.dimse.msg_queue
        self.set()

    def wait(self, timeout: float | None = None) -> bool:
        passed = super().wait(timeout)
        until = time.monotonic() + 1
        while self._messages.empty() and time.monotonic() < until:
            pass
        return passed


def test_an_answer_is_not_taken_from_who_asks_on_a_busy_machine(tmp_path: Path) -> None:
    ae = dimse.requestor("CXRNODE", [(Verification, ImplicitVRLittleEndian)], 5, ANSWER_S)
    with Pacs(tmp_path) as pacs:
        association = dimse.associate(ae, pacs.host, pacs.port, pacs.aet)
        assert association.is_established
        association._reactor_checkpoint = Late(association)
        answers = [association.send_c_echo() for _ in range(10)]
        association.abort()
    assert [answer.get("Status") for answer in answers] == [SUCCESS] * 10
