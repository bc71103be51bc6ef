"""The command line `cxr-node`. Each command's work is in `dicom_node/commands`.

Imports stay inside the commands: `listen --help` must not pay for torch.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from dicom_node import logs
from dicom_node.commands import workshop
from dicom_node.config import BROKER_URL_VARIABLE, LEDGER_URL_VARIABLE, Config, Destination, load
from dicom_node.delivery.profiles import STANDARD, unknown_outputs
from dicom_node.errors import NodeError, UsageError

DEFAULT_STATE = Path("state")
EXIT_FAILURE = 1
EXIT_USAGE = 2

DESCRIPTION = """\
A DICOM node beside the PACS: every chest radiograph it is sent comes back, in the same study, as
a Segmentation (lungs, COVID-19 infection) and a Structured Report (infected percentage of each
lung, the decision). Research use only, not for diagnosis.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 done, 1 failed, 2 wrong usage. Errors are one clear line."""
    parser = build_parser()
    arguments = parser.parse_args(argv)
    command: Callable[[argparse.Namespace], int] = arguments.command
    logs.configure(as_json=_wants_json_logs(arguments))
    try:
        return command(arguments)
    except UsageError as exc:
        for line in str(exc).splitlines():
            print(f"cxr-node: {line}", file=sys.stderr)
        return EXIT_USAGE
    except (NodeError, OSError) as exc:
        print(f"cxr-node: {exc}", file=sys.stderr)
        return EXIT_FAILURE
    except KeyboardInterrupt:
        return EXIT_FAILURE


def build_parser() -> argparse.ArgumentParser:
    """The whole command line; `--help` of each command is its manual."""
    parser = argparse.ArgumentParser(
        prog="cxr-node",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"cxr-node {version('cxr-node')}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_up(commands)
    _add_parts(commands)
    _add_analyze(commands)
    _add_demo(commands)
    _add_status(commands)
    workshop.add(commands)
    return parser


def _add_up(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    up = commands.add_parser(
        "up",
        help="run the whole node on this host, nothing else installed",
        description="Run the whole node on this host: listener, worker and sender, with a SQLite"
        " ledger, an embedded broker and a spool folder under --state. Without --config it listens"
        " on 127.0.0.1 only and takes any caller there. Stops cleanly on SIGTERM and Ctrl-C.",
    )
    _add_node_options(up)
    up.add_argument(
        "--port", type=int, metavar="PORT", help="TCP port to listen on (default 11112)"
    )
    up.add_argument("--aet", metavar="AET", help="this node's AE title (default CXRNODE)")
    up.add_argument(
        "--destination", action="append", default=[], metavar="AET@HOST:PORT",
        help="where results go; may be given more than once",
    )  # fmt: skip
    up.set_defaults(command=_run_up)


def _add_parts(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    for name, what in (
        ("listen", "run only the listener: take instances in"),
        ("work", "run only a worker: analyse and build results"),
        ("send", "run only the sender: deliver results"),
    ):
        part = commands.add_parser(
            name,
            help=what,
            description=f"{what.capitalize()}. Run as many as wanted, on as many hosts, with one"
            " configuration: ledger in PostgreSQL, broker RabbitMQ, spool a shared mount."
            f" Passwords belong in {LEDGER_URL_VARIABLE} and {BROKER_URL_VARIABLE}.",
        )
        part.add_argument("--config", type=Path, metavar="FILE", required=True, help="TOML file")
        _add_log_format(part)
        part.set_defaults(command=_run_part, part=name)


def _add_analyze(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
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
    _add_models(analyze)
    analyze.set_defaults(command=_run_analyze)


def _add_demo(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    demo = commands.add_parser(
        "demo",
        help="see it work: a node, a small PACS, radiographs, results",
        description="Start a node and a small PACS on this host, send radiographs drawn by the"
        " project (or the DICOM files of FOLDER), wait for the results and show them. Exit code 0"
        " only if every result came back and SEG and SR, read again, agree with each other.",
    )
    demo.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="send these instead")
    demo.add_argument(
        "--out", type=Path, default=Path("demo-out"), metavar="DIR",
        help="where pictures and results are put (default demo-out)",
    )  # fmt: skip
    demo.set_defaults(command=_run_demo)


def _add_status(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    status = commands.add_parser(
        "status",
        help="counts by state, what waits, the last failures",
        description="What the ledger knows: instances by state, the age of the oldest that waits,"
        " deliveries waiting for each destination, the last failures with their reasons.",
    )
    _add_node_options(status)
    status.add_argument("--json", action="store_true", help="for machines")
    status.set_defaults(command=_run_status)


def _add_node_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--state", type=Path, metavar="DIR",
        help=f"folder of the node's own files (default ./{DEFAULT_STATE})",
    )  # fmt: skip
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="TOML file, see deploy/node.toml; the options win over it",
    )
    _add_log_format(parser)


def _add_models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--lung", default="", metavar="MODEL", help="lung network: name or file")
    parser.add_argument("--infection", default="", metavar="MODEL", help="infection network")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])


def _outputs(text: str) -> tuple[str, ...]:
    names = [name.strip().upper() for name in text.split(",")]
    if faults := list(unknown_outputs(names)):
        raise argparse.ArgumentTypeError("; ".join(faults))
    return tuple(names)


def _add_log_format(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--log-format", choices=["text", "json"],
        help="default: text at a terminal, else one JSON object a line",
    )  # fmt: skip


def _wants_json_logs(arguments: argparse.Namespace) -> bool:
    chosen = getattr(arguments, "log_format", "text")
    return not sys.stderr.isatty() if chosen is None else chosen == "json"


def _config(arguments: argparse.Namespace) -> Config:
    """The configuration of `up` and `status`: a file, the options, or the options over the file."""
    options = {
        key: value
        for key in ("state", "aet", "port")
        if (value := getattr(arguments, key, None)) is not None
    }
    destinations = tuple(Destination.parse(text) for text in getattr(arguments, "destination", ()))
    if "state" in options:
        options["state"] = options["state"].resolve()
    if arguments.config is not None:
        return load(arguments.config, options=options, destinations=destinations)
    options.setdefault("state", DEFAULT_STATE.resolve())
    return Config(**options, destinations=destinations)


def _run_up(arguments: argparse.Namespace) -> int:
    from dicom_node.commands.up import up

    return up(_config(arguments), json_logs=_wants_json_logs(arguments))


def _run_part(arguments: argparse.Namespace) -> int:
    from dicom_node.commands.parts import Part, run
    from dicom_node.commands.up import stop_on_signals

    part = Part(arguments.part)
    stop = stop_on_signals()
    run(part, load(arguments.config), stop, lambda: print(f"ready: {part}", file=sys.stderr))
    return 0


def _run_analyze(arguments: argparse.Namespace) -> int:
    from dicom_node.commands.analyze import analyze_paths

    return analyze_paths(
        arguments.paths,
        arguments.out,
        outputs=arguments.outputs,
        as_json=arguments.json,
        lung=arguments.lung,
        infection=arguments.infection,
        device=arguments.device,
    )


def _run_demo(arguments: argparse.Namespace) -> int:
    from dicom_node.commands.demo import demo

    return demo(arguments.out, arguments.folder)


def _run_status(arguments: argparse.Namespace) -> int:
    from dicom_node.ops.status import show_status

    return show_status(_config(arguments), as_json=arguments.json)


if __name__ == "__main__":
    sys.exit(main())
