"""What findings.json holds: the public interface of `analyze`."""

from typing import Any

from dicom_node.worker import Processed
from inference.findings import Decision, Findings, Laterality


def findings_document(uid: str, processed: Processed) -> dict[str, Any]:
    """Of one instance; the field names are kept, others may be added."""
    if processed.analysis is None or processed.results is None:
        reason = processed.verdict.reason
        document = _empty_document(uid, Decision.NOT_ANALYSED, reason)
        return document | ({} if processed.analysis is None else _how(processed.analysis.findings))
    findings = processed.analysis.findings
    sides = (Laterality.LEFT, Laterality.RIGHT)
    measured = {side.value: findings.measurement(side) for side in sides}
    return {
        "source_sop_instance_uid": uid,
        "decision": findings.decision.value,
        "reason": findings.reason,
        "certainty": findings.certainty,
        "infected_percent": {side: m.infected_percent for side, m in measured.items()}
        | {"both": findings.infected_percent},
        "lung_area_mm2": {side: m.lung_area_mm2 for side, m in measured.items()},
        "infected_area_mm2": {side: m.infected_area_mm2 for side, m in measured.items()},
        "infected_pixels": findings.infected_pixels,
        **_how(findings),
    }


def _how(findings: Findings) -> dict[str, Any]:
    return {
        "cautions": [
            {"code": caution.code, "text": caution.says(findings.refusal)}
            for caution in findings.cautions
        ],
        "models": [
            {"task": m.task.value, "name": m.name, "version": m.version, "sha256": m.sha256}
            for m in findings.models
        ],
        "durations_ms": {stage: round(ms, 2) for stage, ms in findings.durations_ms.items()},
    }


def _empty_document(uid: str, decision: Decision, reason: str) -> dict[str, Any]:
    nothing = {"left": None, "right": None}
    return {
        "source_sop_instance_uid": uid,
        "decision": decision.value,
        "reason": reason,
        "certainty": None,
        "infected_percent": nothing | {"both": None},
        "lung_area_mm2": nothing,
        "infected_area_mm2": nothing,
        "infected_pixels": None,
        "cautions": [],
        "models": [],
        "durations_ms": {},
    }
