"""Each destination, asked all that can be asked before anything is sent."""

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from dicom_node.cli.checks.check import Check, Key, fault, ok, warning
from dicom_node.cli.node.preflight import missing_destination
from dicom_node.config import AnyDestination, Config, HandOverDestination, ServerDestination
from dicom_node.delivery.kinds import DESTINATION_KINDS, Offering
from dicom_node.delivery.offer import Offer
from dicom_node.errors import DestinationUnavailable
from dicom_node.network.tls import WARN_BEFORE
from dicom_node.ops.remedies import certificate_remedy
from dicom_node.spool import Spool

_SECTION = "destination"
_NO_EXTRA = "the extra `handover`"
_INSTALL = "install it: pip install 'cxr-node[handover]' (INSTALL)"
_NOT_THERE = "see that it runs and knows this node's AE title; what waits is sent once it does"
_NOBODY_THERE = "see that it runs; what waits is sent once it does"
#: Stands for the key that says where a server is.
_URL = "url"
#: The key to change, by what the reason says; the first that is found.
_BY_REASON = {
    "Called AE title not recognised": "aet",
    "Calling AE title not recognised": "aet of [node]",
    "is unknown": "host",
    "its certificate was refused: Hostname mismatch": "tls_name",
    "its certificate was refused: IP address mismatch": "tls_name",
    "its certificate was refused: CRL": "revoked",
    "its certificate was refused: unable to get certificate CRL": "revoked",
    "its certificate was refused": "trusted",
    "its certificate is not trusted": "ca_file",
    "the certificate it was shown": "certificate",
    "it wants a certificate": "certificate",
    "does it speak DICOM": "tls",
    "it speaks no TLS": "tls",
    "got no token": "token_url",
    "HTTP 403": "auth",
    _NO_EXTRA: "kind",
    "HTTP 404": _URL,
    "HTTP 405": _URL,
    "is base right": _URL,
}
_CONFIRMS = {"commitment": "storage commitment", "query": "to be asked what it holds"}


def destinations(config: Config, *, network: bool) -> Iterator[Check]:
    """Each asked whether it is there, as the node will call it, and for what it will be needed."""
    for said in missing_destination(config):
        yield fault("destinations", said, "name one in node.toml", Key("node", "no_destination"))
    for number, to in enumerate(config.destinations):
        name = f"destination {to.name}"
        if not network:
            yield ok(name, f"{to.address}, not asked")
            continue
        try:
            offer = _offer(config, to)
        except DestinationUnavailable as exc:
            yield fault(name, str(exc), _remedy(to, str(exc)), _key(to, number, str(exc)))
        else:
            silent = "; silent: nothing is sent there" if to.silent else ""
            yield ok(name, f"{to.address} {offer.answer}{silent}")
            yield from _outputs(name, to, number, offer)
            yield from _certificate(name, offer)
            yield from _confirmation(name, to, number, offer)


def ask(config: Config, to: AnyDestination) -> str:
    """What it answers, as the node would call it; raises DestinationUnavailable."""
    # Nothing is sent, and the node's own spool may not be there yet.
    with tempfile.TemporaryDirectory() as nowhere:
        kind = DESTINATION_KINDS[to.kind]
        return kind.carrier(to, config.node.aet, Spool(Path(nowhere))).test()


def _offer(config: Config, to: AnyDestination) -> Offer:
    with tempfile.TemporaryDirectory() as nowhere:
        kind = DESTINATION_KINDS[to.kind]
        carrier = kind.carrier(to, config.node.aet, Spool(Path(nowhere)))
        return carrier.offer() if isinstance(carrier, Offering) else Offer(carrier.test())


def _remedy(to: AnyDestination, reason: str) -> str:
    if _NO_EXTRA in reason:
        return _INSTALL
    away = _NOBODY_THERE if isinstance(to, HandOverDestination) else _NOT_THERE
    return certificate_remedy(to.name, reason) or away


def _key(to: AnyDestination, number: int, reason: str) -> Key:
    where = to.url_key if isinstance(to, ServerDestination) else "port"
    if isinstance(to, ServerDestination) and "secret" in reason:
        # Without any the server wants one all the same.
        said = "secret_variable" if to.secret_variable else "secret_file"
        return Key(_SECTION, "auth" if to.auth == "none" else said, number)
    for words, key in _BY_REASON.items():
        if words in reason:
            named, _, section = key.partition(" of ")
            if section:
                return Key("node", named)
            return Key(_SECTION, where if named == _URL else named, number)
    return Key(_SECTION, where, number)


def _outputs(name: str, to: AnyDestination, number: int, offer: Offer) -> Iterator[Check]:
    """Whether it takes what it is to get, or what goes in its place."""
    if offer.takes is None:
        return
    name, profile = f"{name}, results", to.profile
    found = {role: _reached(to, role, offer) for role in profile.outputs}
    said = ", ".join(role if role == at else f"{at} for {role}" for role, at in found.items() if at)
    lost = [role for role, at in found.items() if not at]
    replaced = [role for role, at in found.items() if at and at != role]
    preset = Key(_SECTION, "outputs" if to.outputs is not None else "preset", number)
    if lost:
        yield fault(
            name,
            f"it accepts neither {', nor '.join(lost)} nor what would go instead"
            + (f"; it gets {said}" if said else ""),
            "allow these SOP Classes there, or choose another preset",
            preset,
        )
    elif replaced:
        yield warning(
            name,
            f"it does not accept {', '.join(replaced)}: it gets {said}",
            "nothing, or allow these SOP Classes there",
            preset,
        )
    else:
        yield ok(name, f"it accepts {said}")


def _reached(to: AnyDestination, role: str, offer: Offer) -> str:
    """What it would get for this output; "" where nothing."""
    at: str | None = role
    while at is not None and not (offer.takes or {}).get(at):
        at = to.profile.instead_of(at)
    return at or ""


def _certificate(name: str, offer: Offer) -> Iterator[Check]:
    if (ends := offer.certificate_ends_at) is None:
        return
    name, left = f"{name}, certificate", ends - datetime.now(UTC)
    if left <= WARN_BEFORE:
        yield warning(
            name,
            f"it ends on {ends:%Y-%m-%d %H:%M} UTC, in {left.days} days",
            "have it renewed there: nothing is sent once it has ended",
        )
    else:
        yield ok(name, f"believed; it ends on {ends:%Y-%m-%d}")


def _confirmation(name: str, to: AnyDestination, number: int, offer: Offer) -> Iterator[Check]:
    """Whether it offers the way by which it is to confirm that it keeps what it stored."""
    if offer.confirms is None:
        return
    name, verify = f"{name}, confirmation", Key(_SECTION, "verify", number)
    offers = [_CONFIRMS[way] for way in offer.confirms] or ["nothing"]
    said = f"it offers {' and '.join(offers)}"
    if to.verify == "none":
        yield ok(name, f"not asked for; {said}")
    elif offer.query_fails:
        # Commitment has the query to fall back on.
        level = fault if to.verify == "query" else warning
        yield level(
            name,
            f'verify = "{to.verify}"; {said}, but a query fails: {offer.query_fails}',
            "let this node's AE title ask there (C-FIND)",
            verify,
        )
    elif to.verify in offer.confirms:
        yield ok(name, f'verify = "{to.verify}"; {said}')
    elif to.verify == "commitment" and "query" in offer.confirms:
        yield warning(
            name,
            f"it offers no storage commitment to this node: it is asked what it holds; {said}",
            "allow storage commitment there, with this node's AE title, address and port; or"
            ' verify = "query"',
            verify,
        )
    else:
        yield fault(
            name,
            f'verify = "{to.verify}", but {said}: all would stay UNVERIFIED',
            'allow it there, or verify = "none"',
            verify,
        )
