"""`make audit` fails where nobody could be asked, and `make sbom` where a package is missing."""

from tests.supply import faults_of_audit, faults_of_sbom, installed

KNOWN = {"id": "PYSEC-1", "fix_versions": ["1.2"]}


def test_what_is_known_against_a_package_is_a_fault() -> None:
    report = {
        "dependencies": [
            {"name": "good", "version": "1.0", "vulns": []},
            {"name": "bad", "version": "1.1", "vulns": [KNOWN]},
        ]
    }
    assert list(faults_of_audit(report)) == ["bad 1.1: PYSEC-1, mended in 1.2"]


def test_so_is_a_package_that_nobody_could_be_asked_about_but_for_a_local_build() -> None:
    said = "Dependency not found on PyPI and could not be audited"
    report = {
        "dependencies": [
            {"name": "numpy", "skip_reason": f"{said}: numpy (2.4.0)"},
            {"name": "torch", "skip_reason": f"{said}: torch (2.13.0+cpu)"},
        ]
    }
    assert list(faults_of_audit(report)) == [
        f"numpy was not audited: {said}: numpy (2.4.0)",
    ]


def test_a_bill_of_materials_has_every_package_in_its_version() -> None:
    here = installed()
    assert {"pydicom", "pynetdicom", "torch"} <= here.keys()
    whole = [{"name": name, "version": version} for name, version in here.items()]
    bill = {"bomFormat": "CycloneDX", "components": whole}
    assert list(faults_of_sbom(bill, here)) == []
    assert len(list(faults_of_sbom(bill | {"components": whole[1:]}, here))) == 1
    other = [whole[0] | {"version": "0"}, *whole[1:]]
    assert len(list(faults_of_sbom(bill | {"components": other}, here))) == 1
