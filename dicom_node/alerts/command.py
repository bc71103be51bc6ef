"""By any program: it gets the message as JSON on standard input. No shell, and not for ever."""

import os
import signal
import subprocess
import time
from contextlib import suppress

from dicom_node.alerts.message import Message
from dicom_node.config import NotifySection
from dicom_node.errors import ChannelFailed

#: Characters of what it says when it fails.
_LAST_WORDS = 300
#: Seconds between looks whether it has ended.
_LOOK_S = 0.2


def run_command(notify: NotifySection, message: Message) -> None:
    """Raises ChannelFailed where it does not end with 0 in its time."""
    program = notify.command[0]
    try:
        child = subprocess.Popen(
            notify.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as exc:
        raise ChannelFailed(f"{program}: {exc.strerror or exc}") from exc
    with child:
        said = _said(child, message.written().encode(), notify.command_timeout_s)
        if said is None:
            _end(child)
            raise ChannelFailed(f"{program}: has not ended within {notify.command_timeout_s:g} s")
    if child.returncode != 0:
        words = " ".join(said.decode("utf-8", "replace").split())[-_LAST_WORDS:]
        raise ChannelFailed(f"{program}: ended with {child.returncode}: {words}".rstrip(": "))


def _said(child: "subprocess.Popen[bytes]", message: bytes, within_s: float) -> bytes | None:
    """What it says until it ends; None where it does not.

    Its end counts, not that of its pipe: what it has left running may hold that for long.
    """
    until, told = time.monotonic() + within_s, message or None
    while True:
        try:
            return child.communicate(told, _LOOK_S)[0]
        except subprocess.TimeoutExpired as exc:
            if child.poll() is not None:
                return exc.output or b""
            if time.monotonic() > until:
                return None
            told = None


def _end(child: "subprocess.Popen[bytes]") -> None:
    """With all that it has started: they may hold its pipe."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
