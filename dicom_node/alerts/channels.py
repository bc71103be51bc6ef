"""The ways by which people are told, as they are configured."""

from collections.abc import Callable, Mapping

from dicom_node.alerts.command import run_command
from dicom_node.alerts.mail import send_mail
from dicom_node.alerts.message import Message
from dicom_node.alerts.webhook import post_webhook
from dicom_node.config import NotifySection

#: Gives a message to whoever brings it on; raises `ChannelFailed`.
Send = Callable[[NotifySection, Message], None]
_ALL: Mapping[str, Send] = {"email": send_mail, "webhook": post_webhook, "command": run_command}


def channels_of(notify: NotifySection) -> dict[str, Send]:
    """By name, those that are set."""
    is_set = {
        "email": bool(notify.email_to),
        "webhook": notify.webhook_file is not None,
        "command": bool(notify.command),
    }
    return {name: send for name, send in _ALL.items() if is_set[name]}
