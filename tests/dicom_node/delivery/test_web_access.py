"""Who may store by DICOMweb: secrets, tokens and certificates, against a real server."""

from pathlib import Path
from typing import Any

import pytest

from dicom_node.config import WebDestination
from dicom_node.delivery.kinds import DESTINATION_KINDS
from dicom_node.errors import DestinationUnavailable
from dicom_node.ledger import DeliveryState, Progress
from tests.dicom_node.certificates import authority
from tests.dicom_node.delivery.bench import Bench, reason
from tests.dicom_node.delivery.web_archive import (
    TOKEN,
    Reply,
    Request,
    WebArchive,
    at,
    token,
    web_archive,
)
from tests.dicom_node.ledger.records import progress

pytestmark = pytest.mark.slow

SECRET = "s3cret-of-the-node"


def test_the_secret_of_a_file_and_of_the_environment_lets_the_node_in(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bench.folder / "secret").write_text(f"{SECRET}\n")
    monkeypatch.setenv("CLOUD_SECRET", SECRET)
    ways: list[dict[str, Any]] = [
        {"auth": "basic", "user": "cxr", "secret_file": bench.folder / "secret"},
        {"auth": "bearer", "secret_variable": "CLOUD_SECRET"},
    ]
    expected = ["Basic Y3hyOnMzY3JldC1vZi10aGUtbm9kZQ==", f"Bearer {SECRET}"]
    with web_archive() as archive:
        for keys in ways:
            bench.build(at(archive, **keys))
            bench.deliver_all(at(archive, **keys))
    said = [request.headers["Authorization"] for request in archive.posted]
    assert said == [way for way in expected for _ in range(3)]


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "No such file or directory"), ("\n", "holds no secret"), ("a b", "may not have")],
)
def test_a_secret_that_is_none_is_said_and_nothing_is_sent(
    bench: Bench, content: str | None, why: str
) -> None:
    if content is not None:
        (bench.folder / "secret").write_text(content)
    with web_archive() as archive:
        to = at(archive, auth="bearer", secret_file=bench.folder / "secret")
        job_id = bench.build(to)
        bench.deliver_all(to)
    assert archive.requests == []
    assert why in reason(bench, job_id)


@pytest.mark.parametrize("status", [401, 403])
def test_who_is_not_let_in_waits_and_his_secret_is_in_no_log(
    bench: Bench, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    (bench.folder / "secret").write_text(SECRET)
    with web_archive() as archive:
        archive.answer = lambda _: Reply(status)
        to = at(archive, auth="bearer", secret_file=bench.folder / "secret")
        job_id = bench.build(to)
        bench.deliver_all(to)
    assert bench.states(job_id) == [DeliveryState.WAITING] * 3
    assert f"HTTP {status}" in reason(bench, job_id)
    assert SECRET not in caplog.text + repr([record.__dict__ for record in caplog.records])


class TokenServer:
    """Gives tokens one after the other, and lets in who has the last."""

    def __init__(self, archive: WebArchive, lasts_s: float) -> None:
        self._archive = archive
        self._lasts_s = lasts_s
        self.given = 0

    def __call__(self, request: Request) -> Reply:
        if request.path == TOKEN:
            self.asked = request
            self.given += 1
            return token(f"token-{self.given}", self._lasts_s)
        if request.headers["Authorization"] != f"Bearer token-{self.given}":
            return Reply(401)
        return self._archive.store_or_search(request)


def with_client_credentials(archive: WebArchive, bench: Bench) -> WebDestination:
    (bench.folder / "secret").write_text(SECRET)
    return at(
        archive, auth="oauth", client_id="cxr", token_url=archive.token_url, scope="dicom.store",
        secret_file=bench.folder / "secret",
    )  # fmt: skip


def test_a_token_is_got_once_and_used_until_it_ends(bench: Bench) -> None:
    with web_archive() as archive:
        archive.answer = server = TokenServer(archive, lasts_s=3600)
        to = with_client_credentials(archive, bench)
        bench.build(to)
        bench.build(to)
        bench.deliver_all(to)
        assert server.given == 1
    assert server.asked.body == b"grant_type=client_credentials&scope=dicom.store"
    assert server.asked.headers["Authorization"] == "Basic Y3hyOnMzY3JldC1vZi10aGUtbm9kZQ=="
    assert len(archive.held) == 6


def test_a_token_that_has_ended_is_renewed_before_it_is_used(bench: Bench) -> None:
    with web_archive() as archive:
        archive.answer = server = TokenServer(archive, lasts_s=0)
        to = with_client_credentials(archive, bench)
        bench.build(to)
        bench.deliver_all(to)
    assert server.given == 3
    assert [request.headers["Authorization"] for request in archive.posted] == [
        "Bearer token-1", "Bearer token-2", "Bearer token-3",
    ]  # fmt: skip


def test_a_token_that_was_revoked_is_replaced_at_once(bench: Bench) -> None:
    with web_archive() as archive:
        archive.answer = server = TokenServer(archive, lasts_s=3600)
        to = with_client_credentials(archive, bench)
        loop = bench.loop(to)
        first, second = bench.build(to), bench.build(to)
        assert loop.deliver_due()
        server.given += 1
        assert loop.deliver_due()
    for job_id in (first, second):
        assert progress(bench.ledger, job_id) is Progress.DELIVERED
    assert len(archive.posted) == 3 + 1 + 3


def test_why_there_is_no_token_is_said(bench: Bench) -> None:
    with web_archive() as archive:
        archive.answer = lambda _: Reply(401, b'{"error": "invalid_client"}', "application/json")
        to = with_client_credentials(archive, bench)
        job_id = bench.build(to)
        bench.deliver_all(to)
    assert archive.posted == []
    assert reason(bench, job_id).endswith("/token (HTTP 401 Unauthorized, invalid_client)")


# TLS


def test_over_tls_with_certificates_on_both_sides(bench: Bench) -> None:
    ours = authority(bench.folder)
    node = ours.issue("node")
    with web_archive(ours.issue("archive"), clients=ours) as archive:
        to = at(archive, ca_file=ours.certificate, certificate=node.certificate, key=node.key)
        job_id = bench.build(to)
        bench.deliver_all(to)
    assert bench.states(job_id) == [DeliveryState.DELIVERED] * 3
    assert len(archive.held) == 3


def test_a_server_that_is_not_trusted_or_does_not_trust_gets_nothing(
    bench: Bench, tmp_path: Path
) -> None:
    ours, strange = authority(bench.folder), authority(tmp_path, "strange")
    stranger, other = strange.issue("stranger"), ours.issue("other", "DNS:archive.example")
    archive_id = ours.issue("archive")

    def said(**keys: Any) -> str:
        to = at(archive, **keys)
        with pytest.raises(DestinationUnavailable) as raised:
            DESTINATION_KINDS["dicomweb"].carrier(to, "CXRNODE", bench.spool).test()
        return str(raised.value)

    trusting = {"ca_file": ours.certificate}
    with web_archive(archive_id) as archive:
        assert "its certificate is not trusted" in said()
        assert "its certificate is not trusted" in said(ca_file=strange.certificate)
        assert "No such file" in said(ca_file=tmp_path / "none.pem")
        wrong_key = {"certificate": stranger.certificate, "key": archive_id.key}
        assert "stranger.pem" in said(**trusting, **wrong_key)
    with web_archive(other) as archive:
        assert "IP address mismatch" in said(**trusting)
    with web_archive(archive_id, clients=ours) as archive:
        assert "no connection" in said(**trusting)
        theirs = {"certificate": stranger.certificate, "key": stranger.key}
        assert "no connection" in said(**trusting, **theirs)
    assert archive.requests == []
