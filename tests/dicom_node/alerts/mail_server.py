"""A small SMTP server (RFC 5321) with STARTTLS and AUTH PLAIN, that keeps what it is given."""

import base64
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

USER, PASSWORD = "cxr-node", "a secret, with a space"


@dataclass
class MailServer:
    """What it took, and how it is to behave."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    was_secured: list[bool] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    refusal: str = ""  #: said to whoever wants to send
    unknown: tuple[str, ...] = ()  #: recipients that it does not take


class _Session(socketserver.StreamRequestHandler):
    server: "_Server"

    def handle(self) -> None:
        self.is_secured, self.to = False, list[str]()
        self.say("220 mail.test")
        while line := self.rfile.readline().decode().strip():
            verb = line[:4].upper()
            if verb == "QUIT":
                self.say("221 bye")
                return
            if self.answer(verb, line):
                return

    def finish(self) -> None:
        super().finish()
        # The server closes what it accepted, which this may have been wrapped around.
        self.request.close()

    def answer(self, verb: str, line: str) -> bool:
        kept = self.server.kept
        if verb == "EHLO":
            offers = ["mail.test", *(["STARTTLS"] if self.server.context else [])]
            offers += ["AUTH PLAIN"] if self.is_secured else []
            for offer in offers[:-1]:
                self.say(f"250-{offer}")
            self.say(f"250 {offers[-1]}")
        elif verb == "STAR" and self.server.context:
            self.say("220 go on")
            try:
                self.request = self.server.context.wrap_socket(self.request, server_side=True)
            except OSError:
                return True
            self.setup()
            self.is_secured = True
        elif verb == "AUTH":
            _, user, password = base64.b64decode(line.split()[2]).decode().split("\0")
            is_known = (user, password) == (USER, PASSWORD)
            kept.users.append(user)
            self.say("235 welcome" if is_known else "535 5.7.8 not known here")
        elif verb == "MAIL" and kept.refusal:
            self.say(kept.refusal)
        elif verb == "RCPT":
            recipient = line.partition(":")[2].strip("<>")
            if recipient in kept.unknown:
                self.say("550 5.1.1 nobody of that name")
            else:
                self.to.append(recipient)
                self.say("250 ok")
        elif verb == "DATA":
            self.say("354 end with a dot")
            self.keep()
            self.say("250 kept")
        else:
            self.say("250 ok")
        return False

    def keep(self) -> None:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b".") else line)
        mail = message_from_bytes(b"".join(lines), policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.server.kept.mails.append(mail)
        self.server.kept.recipients.append(self.to)
        self.server.kept.was_secured.append(self.is_secured)

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    kept: MailServer
    context: ssl.SSLContext | None = None


@contextmanager
def mail_server(certificate: Path | None = None, key: Path | None = None) -> Iterator[MailServer]:
    """On a free port of this host; with a certificate it offers STARTTLS."""
    with _Server(("127.0.0.1", 0), _Session) as server:
        server.kept = MailServer(port=server.server_address[1])
        if certificate is not None:
            server.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            server.context.load_cert_chain(certificate, key)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.kept
        finally:
            server.shutdown()
            thread.join()
