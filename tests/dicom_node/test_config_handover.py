"""`[[destination]]` of the kinds "hl7" and "fhir", and the files that explain their keys."""

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dicom_node.cli.statement.networking import sent
from dicom_node.config import (
    DESTINATION_SETTINGS,
    AnyDestination,
    FhirDestination,
    HandOverDestination,
    Hl7Destination,
    parse,
)
from dicom_node.errors import ConfigError
from dicom_node.ops.certificates import certificate_warnings
from tests.certificates import Authority
from tests.dicom_node.documented import examples, uncommented

DEPLOY = Path(__file__).parents[2] / "deploy"
LEAST: dict[str, dict[str, Any]] = {
    "hl7": {"name": "ris", "host": "ris.example", "port": 2575},
    "fhir": {"name": "ehr", "base": "https://fhir.example/r4"},
}
KINDS = pytest.mark.parametrize("kind", LEAST)


def parsed(kind: str, **keys: Any) -> AnyDestination:
    entry = {"kind": kind, **LEAST[kind], **keys}
    config = parse({"node": {"state": "/s"}, "destination": [entry]})
    (destination,) = config.destinations
    return destination


def faults(kind: str, **keys: Any) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        parsed(kind, **keys)
    return [fault.removeprefix("[[destination]] number 1 ") for fault in raised.value.faults]


@KINDS
def test_every_key_is_there_with_its_default_or_marked_as_an_example(kind: str) -> None:
    text = (DEPLOY / f"{kind}.toml").read_text("utf-8")
    (written,) = tomllib.loads(uncommented(text))["destination"]
    own = DESTINATION_SETTINGS[kind].model_fields.keys() - AnyDestination.model_fields.keys()
    assert own | {"kind", "name"} == written.keys()
    plain = parsed(kind)
    shown = {key for key in written if ("destination", key) not in examples(text)}
    assert {key: written[key] for key in shown} == {key: getattr(plain, key) for key in shown}
    assert shown >= ({"kind", "auth"} if kind == "fhir" else {"kind", "tls", "processing_id"})


@KINDS
def test_the_file_is_good_as_it_stands(kind: str) -> None:
    (written,) = tomllib.loads((DEPLOY / f"{kind}.toml").read_text("utf-8"))["destination"]
    assert isinstance(parsed(**written), HandOverDestination)


@KINDS
def test_it_gets_the_report_and_what_takes_one_back(kind: str) -> None:
    profile = parsed(kind).profile
    assert profile.built == ("SR",)
    assert profile.rejection_notes
    assert not parsed(kind, rejection_notes=False).profile.rejection_notes
    assert parsed(kind, language="de").profile.outputs == ("SR@de",)


@KINDS
def test_what_else_it_might_get_is_of_no_use(kind: str) -> None:
    said = faults(kind, preset="ohif", outputs=["SEG"], sr="comprehensive", next_best=True)
    assert [fault.partition(" ")[0] for fault in said] == ["preset", "outputs", "sr", "next_best"]
    assert said[0].endswith(f'is of no use with kind = "{kind}", which is told the report')
    assert faults(kind, verify="query") == ["verify must be one of none"]


def test_an_address_is_one_a_person_knows() -> None:
    assert parsed("hl7").address == "ris.example:2575"
    assert parsed("fhir", base="https://fhir.example/r4/").address == "https://fhir.example/r4"


@pytest.mark.parametrize("system", ["1.2.3", "urn:x|y", "urn:oid: 1"])
def test_a_system_of_patients_is_a_uri(system: str) -> None:
    (fault,) = faults("fhir", patient_system=system)
    assert fault.startswith("patient_system must be a URI")


def test_a_secret_goes_by_https_alone() -> None:
    keys = {"auth": "bearer", "secret_file": "/s", "base": "http://fhir.example/r4"}
    assert faults("fhir", **keys) == ["base would show the secret to the network: use https"]


def test_tls_is_as_the_node_has_it_where_nothing_else_is_said() -> None:
    config = parse(
        {
            "node": {"state": "/s"},
            "tls": {"certificate": "/n.pem", "trusted": "/t.pem"},
            "destination": [{"kind": "hl7", **LEAST["hl7"], "tls": True}],
        }
    )
    (to,) = config.destinations
    assert isinstance(to, Hl7Destination)
    assert (str(to.certificate), str(to.trusted)) == ("/n.pem", "/t.pem")


def test_where_nobody_says_whom_to_trust_it_is_a_fault() -> None:
    assert any("trusted" in fault for fault in faults("hl7", tls=True))


def test_a_model_of_each_is_known_by_its_name() -> None:
    assert DESTINATION_SETTINGS["hl7"] is Hl7Destination
    assert DESTINATION_SETTINGS["fhir"] is FhirDestination


def test_a_conformance_statement_offers_them_no_object() -> None:
    entries = [{"kind": kind, **keys} for kind, keys in LEAST.items()]
    pacs = {"name": "pacs", "aet": "PACS", "host": "h", "port": 1}
    said = sent(parse({"node": {"state": "/s"}, "destination": [pacs, *entries]}))
    assert "| pacs |" in said
    assert not {"| ris |", "| ehr |"} & {said[i : i + 7] for i in range(len(said))}


def test_its_certificate_is_watched_as_any_other(tmp_path: Path) -> None:
    issued = Authority(tmp_path).issue("ending", valid=timedelta(days=3))
    files = {"certificate": str(issued.certificate), "key": str(issued.key)}
    entry = {"kind": "hl7", **LEAST["hl7"], **files, "tls": True, "trusted": str(issued.trusted)}
    config = parse({"node": {"state": tmp_path}, "destination": [entry]})
    assert any("ending" in said for said in certificate_warnings(config, datetime.now(UTC)))
