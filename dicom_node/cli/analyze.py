"""`cxr-node analyze`: DICOM files in, results in a folder; its work is in `analysis`."""

import argparse
from pathlib import Path

from dicom_node.cli.terminal.options import Commands, add_models
from sr_writer.equipment import Equipment
from sr_writer.kinds import KINDS, USUAL
from sr_writer.language import ENGLISH, LANGUAGES

DESCRIPTION = """\
Analyse DICOM files or folders, without network, broker or ledger. Writes for each instance
DIR/<SOP Instance UID>/ with the DICOM objects, overlay.png and findings.json; a second file with
the same UID gets DIR/<SOP Instance UID>.copy2/.

Every file is one of: analysed; skipped (no frontal chest radiograph: findings.json says why);
passed over (not DICOM, or a DICOMDIR); unreadable. --jsonl and --csv print path, status,
accession_number, study_instance_uid, sop_instance_uid, decision, percent_left, percent_right,
percent_both, reason and folder. The last line on standard error counts them.
"""
_OUTPUTS = "\n".join(
    f"  {kind.role:<6} {kind.file_name:<17} {kind.subject}{' (default)' * (kind.role in USUAL)}"
    for kind in KINDS
)
EPILOG = f"""\
outputs:
{_OUTPUTS}

exit codes:
  0    every DICOM file was analysed, or skipped with a reason
  1    at least one was unreadable; the others are done
  2    nothing to analyse (no such file, no DICOM in the folder), or a wrong option
"""


def add(commands: Commands) -> None:
    analyze = commands.add_parser(
        "analyze",
        help="analyse DICOM files or folders, no network",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=DESCRIPTION,
        epilog=EPILOG,
    )
    analyze.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="file or folder")
    analyze.add_argument("--out", type=Path, required=True, metavar="DIR", help="where results go")
    analyze.add_argument(
        "--outputs", type=_outputs, default=USUAL, metavar="LIST",
        help=f"DICOM objects to write, of those below (default {','.join(USUAL)})",
    )  # fmt: skip
    analyze.add_argument(
        "--language", choices=LANGUAGES, default=ENGLISH,
        help="what report, overlay and page speak (default en)",
    )  # fmt: skip
    shown = analyze.add_mutually_exclusive_group()
    for option, what in (
        ("json", "print every findings.json, as one JSON list at the end"),
        ("jsonl", "print one JSON object a file, each as soon as it is done"),
        ("csv", "print a head and one CSV row a file; the columns are the keys of --jsonl"),
    ):
        shown.add_argument(
            f"--{option}", action="store_const", const=option, dest="show", help=what
        )
    add_models(analyze)
    analyze.set_defaults(command=run, show="text")


def run(arguments: argparse.Namespace) -> int:
    from dicom_node.cli.analysis.batch import analyze_paths

    return analyze_paths(
        arguments.paths,
        arguments.out,
        outputs=arguments.outputs,
        show=arguments.show,
        lung=arguments.lung,
        infection=arguments.infection,
        device=arguments.device,
        equipment=Equipment(),
        language=arguments.language,
    )


def _outputs(text: str) -> tuple[str, ...]:
    # Here, as the configuration costs as much as all else that a command's --help needs.
    from dicom_node.config.profiles import unknown_outputs

    names = [name.strip().upper() for name in text.split(",")]
    if faults := list(unknown_outputs(names)):
        raise argparse.ArgumentTypeError("; ".join(faults))
    return tuple(names)
