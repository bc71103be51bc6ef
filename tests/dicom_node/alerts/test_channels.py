"""Channels: a real mail server, a real web server, a real program."""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from dicom_node.alerts.channels import channels_of
from dicom_node.alerts.message import Message, Told
from dicom_node.config import NotifySection
from dicom_node.demo.node import free_port
from dicom_node.errors import ChannelFailed
from tests.certificates import Authority, Issued
from tests.dicom_node.alerts.mail_server import PASSWORD, USER, MailServer, mail_server
from tests.dicom_node.alerts.posted import web_hook

MESSAGE = Message(
    "CXRNODE",
    "host-a",
    (
        Told("CxrDestinationUnreachable", "firing", "pacs", "pacs has not been reached for 0:15:01",
             "2026-03-02T12:00:00+00:00", None),
        Told("CxrDeadLetters", "resolved", "analysis", "2 images failed within a day",
             "2026-03-02T11:00:00+00:00", "2026-03-02T12:00:00+00:00"),
    ),
)  # fmt: skip


def send(keys: Mapping[str, object], message: Message = MESSAGE) -> None:
    notify = NotifySection.model_validate(keys)
    (channel,) = channels_of(notify).values()
    channel(notify, message)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def issued(authority: Authority) -> Issued:
    return authority.issue("mail")


@pytest.fixture
def server(issued: Issued) -> Iterator[MailServer]:
    with mail_server(issued.certificate, issued.key) as server:
        yield server


def mail(server: MailServer, **keys: object) -> dict[str, object]:
    return {
        "email_to": ["a@hospital.test", "b@hospital.test"],
        "email_from": "cxr@hospital.test",
        "smtp_host": "127.0.0.1",
        "smtp_port": server.port,
        **keys,
    }


def test_a_mail_goes_encrypted_to_all_who_are_to_have_it(
    server: MailServer, issued: Issued
) -> None:
    send(mail(server, smtp_ca_file=issued.trusted))
    (got,) = server.mails
    assert server.was_secured == [True]
    assert server.recipients == [["a@hospital.test", "b@hospital.test"]]
    assert got["Subject"].strip() == "CXRNODE: CxrDestinationUnreachable (pacs) firing, and 1 more"
    assert (got["From"], got["Auto-Submitted"]) == ("cxr@hospital.test", "auto-generated")
    lines = got.get_content().splitlines()
    assert lines[0].startswith("CxrDestinationUnreachable (pacs): pacs has not been reached for")
    assert lines[1].startswith("CxrDeadLetters (analysis): over at 2026-03-02T12:00:00")


def test_a_server_that_is_not_trusted_gets_neither_mail_nor_password(
    server: MailServer, tmp_path: Path
) -> None:
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    with pytest.raises(ChannelFailed, match="certificate verify failed"):
        send(mail(server, smtp_user=USER, smtp_password_file=password))
    assert (server.mails, server.users) == ([], [])


def test_a_server_without_starttls_gets_nothing() -> None:
    with mail_server() as server:
        with pytest.raises(ChannelFailed, match="STARTTLS"):
            send(mail(server))
        assert server.mails == []
        send(mail(server, smtp_security="none"))
        assert server.was_secured == [False]


def test_who_we_are_is_said_where_it_is_asked(
    server: MailServer, issued: Issued, tmp_path: Path
) -> None:
    password = tmp_path / "password"
    password.write_text(f"{PASSWORD}\n")
    keys = mail(server, smtp_user=USER, smtp_password_file=password, smtp_ca_file=issued.trusted)
    send(keys)
    assert (server.users, len(server.mails)) == ([USER], 1)
    password.write_text("another")
    with pytest.raises(ChannelFailed, match=r"answered 535 5\.7\.8 not known here"):
        send(keys)


def test_what_a_mail_server_says_is_told(server: MailServer, issued: Issued) -> None:
    server.refusal = "451 4.3.0 try later"
    with pytest.raises(ChannelFailed, match=rf"127\.0\.0\.1:{server.port}: answered 451 4\.3\.0"):
        send(mail(server, smtp_ca_file=issued.trusted))


def test_a_mail_server_that_is_not_there_is_a_failure_in_words() -> None:
    with pytest.raises(ChannelFailed, match="refused"):
        send(mail(MailServer(port=free_port())))


def test_one_who_has_left_the_hospital_has_nobody_told_again_and_again(
    server: MailServer, issued: Issued, caplog: pytest.LogCaptureFixture
) -> None:
    server.unknown = ("b@hospital.test",)
    keys = mail(server, smtp_ca_file=issued.trusted)
    send(keys)
    assert server.recipients == [["a@hospital.test"]]
    (said,) = caplog.records
    assert said.getMessage() == "a mail server does not take recipients of alerts"
    assert vars(said)["recipients"] == ["b@hospital.test"]
    # A test is to find it.
    with pytest.raises(ChannelFailed, match=r"refused b@hospital\.test; others have it"):
        send(keys, Message.test("CXRNODE", "host-a"))
    server.unknown = ("a@hospital.test", "b@hospital.test")
    with pytest.raises(ChannelFailed, match=r"refused a@hospital\.test, b@hospital\.test"):
        send(keys)


def hook(folder: Path, url: str, shape: str = "json", **keys: object) -> dict[str, object]:
    file = folder / "url"
    file.write_text(f"{url}\n")
    return {"webhook_file": file, "webhook_shape": shape, **keys}


def test_a_webhook_gets_json(tmp_path: Path, issued: Issued) -> None:
    with web_hook(issued.certificate, issued.key) as posted:
        send(hook(tmp_path, posted.url, webhook_ca_file=issued.trusted))
    assert (posted.paths, posted.types) == (["/hook?sig=secret"], ["application/json"])
    (body,) = posted.bodies
    assert (body["node"], body["host"], body["is_test"]) == ("CXRNODE", "host-a", False)
    assert body["alerts"][0] == {
        "alert": "CxrDestinationUnreachable",
        "state": "firing",
        "subject": "pacs",
        "words": "pacs has not been reached for 0:15:01",
        "since": "2026-03-02T12:00:00+00:00",
        "until": None,
    }


def test_slack_gets_a_text(tmp_path: Path) -> None:
    with web_hook() as posted:
        send(hook(tmp_path, posted.url, "slack"))
    (body,) = posted.bodies
    assert list(body) == ["text"]
    assert "pacs has not been reached" in body["text"]


def test_teams_gets_an_adaptive_card(tmp_path: Path) -> None:
    with web_hook() as posted:
        send(hook(tmp_path, posted.url, "teams"))
    (body,) = posted.bodies
    (attachment,) = body["attachments"]
    assert (body["type"], attachment["contentType"]) == (
        "message", "application/vnd.microsoft.card.adaptive",
    )  # fmt: skip
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert all(block["type"] == "TextBlock" for block in card["body"])
    assert any("pacs has not been reached" in block["text"] for block in card["body"])


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("no URL at all", "does not begin with https"),
        ("https://[::1:secret", "webhook"),
        pytest.param(
            f"http://127.0.0.1:{free_port()}/secret", "no connection to 127.0.0.1", id="nobody"
        ),
    ],
)
def test_what_is_wrong_with_a_webhook_is_told_without_its_url(
    url: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(ChannelFailed) as failed:
        send(hook(tmp_path, url))
    assert said in str(failed.value)
    assert "secret" not in str(failed.value)


def test_a_webhook_that_declines_is_a_failure(tmp_path: Path) -> None:
    with web_hook() as posted:
        posted.status = 410
        with pytest.raises(ChannelFailed, match="answered HTTP 410 Gone"):
            send(hook(tmp_path, posted.url))


def program(folder: Path, text: str, **keys: object) -> dict[str, object]:
    file = folder / "program.py"
    file.write_text(text)
    return {"command": [sys.executable, str(file), str(folder), "$HOME; `id`"], **keys}


def test_a_command_gets_json_and_its_arguments_as_they_are(tmp_path: Path) -> None:
    send(program(tmp_path, "import pathlib, sys\n"
                   "folder = pathlib.Path(sys.argv[1])\n"
                   "(folder / 'got').write_text(sys.stdin.read())\n"
                   "(folder / 'argument').write_text(sys.argv[2])\n"))  # fmt: skip
    assert json.loads((tmp_path / "got").read_text())["alerts"][1]["alert"] == "CxrDeadLetters"
    # No shell has made anything of it.
    assert (tmp_path / "argument").read_text() == "$HOME; `id`"


def test_a_command_that_fails_is_told_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(ChannelFailed, match="ended with 3: nobody is on call"):
        send(program(tmp_path, "print('nobody is on call'); raise SystemExit(3)"))


def test_a_command_that_hangs_is_ended_with_all_it_has_started(tmp_path: Path) -> None:
    hanging = (
        "import subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "time.sleep(60)\n"
    )
    began = time.monotonic()
    with pytest.raises(ChannelFailed, match="has not ended within 1 s"):
        send(program(tmp_path, hanging, command_timeout_s=1.0))
    assert time.monotonic() - began < 20


def test_what_a_command_leaves_running_does_not_make_it_a_failure(tmp_path: Path) -> None:
    # It holds the pipe that the command's own words come by.
    leaves = (
        "import pathlib, subprocess, sys\n"
        "left = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "(pathlib.Path(sys.argv[1]) / 'left').write_text(str(left.pid))\n"
    )
    began = time.monotonic()
    send(program(tmp_path, leaves, command_timeout_s=30.0))
    assert time.monotonic() - began < 20
    os.kill(int((tmp_path / "left").read_text()), signal.SIGKILL)


def test_a_command_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(ChannelFailed, match="No such file"):
        send({"command": [str(tmp_path / "absent")]})


def test_a_test_says_that_it_is_one(tmp_path: Path) -> None:
    with web_hook() as posted:
        send(hook(tmp_path, posted.url, "slack"), Message.test("CXRNODE", "host-a"))
    assert "a test of this channel" in posted.bodies[0]["text"]


def test_a_message_is_read_as_it_was_written() -> None:
    assert Message.read(MESSAGE.written()) == MESSAGE
