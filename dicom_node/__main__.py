"""The command line `cxr-node`: joins the commands of `dicom_node/cli`, and ends each the same way.

Imports stay inside the commands: `listen --help` must not pay for torch.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from importlib.metadata import version
from io import StringIO

from dicom_node import logs
from dicom_node.cli import (
    acceptance,
    alerts,
    analyze,
    backup,
    benchmark,
    config,
    conformance,
    corrections,
    demo,
    destinations,
    differences,
    doctor,
    evaluate,
    find,
    job,
    jobs,
    listen,
    models,
    pack,
    page,
    prune,
    requeue,
    restore,
    send,
    shadow,
    status,
    train,
    up,
    work,
)
from dicom_node.cli.terminal import extras
from dicom_node.cli.terminal.options import wants_json_logs
from dicom_node.errors import NodeError, UsageError

EXIT_FAILURE = 1
EXIT_USAGE = 2
#: As a shell says of a program that a closed pipe ended: 128 and SIGPIPE.
EXIT_CLOSED_PIPE = 141

DESCRIPTION = """\
A DICOM node beside the PACS: every chest radiograph it is sent comes back, in the same study, as
a Segmentation (lungs, COVID-19 infection) and a Structured Report (infected percentage of each
lung, the decision). Research use only, not for diagnosis.
"""

#: In the order of `--help`: to run a node, to try it, to look after it, to make its networks.
COMMANDS = (
    *(up, listen, work, send, page, shadow, config, conformance, doctor),
    *(analyze, demo),
    *(status, alerts, find, jobs, job, requeue, destinations, acceptance, corrections, differences),
    *(prune, backup, restore),
    *(models, train, pack, evaluate, benchmark),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 done, 1 failed, 2 wrong usage. Errors are one clear line."""
    words = sys.argv[1:] if argv is None else list(argv)
    if status.is_check(words) and (wrong := _what_is_wrong(words)):
        return status.say_wrongly_asked(wrong)
    arguments = build_parser().parse_args(words)
    command: Callable[[argparse.Namespace], int] = arguments.command
    logs.configure(as_json=wants_json_logs(arguments))
    try:
        code = command(arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        return _end_quietly()
    except UsageError as exc:
        for line in str(exc).splitlines():
            logs.say_fault(line)
        return EXIT_USAGE
    except ModuleNotFoundError as exc:
        if (remedy := extras.remedy(exc)) is None:
            raise
        logs.say_fault(remedy)
        return EXIT_USAGE
    except (NodeError, OSError) as exc:
        logs.say_fault(str(exc))
        return EXIT_FAILURE
    except KeyboardInterrupt:
        return EXIT_FAILURE


def _what_is_wrong(words: Sequence[str]) -> str:
    """What argparse says of the words it does not understand; empty where it does, or helps."""
    said = StringIO()
    try:
        with redirect_stdout(StringIO()), redirect_stderr(said):
            build_parser().parse_args(words)
    except SystemExit as exc:
        return said.getvalue().strip().rpartition("error: ")[2] if exc.code else ""
    return ""


def _end_quietly() -> int:
    """Whoever read our output, `head` perhaps, has seen enough."""
    # What is still in the buffer would fail once more when the interpreter ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return EXIT_CLOSED_PIPE


def build_parser() -> argparse.ArgumentParser:
    """The whole command line; `--help` of each command is its manual."""
    parser = argparse.ArgumentParser(
        prog="cxr-node",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"cxr-node {version('cxr-node')}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
