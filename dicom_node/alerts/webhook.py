"""By a webhook: JSON posted to a URL, in the shape that is wanted there."""

import json

from dicom_node.alerts.message import Message
from dicom_node.config import NotifySection
from dicom_node.errors import ChannelFailed

#: Seconds for all of it.
TIMEOUT_S = 10.0


def post_webhook(notify: NotifySection, message: Message) -> None:
    """Raises ChannelFailed, in which the URL does not stand."""
    # Here: httpx2 is slow to import, and mostly nothing is to be told.
    from dicom_node.web.posting import post

    assert notify.webhook_file is not None
    try:
        url = notify.webhook_file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise ChannelFailed(f"webhook_file {notify.webhook_file} cannot be read") from exc
    shapes = {"slack": message.slack, "teams": message.teams}
    shape = shapes.get(notify.webhook_shape)
    content = message.written() if shape is None else json.dumps(shape())
    answer = post(url, content.encode(), "application/json", notify.webhook_ca_file, TIMEOUT_S)
    if not 200 <= answer.status < 300:
        raise ChannelFailed(f"the webhook answered {answer.words}")
