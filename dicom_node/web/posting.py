"""Something posted once to a URL that is itself a secret: no error names it."""

import ssl
from pathlib import Path

import httpx2

from dicom_node.errors import ChannelFailed, DestinationUnavailable
from dicom_node.web.exchange import Answer, exchange

_NAME = "the webhook"


def post(
    url: str, content: bytes, content_type: str, ca_file: Path | None, timeout_s: float
) -> Answer:
    """Whatever it is answered; raises ChannelFailed where nothing was, or it is no URL."""
    try:
        context = ssl.create_default_context(cafile=ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
    except OSError as exc:
        raise ChannelFailed(f"{ca_file}: {exc.strerror or exc}") from exc
    if not url.startswith(("https://", "http://")):
        raise ChannelFailed("what is in webhook_file does not begin with https://")
    try:
        with httpx2.Client(verify=context, follow_redirects=False) as client:
            headers = {"Content-Type": content_type, "User-Agent": "cxr-node"}
            return exchange(client, _NAME, "POST", url, headers, content, timeout_s)
    except DestinationUnavailable as exc:
        raise ChannelFailed(str(exc)) from exc
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol):
        # Not as the cause, and not quoted.
        raise ChannelFailed("what is in webhook_file is no URL") from None
