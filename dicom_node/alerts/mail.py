"""By e-mail: SMTP (RFC 5321), with STARTTLS (RFC 3207) unless told otherwise."""

import logging
import smtplib
import socket
import ssl
from collections.abc import Collection
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from dicom_node.alerts.message import Message
from dicom_node.config import NotifySection
from dicom_node.errors import ChannelFailed

logger = logging.getLogger(__name__)

#: Seconds that the server has for each answer. Many wait before they greet, and search what they
#: are given before they take it: who goes sooner has it told again.
TIMEOUT_S = 30.0


def send_mail(notify: NotifySection, message: Message) -> None:
    """Raises ChannelFailed where nobody has it, or, of a test, not everybody."""
    mail = EmailMessage()
    mail["Subject"] = message.subject
    mail["From"] = notify.email_from or f"cxr-node@{socket.gethostname()}"
    mail["To"] = ", ".join(notify.email_to)
    mail["Date"] = formatdate(localtime=True)
    mail["Message-ID"] = make_msgid(domain=socket.gethostname())
    # RFC 3834: nobody's absence is to answer it.
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(message.text)
    try:
        with _connected(notify) as server:
            if notify.smtp_user is not None and notify.smtp_password_file is not None:
                password = notify.smtp_password_file.read_text("utf-8").strip()
                server.login(notify.smtp_user, password)
            refused = server.send_message(mail)
    except smtplib.SMTPRecipientsRefused as exc:
        nobody = ", ".join(sorted(exc.recipients))
        raise ChannelFailed(f"{notify.smtp_host} refused {nobody}") from exc
    except (OSError, smtplib.SMTPException, UnicodeDecodeError) as exc:
        raise ChannelFailed(f"{notify.smtp_host}:{notify.smtp_port}: {_why(exc)}") from exc
    if refused:
        _say_refused(notify, sorted(refused), is_test=message.is_test)


def _say_refused(notify: NotifySection, refused: Collection[str], *, is_test: bool) -> None:
    """Others have it: to try again would tell them again, as long as one address is no good."""
    if is_test:
        raise ChannelFailed(f"{notify.smtp_host} refused {', '.join(refused)}; others have it")
    logger.error("a mail server does not take recipients of alerts",
                 extra={"server": notify.smtp_host, "recipients": list(refused)})  # fmt: skip


def _connected(notify: NotifySection) -> smtplib.SMTP:
    host, port = notify.smtp_host or "", notify.smtp_port
    if notify.smtp_security == "tls":
        return smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_S, context=_context(notify))
    server = smtplib.SMTP(host, port, timeout=TIMEOUT_S)
    if notify.smtp_security == "starttls":
        try:
            server.starttls(context=_context(notify))
        except BaseException:
            server.close()
            raise
    return server


def _context(notify: NotifySection) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=notify.smtp_ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _why(error: Exception) -> str:
    """In one line; a server's answer may be several, and is bytes."""
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        words = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        return f"answered {error.smtp_code} {' '.join(words.split())}"
    return " ".join(str(error).split()) or type(error).__name__
