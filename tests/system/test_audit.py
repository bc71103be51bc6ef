"""The audit trail of a whole node: who touched which patient's images, told to a real receiver."""

from dataclasses import dataclass

import pytest
from lxml import etree
from pydicom import Dataset

from dicom_node.demo.modality import send
from dicom_node.demo.node import RunningNode
from dicom_node.demo.pacs import Pacs
from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.errors import DestinationUnavailable
from tests.certificates import Authority
from tests.dicom_node.audit.messages import event_of, read, things, users
from tests.dicom_node.audit.receivers import TlsReceiver
from tests.phantoms import draw
from tests.system.waiting import run_cli, wait_until

PATIENT = "PID-08154711"
STARTED = ("Application Activity", "Application Start")
STOPPED = ("Application Activity", "Application Stop")
TRANSFERRED = ("DICOM Instances Transferred", "")
ACCESSED = ("DICOM Instances Accessed", "")
NOT_LET_IN = ("Security Alert", "Node Authentication")
RESTRICTED = ("Security Alert", "Use of Restricted Function")


@dataclass
class Story:
    """What was done, and what was told of it."""

    source: Dataset
    roots: "list[etree._Element]"
    in_file: list[str]
    log: str

    def about(self, event: tuple[str, str]) -> "list[etree._Element]":
        return [root for root in self.roots if event_of(root) == event]


def have_stopped(frames: list[str]) -> bool:
    text = "".join(frames)
    return text.count("Application Stop") == text.count("Application Start")


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("node")
    authority = Authority(folder / "certificates")
    ours = authority.issue("node")
    source = as_dicom(draw(Kind.HEALTHY, rows=382, columns=318, seed=51), PatientID=PATIENT)
    with (
        Pacs(folder / "pacs") as pacs,
        TlsReceiver(authority.issue("audit").files) as receiver,
    ):
        file = folder / "node.toml"
        file.write_text(
            '[node]\nstate = "state"\n'
            f'[tls]\ncertificate = "{ours.certificate}"\nkey = "{ours.key}"\n'
            f'trusted = "{ours.trusted}"\n'
            f'[audit]\nfile = "audit.xml"\nsyslog = "tls://127.0.0.1:{receiver.port}"\n'
            '[[caller]]\naet = "MODALITY"\n'
            f'[[destination]]\nname = "pacs"\naet = "{pacs.aet}"\nhost = "127.0.0.1"\n'
            f'port = {pacs.port}\nverify = "query"\n'
        )
        with RunningNode(folder / "state", config_file=file) as node:
            send([source], "127.0.0.1", node.port)
            with pytest.raises(DestinationUnavailable):
                send([source], "127.0.0.1", node.port, calling_aet="STRANGER")
            # It offers no C-FIND: it is asked, in vain, and that is told as well.
            wait_until(lambda: '"110112"' in "".join(receiver.frames), 120, "the PACS to be asked")
            assert run_cli("find", PATIENT, "--config", str(file)).returncode == 0
            run_cli("destinations", "pause", "pacs", "--config", str(file), "--by", "smith@desk")
            wait_until(lambda: "Restricted" in "".join(receiver.frames), 30, "all to be told")
        wait_until(lambda: have_stopped(receiver.frames), 30, "all parts to say that they stop")
        roots = [read(one) for one in receiver.messages]
    return Story(source, roots, (folder / "audit.xml").read_text().splitlines(), "".join(node.log))


def test_each_part_starts_and_stops(story: Story) -> None:
    for event in (STARTED, STOPPED):
        names = {str(root.xpath("ActiveParticipant/@UserName")[0]) for root in story.about(event)}
        assert names >= {"cxr-node listen", "cxr-node work", "cxr-node send"}


def test_a_study_is_received_looked_at_and_its_results_are_sent(story: Story) -> None:
    whom = {"Study Instance UID": story.source.StudyInstanceUID, "Patient Number": PATIENT}
    received, *sent = story.about(TRANSFERRED)
    assert all(things(root) == whom for root in (received, *sent, *story.about(ACCESSED)[:1]))
    assert "MODALITY" in users(received)
    assert (
        sum(
            int(str(count))
            for root in sent
            for count in root.xpath("//SOPClass/@NumberOfInstances")
        )
        == 3
    )
    assert all(
        users(root)[f"PACS@127.0.0.1:{_port(root)}"] == "Destination Role ID" for root in sent
    )
    (looked_at, found) = story.about(ACCESSED)
    assert looked_at.xpath("ActiveParticipant/@UserName") == ["cxr-node work"]
    # A command knows the study and no patient.
    assert things(found) == whom | {"Patient Number": ""}


def test_a_stranger_and_what_a_person_did_are_told(story: Story) -> None:
    (alert,) = story.about(NOT_LET_IN)
    assert "STRANGER" in users(alert)
    (paused,) = story.about(RESTRICTED)
    assert "smith@desk" in users(paused)


def test_that_a_destination_was_asked_is_told(story: Story) -> None:
    (asked,) = story.about(("Query", ""))[:1]
    assert asked.xpath("EventIdentification/@EventOutcomeIndicator") == ["4"]
    assert asked.xpath("//EventOutcomeDescription/text()") == ["pacs offers no C-FIND"]


def test_the_file_has_the_same_and_the_log_no_patient(story: Story) -> None:
    assert sorted(event_of(read(line)) for line in story.in_file) == sorted(
        event_of(root) for root in story.roots
    )
    assert PATIENT in "".join(story.in_file)
    assert PATIENT not in story.log


def _port(root: "etree._Element") -> str:
    (there,) = [user for user in users(root) if user.startswith("PACS@")]
    return there.rpartition(":")[2]
