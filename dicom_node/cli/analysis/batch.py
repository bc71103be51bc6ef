"""The work of `cxr-node analyze`: DICOM files in, results in a folder, a row for each file."""

import json
import logging
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from traceback import extract_tb
from typing import Any

from pydicom import Dataset, dcmread
from pydicom.misc import is_dicom
from pydicom.uid import MediaStorageDirectoryStorage
from tqdm import tqdm

from dicom_node.cli.analysis.findings import findings_document
from dicom_node.cli.analysis.rows import PRINTERS, Row, Status, closing_line
from dicom_node.cli.node.networks import load_networks
from dicom_node.errors import NodeError, UsageError
from dicom_node.spool import safe_name
from dicom_node.worker import Processed, process
from inference.engines import Engine
from inference.findings import Decision
from sr_writer.equipment import Equipment
from sr_writer.kind import in_all_languages
from sr_writer.kinds import KINDS
from sr_writer.language import ENGLISH
from sr_writer.sc.build import overlay_picture

#: A folder holds one language, so a file is called the same in each.
_FILE_NAMES = {kind.role: kind.file_name for kind in in_all_languages(KINDS)}
_PICTURE = "overlay.png"
_FINDINGS = "findings.json"
#: Everything a folder of results may hold: what an earlier run left must not pass for this one's.
_ALL_NAMES = (*_FILE_NAMES.values(), _PICTURE, _FINDINGS)
_INDEX = ["AccessionNumber", "StudyInstanceUID", "SOPInstanceUID"]


@dataclass(frozen=True, slots=True)
class Source:
    """One file, and why it is not to be looked at."""

    path: Path
    passed_over: str = ""  #: why; empty: it is to be analysed


def analyze_paths(
    paths: Sequence[Path],
    out: Path,
    *,
    outputs: Sequence[str],
    show: str,
    lung: str,
    infection: str,
    device: str,
    equipment: Equipment,
    language: str = ENGLISH,
) -> int:
    """Analyse every file; 0 when each gave a result or a named refusal, else 1.

    `show` is a key of `PRINTERS`. Raises UsageError where there is nothing to analyse.
    """
    sources = list(_sources(paths, out))
    if all(source.passed_over for source in sources):
        names = ", ".join(map(str, paths))
        raise UsageError(f"{names}: no DICOM files here ({len(sources)} files looked at)")
    out.mkdir(parents=True, exist_ok=True)
    with _libraries_silent():
        engine = load_networks(lung, infection, device)
        batch = _Batch(out, engine, outputs, equipment, language)
        counts = _run(batch, sources, show)
    print(closing_line(counts), file=sys.stderr)
    return 1 if counts[Status.UNREADABLE] else 0


def _run(batch: "_Batch", sources: Sequence[Source], show: str) -> Counter[Status]:
    counts: Counter[Status] = Counter()
    printer = PRINTERS[show]()
    # The bar is for people: on a pipe, or for one file, it would only be noise.
    silent = len(sources) < 2 or not sys.stderr.isatty()
    for source in tqdm(sources, unit="file", disable=silent):
        row, document = batch.do(source)
        counts[row.status] += 1
        if row.status in (Status.PASSED_OVER, Status.UNREADABLE):
            note = ", passed over" if row.status is Status.PASSED_OVER else ""
            tqdm.write(f"{row.path}: {row.reason}{note}", file=sys.stderr)
        printer.show(row, document)
    printer.close()
    return counts


class _Batch:
    """The files of one command, and the folders that they have got."""

    def __init__(
        self,
        out: Path,
        engine: Engine,
        outputs: Sequence[str],
        equipment: Equipment,
        language: str,
    ) -> None:
        self._out = out
        self._engine = engine
        self._language = language
        self._kinds = [kind.spoken(language) for kind in KINDS]
        self._outputs = [one.role for kind, one in zip(KINDS, self._kinds, strict=True)
                         if kind.role in outputs]  # fmt: skip
        self._equipment = equipment
        self._taken: dict[str, Path] = {}  #: name of a folder to the file it is of

    def do(self, source: Source) -> tuple[Row, dict[str, Any] | None]:
        """The file's row, and its findings.json where there is one."""
        path = source.path
        if source.passed_over:
            return Row(str(path), Status.PASSED_OVER, reason=source.passed_over), None
        accession, study, instance = _index(path)
        row = Row(str(path), Status.UNREADABLE, accession, study, instance)
        try:
            content, now = path.read_bytes(), datetime.now(UTC)
            processed = process(content, self._engine, self._equipment, now, kinds=self._kinds)
            document, folder = self._keep(path, processed)
        except (NodeError, OSError) as exc:
            return replace(row, reason=str(exc)), None
        except Exception as exc:
            # A bug met by one file: the others are analysed all the same.
            return replace(row, reason=f"unexpected {exc!r} ({_where(exc)})"), None
        percent = document["infected_percent"]
        skipped = document["decision"] == Decision.NOT_ANALYSED.value
        row = replace(
            row,
            status=Status.SKIPPED if skipped else Status.ANALYSED,
            decision=document["decision"],
            percent_left=percent["left"],
            percent_right=percent["right"],
            percent_both=percent["both"],
            reason=document["reason"],
            folder=str(folder),
        )
        return row, document

    def _keep(self, path: Path, processed: Processed) -> tuple[dict[str, Any], Path]:
        written = processed.write(self._outputs)
        document = findings_document(processed.sop_instance_uid, processed)
        folder = self._folder(path, processed.sop_instance_uid)
        for name in _ALL_NAMES:
            (folder / name).unlink(missing_ok=True)
        (folder / _FINDINGS).write_text(json.dumps(document, indent=2) + "\n", "utf-8")
        for output in written:
            (folder / _FILE_NAMES[output.role]).write_bytes(output.content)
        if processed.results is not None and processed.analysis is not None:
            radiograph = processed.analysis.radiograph
            picture = overlay_picture(
                radiograph.pixels, processed.analysis.findings, self._language
            )
            picture.save(folder / _PICTURE)
        return document, folder

    def _folder(self, path: Path, uid: str) -> Path:
        """Named after the instance; a second file of the same UID gets one of its own."""
        name = first = safe_name(uid)
        number = 1
        while name in self._taken:
            number += 1
            name = f"{first}.copy{number}"
        if number > 1:
            other = self._taken[first]
            tqdm.write(f"{path}: has the UID of {other}: results in {name}", file=sys.stderr)
        self._taken[name] = path
        folder = self._out / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def _sources(paths: Sequence[Path], out: Path) -> Iterator[Source]:
    """Every file; a named one that is not DICOM is for the analysis to refuse."""
    results = out.resolve()
    for path in paths:
        if path.is_dir():
            for file in sorted(path.rglob("*")):
                # What an earlier run wrote inside the folder is not what it was asked about.
                if file.is_file() and not file.resolve().is_relative_to(results):
                    yield Source(file, _why_not(file) if _is_dicom(file) else "not DICOM")
        elif path.is_file():
            yield Source(path, _why_not(path))
        else:
            raise UsageError(f"{path}: no such file or folder")


def _is_dicom(path: Path) -> bool:
    try:
        return bool(is_dicom(path))
    except OSError:
        # Looked at all the same, so that it is named among the unreadable.
        return True


def _why_not(path: Path) -> str:
    """Of a DICOMDIR (PS3.10 8.6), under whatever name; empty for anything else."""
    media = getattr(_header(path), "file_meta", Dataset())
    is_directory = media.get("MediaStorageSOPClassUID") == MediaStorageDirectoryStorage
    return "a DICOMDIR" if is_directory else ""


def _index(path: Path) -> tuple[str, str, str]:
    """Accession number, study and instance UID, as far as the header can be read."""
    accession, study, instance = map(_header(path).get, _INDEX)
    return str(accession or ""), str(study or ""), str(instance or "")


def _header(path: Path) -> Dataset:
    """A few elements; none where they cannot be read."""
    try:
        header: Dataset = dcmread(path, stop_before_pixels=True, specific_tags=_INDEX)
        # Read now: an element that cannot be converted raises at its first use.
        for keyword in _INDEX:
            header.get(keyword)
    except Exception:
        # pydicom raises a dozen unrelated types; the analysis will say what is wrong.
        return Dataset()
    return header


def _where(error: Exception) -> str:
    frame = extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"


@contextmanager
def _libraries_silent() -> Iterator[None]:
    """Keep standard error to ourselves: decoders in C write to it, pydicom logs tracebacks."""
    logging.disable()
    true_stderr, number = sys.stderr, sys.stderr.fileno()
    true_stderr.flush()
    ours = os.dup(number)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)
    try:
        with os.fdopen(os.dup(ours), "w", buffering=1) as stream:
            sys.stderr = stream
            yield
    finally:
        sys.stderr = true_stderr
        os.dup2(ours, number)
        os.close(ours)
        logging.disable(logging.NOTSET)
