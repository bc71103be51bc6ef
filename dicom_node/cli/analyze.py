"""`cxr-node analyze`: DICOM files in, results in a folder; its work is in `analysis`."""

import argparse
from pathlib import Path

from dicom_node.cli.options import Commands, add_models
from dicom_node.profiles import STANDARD, unknown_outputs


def add(commands: Commands) -> None:
    analyze = commands.add_parser(
        "analyze",
        help="analyse DICOM files or folders, no network",
        description="Analyse DICOM files or folders, without network, broker or ledger. Writes for"
        " each instance DIR/<SOP Instance UID>/ with seg.dcm, sr.dcm, overlay.dcm, overlay.png and"
        " findings.json. Exit code 1 if any instance could not be read. Besides SEG, SR and SC (the"
        " overlay), --outputs knows SR2D (the report as Comprehensive SR), PR (a presentation state"
        " with outlines), KO (a key object selection, of positive ones) and DOC (a PDF).",
    )
    analyze.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="file or folder")
    analyze.add_argument("--out", type=Path, required=True, metavar="DIR", help="where results go")
    analyze.add_argument(
        "--outputs", type=_outputs, default=STANDARD.outputs, metavar="LIST",
        help=f"DICOM objects to write (default {','.join(STANDARD.outputs)})",
    )  # fmt: skip
    analyze.add_argument(
        "--json", action="store_true", help="print every findings.json as a JSON list"
    )
    add_models(analyze)
    analyze.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    from dicom_node.cli.analysis import analyze_paths

    return analyze_paths(
        arguments.paths,
        arguments.out,
        outputs=arguments.outputs,
        as_json=arguments.json,
        lung=arguments.lung,
        infection=arguments.infection,
        device=arguments.device,
    )


def _outputs(text: str) -> tuple[str, ...]:
    names = [name.strip().upper() for name in text.split(",")]
    if faults := list(unknown_outputs(names)):
        raise argparse.ArgumentTypeError("; ".join(faults))
    return tuple(names)
