"""DICOMweb as a destination: the same states and retries as by C-STORE, against a real server."""

from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import ImplicitVRLittleEndian, SegmentationStorage

from dicom_node.config import WebDestination
from dicom_node.delivery.kinds import DESTINATION_KINDS
from dicom_node.delivery.loop import DECLINED_TRIES
from dicom_node.errors import DestinationUnavailable
from dicom_node.ledger import DeliveryState, Progress
from tests.dicom_node.certificates import authority
from tests.dicom_node.delivery.bench import CLASSES, Bench, delivery_of
from tests.dicom_node.delivery.web_archive import (
    TOKEN,
    Reply,
    Request,
    WebArchive,
    failed,
    stored,
    token,
    web_archive,
)
from tests.dicom_node.ledger.records import progress

pytestmark = pytest.mark.slow

SECRET = "s3cret-of-the-node"


def at(archive: WebArchive, **keys: Any) -> WebDestination:
    return WebDestination(kind="dicomweb", name="cloud", stow=archive.stow, **keys)


def reason(bench: Bench, job_id: int, role: str = "SEG") -> str:
    return delivery_of(bench, job_id, role).reason or ""


def role_of(request: Request) -> str:
    roles: dict[str, str] = {uid: role for role, uid in CLASSES.items()}
    return roles[request.dataset.SOPClassUID]


# What is sent


def test_every_output_arrives_once_as_the_bytes_it_was_built_of(bench: Bench) -> None:
    with web_archive() as archive:
        job_id = bench.build(at(archive))
        bench.deliver_all(at(archive))
    assert bench.states(job_id) == [DeliveryState.DELIVERED] * 3
    assert [role_of(request) for request in archive.posted] == ["SEG", "SR", "SC"]
    for delivery in bench.ledger.deliveries.of_job(job_id):
        if delivery.state is DeliveryState.DELIVERED:
            built = bench.spool.resolve(delivery.path).read_bytes()
            assert archive.held[delivery.sop_instance_uid] == built


def test_a_transfer_syntax_that_is_not_taken_is_followed_by_the_next(bench: Bench) -> None:
    def answer(request: Request) -> Reply:
        if request.dataset.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian:
            return archive.keep(request)
        return failed(str(request.dataset.SOPInstanceUID), 0xC122)

    with web_archive() as archive:
        archive.answer = answer
        job_id = bench.build(at(archive, transfer_syntaxes=["explicit", "implicit"]))
        bench.deliver_all(at(archive, transfer_syntaxes=["explicit", "implicit"]))
    assert bench.states(job_id) == [DeliveryState.DELIVERED] * 3


def test_the_next_best_goes_where_a_class_is_not_taken(bench: Bench) -> None:
    def answer(request: Request) -> Reply:
        if request.dataset.SOPClassUID == SegmentationStorage:
            return failed(str(request.dataset.SOPInstanceUID), 0x0122)
        return archive.keep(request)

    with web_archive() as archive:
        archive.answer = answer
        job_id = bench.build(at(archive))
        bench.deliver_all(at(archive))
    states = bench.by_role(job_id)
    assert (states["SEG"], states["PR"]) == ("SUBSTITUTED", "DELIVERED")


# What is answered


def test_one_failure_of_three_is_tried_again_and_the_others_are_there(bench: Bench) -> None:
    def answer(request: Request) -> Reply:
        uid = str(request.dataset.SOPInstanceUID)
        return failed(uid, 0xA700, 202) if role_of(request) == "SR" else archive.keep(request)

    with web_archive() as archive:
        archive.answer = answer
        job_id = bench.build(at(archive))
        bench.deliver_all(at(archive))
        states = bench.by_role(job_id)
        assert (states["SEG"], states["SR"], states["SC"]) == ("DELIVERED", "WAITING", "DELIVERED")
        assert delivery_of(bench, job_id, "SR").dimse_status == 0xA700
        archive.answer = archive.store_or_search
        bench.clock.advance(600)
        bench.deliver_all(at(archive))
    assert progress(bench.ledger, job_id) is Progress.DELIVERED
    assert len(archive.held) == 3


def test_a_warning_is_a_delivery_and_is_kept(bench: Bench) -> None:
    with web_archive() as archive:
        archive.answer = lambda request: stored(str(request.dataset.SOPInstanceUID), 0xB000, 202)
        job_id = bench.build(at(archive, outputs=["SR"], next_best=False))
        bench.deliver_all(at(archive))
    (kept,) = [e.detail for e in bench.ledger.reports.events(job_id) if e.event == "delivered"]
    assert kept.startswith("status 0xb000: Coercion")


def test_what_is_too_large_is_refused_after_a_few_tries(bench: Bench) -> None:
    with web_archive() as archive:
        archive.answer = lambda _: Reply(413)
        to = at(archive, outputs=["SR"], next_best=False)
        job_id = bench.build(to)
        for _ in range(2 * DECLINED_TRIES):
            bench.deliver_all(to)
            bench.clock.advance(600)
    assert len(archive.posted) == DECLINED_TRIES
    assert bench.states(job_id) == [DeliveryState.REFUSED]
    assert "HTTP 413" in reason(bench, job_id, "SR")


@pytest.mark.parametrize("status", [429, 503])
def test_who_is_busy_is_left_alone_for_as_long_as_he_says(bench: Bench, status: int) -> None:
    with web_archive() as archive:
        archive.answer = lambda _: Reply(status, headers={"Retry-After": "120"})
        job_id = bench.build(at(archive))
        bench.deliver_all(at(archive))
        assert len(archive.posted) == 1
        assert bench.states(job_id) == [DeliveryState.WAITING] * 3
        bench.clock.advance(110)
        bench.deliver_all(at(archive))
        assert len(archive.posted) == 1
        archive.answer = archive.store_or_search
        bench.clock.advance(20)
        bench.deliver_all(at(archive))
    assert progress(bench.ledger, job_id) is Progress.DELIVERED


def test_who_gets_busy_after_the_first_is_left_alone_too(bench: Bench) -> None:
    def answer(request: Request) -> Reply:
        if archive.held:
            return Reply(429, headers={"Retry-After": "120"})
        return archive.keep(request)

    with web_archive() as archive:
        archive.answer = answer
        job_id = bench.build(at(archive))
        bench.deliver_all(at(archive))
        bench.clock.advance(110)
        bench.deliver_all(at(archive))
    assert len(archive.posted) == 2
    assert bench.states(job_id).count(DeliveryState.DELIVERED) == 1


def test_a_page_of_somebody_else_is_no_delivery(bench: Bench) -> None:
    with web_archive() as archive:
        archive.answer = lambda _: Reply(200, b"<html>Please log in</html>", "text/html")
        job_id = bench.build(at(archive))
        bench.deliver_all(at(archive))
    assert bench.states(job_id) == [DeliveryState.WAITING] * 3
    assert reason(bench, job_id).endswith("HTTP 200 OK with text/html: is stow right?")
    assert not bench.ledger.breakers.of("cloud").reachable


def test_patients_data_follow_no_redirection(bench: Bench) -> None:
    with web_archive() as elsewhere, web_archive() as archive:
        archive.answer = lambda _: Reply(307, headers={"Location": elsewhere.stow})
        job_id = bench.build(at(archive))
        bench.deliver_all(at(archive))
        assert elsewhere.requests == []
    assert "it is not followed elsewhere" in reason(bench, job_id)


def test_an_output_that_breaks_the_connection_keeps_no_other_from_arriving(bench: Bench) -> None:
    with web_archive() as archive:
        archive.answer = lambda r: None if role_of(r) == "SEG" else archive.keep(r)
        job_id = bench.build(at(archive))
        bench.loop(at(archive)).deliver_due()
    states = bench.by_role(job_id)
    assert (states["SEG"], states["SR"], states["SC"]) == ("WAITING", "DELIVERED", "DELIVERED")
    assert "connection lost while sending" in reason(bench, job_id)


def test_a_server_that_is_away_gets_everything_when_it_is_back(bench: Bench) -> None:
    with web_archive() as archive:
        pass
    job_id = bench.build(at(archive))
    assert not bench.loop(at(archive)).deliver_due()
    assert "(connection refused)" in reason(bench, job_id)
    standing = bench.ledger.breakers.of("cloud")
    assert (standing.reachable, standing.failures) == (False, 1)
    with web_archive(port=archive.port) as back:
        bench.clock.advance(2)
        bench.deliver_all(at(archive))
        assert len(back.held) == 3
    assert bench.ledger.breakers.of("cloud").reachable


# Who may store


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
