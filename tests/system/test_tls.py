"""DICOM over TLS with DCMTK at the other end: who is let in, who is not, and what the log says."""

import logging
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, SegmentationStorage

from dicom_node.config import Destination
from dicom_node.delivery.association import associate
from dicom_node.demo.phantom import Kind
from dicom_node.demo.phantom_dicom import as_dicom
from dicom_node.errors import DestinationUnavailable
from dicom_node.ledger import JobState
from dicom_node.network.tls import Renewed
from tests.certificates import Authority, Issued
from tests.dicom_node.listening import Running
from tests.phantoms import draw
from tests.system.dcmtk import storescp
from tests.system.waiting import wait_until

CONTEXTS = [(SegmentationStorage, ExplicitVRLittleEndian)]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("hospital"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("elsewhere"))


@pytest.fixture(scope="module")
def radiograph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("radiograph") / "cxr.dcm"
    dataset: Dataset = as_dicom(draw(Kind.HEALTHY, rows=256, columns=208, seed=1))
    dataset.save_as(path, enforce_file_format=True)
    return path


@contextmanager
def listening(folder: Path, own: Issued, *, mutual: bool = True) -> Iterator[Running]:
    node = Running(folder, tls=Renewed(own.files, mutual=mutual))
    try:
        yield node
    finally:
        node.close()


def storescu(port: int, path: Path, *options: str | Path) -> "subprocess.CompletedProcess[str]":
    command = ["/usr/bin/storescu", *map(str, options), "-aec", "CXRNODE", "127.0.0.1", str(port)]
    return subprocess.run([*command, str(path)], capture_output=True, text=True, timeout=60)


def showing(own: Issued, *trusted: Path) -> list[str | Path]:
    """DCMTK's options: its certificate and key, and whom it believes."""
    options: list[str | Path] = ["+tls", own.key, own.certificate]
    for path in trusted or (own.trusted,):
        options += ["+cf", path]
    return options


# --- in ---


@pytest.mark.parametrize("profile", ["+py", "+px", "+pz"])
def test_a_sender_with_a_certificate_gets_its_image_in(
    profile: str, tmp_path: Path, authority: Authority, radiograph: Path
) -> None:
    with listening(tmp_path, authority.issue("node")) as node:
        run = storescu(node.listener.port, radiograph, *showing(authority.issue("pacs")), profile)
        assert run.returncode == 0, run.stderr
        assert node.ledger.reports.summary().counts[JobState.RECEIVED] == 1


def test_without_mutual_authentication_no_certificate_is_asked_for(
    tmp_path: Path, authority: Authority, radiograph: Path
) -> None:
    with listening(tmp_path, authority.issue("node"), mutual=False) as node:
        run = storescu(node.listener.port, radiograph, "+tla", "+cf", authority.path)
        assert run.returncode == 0, run.stderr


def test_whoever_may_not_come_in_is_refused_and_the_log_says_why(
    tmp_path: Path,
    authority: Authority,
    stranger: Authority,
    radiograph: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    expired = authority.issue("old", valid=-timedelta(days=1))
    unknown = stranger.issue("pacs")
    for options, said in (
        (showing(expired), "certificate was refused: certificate has expired"),
        (showing(unknown, authority.path), "certificate was refused: unable to get local issuer"),
        (["+tla", "+cf", authority.path], "it showed no certificate"),
        ([], "it speaks no TLS"),
        (showing(authority.issue("pacs"), stranger.path), "certificate it was shown"),
    ):
        caplog.clear()
        # One at a time: of one host and reason only the first is logged each minute.
        with listening(tmp_path, authority.issue("node")) as node:
            run = storescu(node.listener.port, radiograph, *options)
            assert run.returncode != 0
            wait_until(lambda said=said: said in caplog.text, 10, f"{said} in {caplog.text}")  # type: ignore[misc]
            assert sum(node.ledger.reports.summary().counts.values()) == 0
        levels = [r.levelno for r in caplog.records if said in r.getMessage()]
        # Of a certificate of the sender's that is no good somebody is to hear.
        loud = said.startswith("certificate was refused")
        assert levels == [logging.WARNING if loud else logging.INFO]


def test_a_renewed_certificate_is_taken_without_a_restart(
    tmp_path: Path, authority: Authority, radiograph: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    sender = showing(authority.issue("pacs"))
    with listening(tmp_path, authority.issue("renewed", valid=-timedelta(days=1))) as node:
        assert "expired on" in caplog.text
        assert storescu(node.listener.port, radiograph, *sender).returncode != 0
        # First a key that does not fit: the former pair serves on.
        renewed = authority.issue("renewed")

        def gets_in() -> bool:
            return storescu(node.listener.port, radiograph, *sender).returncode == 0

        wait_until(gets_in, 20, "the renewed certificate to be shown")
        renewed.key.write_bytes(b"no key")
        assert gets_in()
        wait_until(lambda: gets_in() and "keeps the former" in caplog.text, 20, "the bad key seen")
    assert "took the renewed certificate" in caplog.text


def test_a_revoked_certificate_is_refused_as_soon_as_the_list_says_so(
    tmp_path: Path, authority: Authority, radiograph: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    pacs, other = authority.issue("pacs"), authority.issue("other")
    files = authority.issue("node").with_revoked(authority.revoke(other))
    node = Running(tmp_path, tls=Renewed(files, mutual=True))

    def gets_in(own: Issued) -> bool:
        return storescu(node.listener.port, radiograph, *showing(own)).returncode == 0

    try:
        assert gets_in(pacs)
        assert not gets_in(other)
        wait_until(lambda: "refused: certificate revoked" in caplog.text, 20, "the log says why")
        authority.revoke(pacs)
        wait_until(lambda: not gets_in(pacs), 20, "the new list to count")
        assert gets_in(other)
        # Nobody knows what has been revoked since: nobody is let in, and it is said aloud.
        authority.revoke(valid=-timedelta(days=1))
        wait_until(lambda: not gets_in(other), 20, "the old list to count")
        wait_until(lambda: "refused: CRL has expired" in caplog.text, 20, "the log says why")
        assert "has expired on" in caplog.text
        # What is no list does not take the place of one.
        files.revoked and files.revoked.write_text("no list")
        wait_until(
            lambda: not gets_in(other) and "keeps the former" in caplog.text, 20, "the fault"
        )
    finally:
        node.close()


# --- out ---


def to(port: int, own: Issued, *, trusted: Path | None = None, name: str = "") -> Destination:
    return Destination(name="pacs", aet="PACS", host="127.0.0.1", port=port, tls=True,
                       tls_name=name, certificate=own.certificate, key=own.key,
                       trusted=trusted or own.trusted)  # fmt: skip


def reached(destination: Destination) -> None:
    with associate("CXRNODE", destination, CONTEXTS) as association:
        assert association.syntax_for(SegmentationStorage, [ExplicitVRLittleEndian])


def reason(destination: Destination) -> str:
    with pytest.raises(DestinationUnavailable) as raised:
        reached(destination)
    return str(raised.value)


def test_a_destination_is_reached_and_shown_a_certificate(
    tmp_path: Path, authority: Authority
) -> None:
    own = authority.issue("node")
    with storescp(tmp_path, *showing(authority.issue("pacs"))) as port:
        reached(to(port, own))
        other_name = reason(to(port, own, name="pacs.example"))
        assert "certificate was refused: Hostname mismatch" in other_name
        reached(to(port, own, name="*"))


def test_a_destination_that_is_not_to_be_believed_gets_nothing(
    tmp_path: Path, authority: Authority, stranger: Authority
) -> None:
    own = authority.issue("node")
    for shown, said in (
        (stranger.issue("pacs"), "unable to get local issuer certificate"),
        (authority.issue("old", valid=-timedelta(days=1)), "certificate has expired"),
    ):
        with storescp(tmp_path, *showing(shown, authority.path)) as port:
            destination = to(port, own)
            assert f"no TLS with 127.0.0.1:{port}: its certificate was refused: {said}" in reason(
                destination
            )


def test_a_destination_that_does_not_believe_the_node_is_said_to_do_so(
    tmp_path: Path, authority: Authority, stranger: Authority
) -> None:
    pacs = authority.issue("pacs")
    with storescp(tmp_path, *showing(pacs)) as port:
        destination = to(port, stranger.issue("node"), trusted=authority.path)
        said = reason(destination)
        assert "no TLS with" in said
        assert "issued the certificate it was shown" in said or "refused the certificate" in said


def test_a_destination_whose_certificate_was_revoked_gets_nothing(
    tmp_path: Path, authority: Authority
) -> None:
    pacs, own = authority.issue("pacs"), authority.issue("node")
    with storescp(tmp_path, *showing(pacs)) as port:
        destination = to(port, own)
        reached(destination.model_copy(update={"revoked": authority.revoke(own)}))
        revoked = destination.model_copy(update={"revoked": authority.revoke(pacs)})
        assert "its certificate was refused: certificate revoked" in reason(revoked)


def test_a_destinations_own_certificate_may_be_what_is_trusted(
    tmp_path: Path, authority: Authority
) -> None:
    pacs = authority.issue("pacs", to="somewhere.else")
    with storescp(tmp_path, *showing(pacs)) as port:
        reached(to(port, authority.issue("node"), trusted=pacs.certificate, name="*"))
