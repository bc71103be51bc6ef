"""Passwords as the configuration keeps them: `scrypt$N$r$p$SALT$HASH` (RFC 7914), salt and hash in
Base64.
"""

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode

from dicom_node.errors import UsageError

#: OWASP's advice for scrypt: 2^17 blocks of 1 KiB, 128 MiB and a third of a second a try.
_N, _R, _P = 2**17, 8, 1
#: Bytes that OpenSSL may take: 128 * N * r, and some.
_MOST_MEMORY = 256 * 2**20
_SALT_BYTES = 16
_HASH_BYTES = 32
SHORTEST = 10


def hash_of(password: str) -> str:
    """To be written into the configuration; raises UsageError where it is too short."""
    if len(password) < SHORTEST:
        raise UsageError(f"a password has at least {SHORTEST} characters")
    salt = secrets.token_bytes(_SALT_BYTES)
    made = _scrypt(password, salt, _N, _R, _P, _HASH_BYTES)
    return "$".join(["scrypt", *map(str, (_N, _R, _P)), *map(_text, (salt, made))])


def is_right(password: str, kept: str) -> bool:
    """Whether `kept` was made of it; False too where `kept` cannot be read."""
    try:
        _, n, r, p, salt, made = kept.split("$")
        wanted = b64decode(made, validate=True)
        found = _scrypt(password, b64decode(salt, validate=True), int(n), int(r), int(p),
                        len(wanted))  # fmt: skip
    except ValueError:
        return False
    return hmac.compare_digest(found, wanted)


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int, length: int) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"), salt=salt, n=n, r=r, p=p, dklen=length,
        maxmem=_MOST_MEMORY,
    )  # fmt: skip


def _text(value: bytes) -> str:
    return b64encode(value).decode()
