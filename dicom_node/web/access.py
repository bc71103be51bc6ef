"""Who the node says it is to a server: the value of Authorization, and where its secret is.

A secret is read when it is needed, so that a new one needs no restart, and is in no message.
"""

import json
import os
import time
from base64 import b64encode
from collections.abc import Callable
from urllib.parse import quote_plus, urlencode

from dicom_node.config import ServerDestination
from dicom_node.errors import DestinationAway
from dicom_node.web.exchange import Answer

#: Post this form to that URL with that Authorization.
Post = Callable[[str, str, bytes], Answer]

#: RFC 6749 5.1: where the server does not say how long a token lasts.
_UNKNOWN_LIFE_S = 300.0
#: A token is used for this part of its life: the request that takes it along needs time, too.
_USED_PART = 0.8
#: Of an error of the token endpoint, RFC 6749 5.2.
_LONGEST_ERROR = 64


class Access:
    """Kept as long as its destination: a token is used until it ends."""

    def __init__(
        self, to: ServerDestination, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._to = to
        self._monotonic = monotonic
        self._token = ""
        self._token_until = 0.0

    def authorization(self, post: Post) -> str | None:
        """What the header is to say; raises DestinationAway where no secret or token is to be had.

        `post` is used only where a token is to be got.
        """
        match self._to.auth:
            case "basic":
                return _basic(self._to.user or "", self._secret())
            case "bearer":
                return _bearer(self._to.name, self._secret())
            case "oauth":
                if self._monotonic() >= self._token_until:
                    self._get_token(post)
                return _bearer(self._to.name, self._token)
            case _:
                return None

    def forget(self) -> bool:
        """The server did not accept it; whether another may be accepted, now."""
        had = self._to.auth == "oauth" and bool(self._token)
        self._token, self._token_until = "", 0.0
        return had

    def _get_token(self, post: Post) -> None:
        """The client credentials grant (RFC 6749 4.4), the client by Basic (2.3.1)."""
        to = self._to
        client = _basic(quote_plus(to.client_id or ""), quote_plus(self._secret()))
        form = {"grant_type": "client_credentials"} | ({"scope": to.scope} if to.scope else {})
        answer = post(to.token_url or "", client, urlencode(form).encode())
        said = _object(answer.body)
        token, life_s = said.get("access_token"), said.get("expires_in", _UNKNOWN_LIFE_S)
        if answer.status != 200 or not isinstance(token, str) or not token:
            why = f"{answer.words}{_error(said)}"
            raise DestinationAway(f"{to.name}: got no token from {to.token_url} ({why})")
        self._token = token
        life_s = float(life_s) if isinstance(life_s, int | float) else _UNKNOWN_LIFE_S
        self._token_until = self._monotonic() + _USED_PART * life_s

    def _secret(self) -> str:
        to = self._to
        if to.secret_file:
            where = str(to.secret_file)
            try:
                secret = to.secret_file.read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as exc:
                why = exc.strerror if isinstance(exc, OSError) else "is no text"
                raise DestinationAway(f"{to.name}: secret_file {where}: {why}") from None
        else:
            where = f"the environment's {to.secret_variable}"
            secret = os.environ.get(to.secret_variable or "", "").strip()
        if not secret:
            raise DestinationAway(f"{to.name}: {where} holds no secret")
        return secret


def _basic(user: str, password: str) -> str:
    """RFC 7617."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def _bearer(name: str, token: str) -> str:
    """RFC 6750 2.1; nothing of a token is quoted."""
    if not token.isascii() or not token.isprintable() or " " in token:
        raise DestinationAway(f"{name}: the token has a character that a token may not have")
    return f"Bearer {token}"


def _object(body: bytes) -> dict[str, object]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _error(said: dict[str, object]) -> str:
    error = said.get("error")
    is_code = isinstance(error, str) and error.isascii() and error.isprintable()
    return f", {error[:_LONGEST_ERROR]}" if is_code and isinstance(error, str) else ""
