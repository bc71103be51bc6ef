"""deploy/kubernetes and compose.yaml, by the schemas of those who read them: `make manifests`.

What kustomize builds of each folder is held, strictly, against the Kubernetes API's own schemas
(kubernetes-validate brings them); KEDA's ScaledObject, which is not among them, against the fields
that its reference names; compose.yaml against the compose specification's schema, from npm.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).parent.parent / "deploy"
FOLDERS = ("base", "gpu", "autoscaling")
#: The oldest version that is still looked after, and the newest that there are schemas of.
VERSIONS = ("1.32", "1.37")
#: keda.sh, ScaledObject specification 2.16: what may stand below each key.
_KEDA: Mapping[str, tuple[str, ...]] = {
    "spec": ("scaleTargetRef", "pollingInterval", "cooldownPeriod", "initialCooldownPeriod",
             "idleReplicaCount", "minReplicaCount", "maxReplicaCount", "fallback", "advanced",
             "triggers"),
    "scaleTargetRef": ("apiVersion", "kind", "name", "envSourceContainerName"),
    "triggers": ("type", "name", "metadata", "authenticationRef", "metricType",
                 "useCachedMetrics"),
    "metadata": ("serverAddress", "query", "threshold", "activationThreshold", "namespace",
                 "authModes", "ignoreNullValues"),
}  # fmt: skip


def built(folder: str) -> list[dict[str, Any]]:
    """The documents that `kubectl apply --kustomize` would send."""
    said = subprocess.run(
        ["kubectl", "kustomize", str(DEPLOY / "kubernetes" / folder)],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return [document for document in yaml.safe_load_all(said) if document]


def faults_of_kubernetes(folder: str, version: str) -> Iterator[str]:
    """What the API of that version would not take."""
    import kubernetes_validate  # type: ignore[import-not-found] # in an environment of its own

    for document in built(folder):
        name = f"{folder}, {version}: {document['kind']} {document['metadata']['name']}"
        if document["kind"] == "ScaledObject":
            yield from (f"{name}: {fault}" for fault in faults_of_keda(document))
            continue
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as exc:
            yield f"{name}: {exc.message}"


def faults_of_keda(document: Mapping[str, Any]) -> Iterator[str]:
    """Fields that a ScaledObject has not, or that this one lacks."""
    spec = document["spec"]
    places = [("spec", spec), ("scaleTargetRef", spec["scaleTargetRef"])]
    for trigger in spec["triggers"]:
        places += [("triggers", trigger), ("metadata", trigger["metadata"])]
        # KEDA takes every value of it as a text.
        yield from (f"{key} is no text" for key, value in trigger["metadata"].items()
                    if not isinstance(value, str))  # fmt: skip
    for place, found in places:
        yield from (f"{place} has no {key}" for key in found if key not in _KEDA[place])
    if document["apiVersion"] != "keda.sh/v1alpha1":
        yield f"apiVersion {document['apiVersion']}"


def faults_of_compose(schema: Path) -> Iterator[str]:
    """What the compose specification does not know."""
    import jsonschema  # type: ignore[import-untyped] # in an environment of its own

    document = yaml.safe_load((DEPLOY / "container" / "compose.yaml").read_text("utf-8"))
    # A key that is younger than the schema.
    del document["name"]
    validator = jsonschema.Draft7Validator(json.loads(schema.read_text("utf-8")))
    for error in validator.iter_errors(document):
        yield f"compose.yaml: {'/'.join(map(str, error.path))}: {error.message}"


def main(schema: Path) -> int:
    """1 where anything is wrong; `schema` is the compose specification's."""
    faults = [
        *(fault for folder in FOLDERS for version in VERSIONS
          for fault in faults_of_kubernetes(folder, version)),
        *faults_of_compose(schema),
    ]  # fmt: skip
    print(f"{sum(len(built(folder)) for folder in FOLDERS)} documents and compose.yaml read")
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
