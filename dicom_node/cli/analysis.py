"""`cxr-node analyze`: DICOM files in, results in a folder; no network, broker or ledger."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydicom.misc import is_dicom
from tqdm import tqdm

from dicom_node.cli.networks import load_networks
from dicom_node.errors import Permanent, UsageError
from dicom_node.spool import safe_name
from dicom_node.worker import Processed, process
from inference.engines import Engine
from inference.results import Decision, Findings, Laterality
from sr_writer.identity import Equipment
from sr_writer.overlay import overlay_picture
from sr_writer.results import Role

_FILE_NAMES = {
    Role.SEG: "seg.dcm",
    Role.SR: "sr.dcm",
    Role.SR2D: "sr2d.dcm",
    Role.SC: "overlay.dcm",
    Role.KO: "key_objects.dcm",
    Role.PR: "outlines.dcm",
    Role.DOC: "page.dcm",
}


@dataclass(frozen=True, slots=True)
class Source:
    """One file to analyse."""

    path: Path
    named: bool  #: given on the command line itself, so not being DICOM is a failure


def analyze_paths(
    paths: Sequence[Path],
    out: Path,
    *,
    outputs: Sequence[str],
    as_json: bool,
    lung: str,
    infection: str,
    device: str,
) -> int:
    """Analyse every file; 0 when each gave a result or a named refusal, else 1."""
    sources = list(_sources(paths))
    out.mkdir(parents=True, exist_ok=True)
    engine = load_networks(lung, infection, device)
    documents, failures = [], 0
    # The bar is for people: on a pipe, or for one file, it would only be noise.
    silent = len(sources) < 2 or not sys.stderr.isatty()
    for source in tqdm(sources, unit="file", disable=silent):
        if not source.named and not is_dicom(source.path):
            tqdm.write(f"{source.path}: not DICOM, passed over", file=sys.stderr)
            continue
        try:
            document = _analyze_file(source.path, out, engine, outputs)
        except (Permanent, OSError) as exc:
            failures += 1
            tqdm.write(f"{source.path}: {exc}", file=sys.stderr)
            continue
        documents.append(document)
        if not as_json:
            tqdm.write(_line(source.path, document))
    if as_json:
        print(json.dumps(documents, indent=2))
    return 1 if failures else 0


def findings_document(uid: str, processed: Processed) -> dict[str, Any]:
    """What findings.json holds; the field names are this node's public interface."""
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
        "infected_percent": {side: m.infected_percent for side, m in measured.items()}
        | {"both": findings.infected_percent},
        "lung_area_mm2": {side: m.lung_area_mm2 for side, m in measured.items()},
        "infected_area_mm2": {side: m.infected_area_mm2 for side, m in measured.items()},
        "infected_pixels": findings.infected_pixels,
        **_how(findings),
    }


def _how(findings: Findings) -> dict[str, Any]:
    return {
        "cautions": [{"code": caution.code, "text": caution.text} for caution in findings.cautions],
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
        "infected_percent": nothing | {"both": None},
        "lung_area_mm2": nothing,
        "infected_area_mm2": nothing,
        "infected_pixels": None,
        "cautions": [],
        "models": [],
        "durations_ms": {},
    }


def _analyze_file(path: Path, out: Path, engine: Engine, outputs: Sequence[str]) -> dict[str, Any]:
    processed = process(path.read_bytes(), engine, Equipment(), datetime.now(UTC))
    written = processed.write(outputs)
    uid = processed.sop_instance_uid
    folder = out / safe_name(uid)
    folder.mkdir(parents=True, exist_ok=True)
    document = findings_document(uid, processed)
    (folder / "findings.json").write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    for output in written:
        (folder / _FILE_NAMES[output.role]).write_bytes(output.content)
    if processed.results is not None and processed.analysis is not None:
        radiograph = processed.analysis.radiograph
        picture = overlay_picture(radiograph.pixels, processed.analysis.findings)
        picture.save(folder / "overlay.png")
    return document


def _sources(paths: Sequence[Path]) -> Iterator[Source]:
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.is_file())
            yield from (Source(file, named=False) for file in inside)
        elif path.is_file():
            yield Source(path, named=True)
        else:
            raise UsageError(f"{path}: no such file or folder")


def _line(path: Path, document: dict[str, Any]) -> str:
    percent = document["infected_percent"]
    if document["decision"] in (Decision.NOT_ANALYSED.value, Decision.UNDETERMINED.value):
        return f"{path}: {document['decision']}: {document['reason']}"
    figures = ", ".join(
        f"{side} {'-' if percent[side] is None else format(percent[side], '.1f')} %"
        for side in ("left", "right", "both")
    )
    return f"{path}: {document['decision']} ({figures})"
