"""Certificates that end soon are told of: in `status`, by `doctor`, in one line for a monitor."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dicom_node.config import Config, Destination, parse
from dicom_node.errors import ConfigError, UsageError
from dicom_node.ledger import Ledger
from dicom_node.network.tls import Certificate, Renewed, server_context
from dicom_node.ops.certificates import certificate_warnings, certificates_of
from dicom_node.ops.monitor import Limits, Verdict, check_node
from dicom_node.ops.status import show_status
from tests.certificates import Authority, Issued

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("hospital"))


def configured(state: Path, own: Issued, **tls: object) -> Config:
    keys = {"certificate": str(own.certificate), "key": str(own.key), "trusted": str(own.trusted)}
    return parse({"node": {"state": state}, "tls": keys | tls})


def test_one_that_lasts_is_no_matter(tmp_path: Path, authority: Authority) -> None:
    config = configured(tmp_path, authority.issue("lasting", valid=timedelta(days=31)))
    assert certificate_warnings(config, NOW) == []
    own = certificates_of(config)[0]
    assert isinstance(own, Certificate)
    assert own.subject == "lasting"


@pytest.mark.parametrize(
    ("valid", "said"), [(timedelta(days=10, hours=1), "in 10 days"), (-timedelta(1), "expired on")]
)
def test_one_that_ends_soon_is_told_of_everywhere(
    tmp_path: Path,
    authority: Authority,
    capsys: pytest.CaptureFixture[str],
    valid: timedelta,
    said: str,
) -> None:
    config = configured(tmp_path, authority.issue("ending", valid=valid))
    (warning,) = certificate_warnings(config, NOW)
    assert "the certificate of ending" in warning
    assert said in warning
    Ledger.open(config.ledger_url).close()
    show_status(config, as_json=False)
    assert f"certificate: {warning}" in capsys.readouterr().out
    show_status(config, as_json=True)
    assert json.loads(capsys.readouterr().out)["certificates"] == [warning]
    assert check_node(config, Limits(300, 0, NOW)) != Verdict.OK
    assert warning in capsys.readouterr().out


def test_what_is_wrong_with_the_files_is_said(tmp_path: Path, authority: Authority) -> None:
    own, other = authority.issue("one"), authority.issue("other")
    mixed = Issued(own.certificate, other.key, own.trusted, own.serial)
    missing = Issued(own.certificate, tmp_path / "none.key", own.trusted, own.serial)
    empty = Issued(own.trusted, own.key, tmp_path / "empty.pem", own.serial)
    (tmp_path / "empty.pem").touch()
    for files, said in ((mixed, "key values mismatch"), (missing, "none.key: cannot be read"),
                        (empty, "no certificate")):  # fmt: skip
        with pytest.raises(UsageError, match=said):
            Renewed(files.files, mutual=True)


@pytest.mark.parametrize(
    ("valid", "said"),
    [
        (timedelta(days=7), ""),
        (timedelta(days=1), "expires on"),
        (-timedelta(hours=1), "has expired on"),
    ],
)
def test_a_list_of_revoked_certificates_is_told_of_before_it_refuses_everybody(
    tmp_path: Path, authority: Authority, valid: timedelta, said: str
) -> None:
    own = authority.issue("lasting", valid=timedelta(days=31))
    path = authority.revoke(own, valid=valid)
    config = configured(tmp_path, own, revoked=str(path))
    warnings = certificate_warnings(config, NOW)
    assert len(warnings) == bool(said)
    assert all(f"the list of revoked certificates in {path} {said}" in one for one in warnings)


def test_what_is_no_list_of_revoked_certificates_is_refused(
    tmp_path: Path, authority: Authority
) -> None:
    own = authority.issue("one")
    broken = tmp_path / "broken.pem"
    broken.write_text("-----BEGIN X509 CRL-----\nMAMCAQE=\n-----END X509 CRL-----\n")
    for path, fault in ((own.trusted, "holds no list"), (broken, "cannot be read"),
                        (tmp_path / "none.pem", "cannot be read")):  # fmt: skip
        with pytest.raises(UsageError, match=fault):
            Renewed(own.with_revoked(path), mutual=True)


def test_only_tls_1_2_and_newer_with_forward_secrecy_is_offered(authority: Authority) -> None:
    context = server_context(authority.issue("node").files, mutual=True)
    names = {cipher["name"] for cipher in context.get_ciphers()}
    assert all(name.startswith(("TLS_", "ECDHE-")) for name in names)
    assert all("GCM" in name or "CHACHA20" in name for name in names)
    assert context.minimum_version.name == "TLSv1_2"


@pytest.mark.parametrize(
    ("tls", "fault"),
    [
        ({"listen": "mutual"}, "[tls] listen = 'mutual' needs certificate"),
        ({"listen": "mutual", "certificate": "a"}, "[tls] listen = 'mutual' needs trusted"),
        ({"revoked": "a"}, "[tls] revoked is of no use without trusted"),
        ({"key": "a"}, "[tls] key is of no use without certificate"),
        ({"certificate": ""}, "[tls] certificate is empty"),
        ({"listen": "on"}, "[tls] listen must be 'off', 'server' or 'mutual'"),
    ],
)
def test_a_configuration_that_is_not_enough_is_refused(
    tmp_path: Path, tls: dict[str, str], fault: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        parse({"node": {"state": tmp_path}, "tls": tls})
    assert fault in str(raised.value)


def test_a_destination_takes_what_the_node_has_and_needs_somebody_to_believe(
    tmp_path: Path,
) -> None:
    entry = {"aet": "PACS", "host": "h", "port": 2762, "tls": True}
    with pytest.raises(ConfigError) as raised:
        parse({"node": {"state": tmp_path}, "destination": [entry]})
    assert "'PACS@h:2762' tls needs trusted" in str(raised.value)
    tls = {"certificate": "/a", "key": "/k", "trusted": "/t"}
    config = parse({"node": {"state": tmp_path}, "tls": tls, "destination": [entry]})
    (destination,) = config.destinations
    assert isinstance(destination, Destination)
    assert destination.trusted == Path("/t")
    own = entry | {"certificate": "/own"}
    config = parse({"node": {"state": tmp_path}, "tls": tls, "destination": [own]})
    # Its own certificate has its own key: that of another would not fit.
    (destination,) = config.destinations
    assert isinstance(destination, Destination)
    assert (destination.certificate, destination.key) == (Path("/own"), None)
