"""What the node is built of, judged: `make audit` and `make sbom` end with this.

pip-audit says "no known vulnerabilities found" too where it could ask nobody; and whether a bill of
materials has everything, its own writer does not say.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import distributions
from typing import Any

#: The node itself: installed from here, and on no list.
_OURS = "cxr-node"


def faults_of_audit(report: Mapping[str, Any]) -> Iterator[str]:
    """What is known against a package, and which could not be asked about; of pip-audit's JSON."""
    for one in report["dependencies"]:
        name, version = one["name"], one.get("version", "")
        if (why := one.get("skip_reason")) and not _is_local(why):
            yield f"{name} was not audited: {why}"
        for known in one.get("vulns", ()):
            fixed = ", ".join(known.get("fix_versions", ())) or "no version yet"
            yield f"{name} {version}: {known['id']}, mended in {fixed}"


def _is_local(why: str) -> bool:
    """Of a build that no index has: a version with a local part (PEP 440), as torch's for a CPU."""
    return "+" in why.rpartition("(")[2]


def faults_of_sbom(bill: Mapping[str, Any], installed: Mapping[str, str]) -> Iterator[str]:
    """What a CycloneDX document lacks, or has in another version than is installed."""
    if bill.get("bomFormat") != "CycloneDX":
        yield "is no CycloneDX document"
    named = {_name(one["name"]): one.get("version") for one in bill.get("components", ())}
    for name, version in installed.items():
        if named.get(name) != version:
            yield f"{name} {version} is installed, the document has {named.get(name)}"


def installed() -> dict[str, str]:
    """Every package of this environment but the node itself, by its normalized name."""
    found = {_name(one.metadata["Name"]): one.version for one in distributions()}
    return {name: version for name, version in found.items() if name != _OURS}


def _name(name: str) -> str:
    """PEP 503."""
    return name.lower().replace("_", "-").replace(".", "-")


def main(what: str) -> int:
    """0 where there is nothing to be said; the document is on standard input."""
    document = json.load(sys.stdin)
    if what == "audit":
        faults, count = list(faults_of_audit(document)), len(document["dependencies"])
    else:
        faults, count = list(faults_of_sbom(document, installed())), len(document["components"])
    print("\n".join([*faults, f"{count} packages, {len(faults)} faults"]))
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
