"""Who somebody is: signed words in a cookie or a link, made with a key of this state folder's own.

Nothing is kept of a session but its end: the cookie says who and since when, and the key vouches
for it. A user who was removed, or has another password, is nobody from the next start on.
"""

import hashlib
import hmac
import json
import os
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from dicom_node.config import Config, Role, User, role_of
from dicom_node.errors import SpoolUnavailable

COOKIE = "cxr_page"
#: Seconds: a working day.
SESSION_S = 12 * 3600
#: Seconds in which a link has to be opened.
LINK_S = 120
_KEY_BYTES = 32
#: In the state folder.
_KEY_FILE, _ADDRESS_FILE = "page.key", "page.url"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who looks at the page."""

    name: str  #: "" where nobody has said
    role: Role
    session: str = ""  #: what a form's token is made of; "": there are no forms for them


NOBODY = Visitor("", Role.GLANCE)


@dataclass(frozen=True, slots=True)
class _Word:
    """What is signed."""

    name: str
    kind: str  #: "user": of the configuration; "link": of a link; "entry": the link itself
    at: int  #: seconds since 1970
    nonce: str


class Sessions:
    """Makes and reads cookies, links and the tokens of forms."""

    def __init__(self, key: bytes, users: tuple[User, ...], address: str) -> None:
        self._key = key
        self._users: Mapping[str, User] = {user.name: user for user in users}
        self._address = address
        #: Of links that were opened and sessions that were ended; each is forgotten when it would
        #: have ended anyway.
        self._over: dict[str, float] = {}

    @classmethod
    def of(cls, config: Config) -> Self:
        """Of the node's state folder; raises SpoolUnavailable where that has no room for a key."""
        monitor, state = config.monitor, config.node.state
        address = f"{monitor.scheme}://{monitor.listen}"
        with suppress(OSError):
            address = (state / _ADDRESS_FILE).read_text("utf-8").strip() or address
        return cls(_key(state / _KEY_FILE), config.users, address)

    def begin(self, name: str) -> str:
        """The cookie of a user who has given the right password."""
        return self._signed(self._word(name, "user"))

    def link(self, name: str) -> str:
        """A URL by which `name`, who can read the node's own files, comes in once."""
        return f"{self._address}/enter?with={self._signed(self._word(name, 'entry'))}"

    def enter(self, token: str) -> str | None:
        """The cookie for whoever opens a link; None where it is none, is old or was used."""
        word = self._read(token)
        if word is None or word.kind != "entry" or time.time() - word.at > LINK_S:
            return None
        self._end(word, LINK_S)
        return self._signed(self._word(word.name, "link"))

    def visitor(self, cookie: str) -> Visitor | None:
        """Who it is; None where the cookie is none of ours, is old, or was ended."""
        word = self._read(cookie)
        if word is None or time.time() - word.at > SESSION_S:
            return None
        if word.kind == "link":
            return Visitor(word.name, Role.ADMINISTER, word.nonce)
        if word.kind == "user" and (user := self._users.get(word.name)):
            return Visitor(word.name, role_of(user.role), word.nonce)
        return None

    def end(self, cookie: str) -> None:
        if word := self._read(cookie):
            self._end(word, SESSION_S)

    def form_token(self, visitor: Visitor) -> str:
        """In each form: another site's does not know it."""
        said = f"form\0{visitor.name}\0{visitor.session}".encode()
        return hmac.digest(self._key, said, hashlib.sha256).hex()

    def is_form_token(self, visitor: Visitor, token: str) -> bool:
        return hmac.compare_digest(self.form_token(visitor).encode(), token.encode())

    def _word(self, name: str, kind: str) -> _Word:
        return _Word(name, kind, int(time.time()), secrets.token_hex(8))

    def _signed(self, word: _Word) -> str:
        said = urlsafe_b64encode(json.dumps(asdict(word)).encode()).decode()
        return f"{said}.{self._signature(said, word)}"

    def _read(self, token: str) -> _Word | None:
        said, _, signature = token.partition(".")
        try:
            word = _Word(**json.loads(urlsafe_b64decode(said)))
            right = self._signature(said, word)
        except (ValueError, TypeError, AttributeError, RecursionError):
            return None
        if not hmac.compare_digest(right.encode(), signature.encode()):
            return None
        return None if word.nonce in self._over else word

    def _signature(self, said: str, word: _Word) -> str:
        # With another password the sessions of the former one are over.
        user = self._users.get(word.name) if word.kind == "user" else None
        password = user.password.get_secret_value() if user else ""
        whole = f"session\0{said}\0{password}".encode()
        return hmac.digest(self._key, whole, hashlib.sha256).hex()

    def _end(self, word: _Word, lasts_s: float) -> None:
        now = time.time()
        self._over = {nonce: until for nonce, until in self._over.items() if until > now}
        self._over[word.nonce] = now + lasts_s


def say_where(state: Path, address: str | None) -> None:
    """Where the page of this state folder answers, for `cxr-node page link`; None: nowhere."""
    try:
        if address is None:
            (state / _ADDRESS_FILE).unlink(missing_ok=True)
        else:
            (state / _ADDRESS_FILE).write_text(f"{address}\n", "utf-8")
    except OSError:
        # Then it is where the configuration says.
        return


def _key(path: Path) -> bytes:
    """Made once; whoever can read it comes in, as they can read the images."""
    try:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pass
        else:
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(_KEY_BYTES))
        if len(key := path.read_bytes()) == _KEY_BYTES:
            return key
    except OSError as exc:
        raise SpoolUnavailable(f"{path}: {exc.strerror}") from exc
    raise SpoolUnavailable(f"{path} is no key: remove it, and another is made")
