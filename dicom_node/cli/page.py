"""`cxr-node page`: the page alone in this process; and how somebody gets in."""

import argparse
import getpass
import sys
from pathlib import Path

from dicom_node.cli.node.alone import run_part
from dicom_node.cli.terminal.options import Commands, add_log_format, add_node, node_config, who
from dicom_node.errors import UsageError

DESCRIPTION = """\
Answer browsers and monitors at [monitor] listen: how the node stands, its jobs with pictures and
reports, destinations to pause, resume and try; /healthz, /readyz. `cxr-node up` runs it as one of
its parts; run it by itself where the parts run one by one, on as many hosts as wanted.
"""


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "page",
        help="the status page, in a browser; a link into it, a password for it",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=DESCRIPTION,
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="TOML file")
    add_log_format(parser, piped="json")
    parser.set_defaults(command=run, part="page")
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    link = actions.add_parser(
        "link",
        argument_default=argparse.SUPPRESS,
        help="a link that lets you in, for two minutes",
        description="Print a link into the page of the node that runs on this host. Whoever opens"
        " it within two minutes is logged in as you, and may do everything, as you may at this"
        " terminal. It works once.",
    )
    add_node(link)
    link.set_defaults(command=_link)
    password = actions.add_parser(
        "password",
        help="make the hash of a password, for a [[user]]",
        description="Ask for a password (or read it from standard input) and print its hash, by"
        " scrypt, to be written as `password` of a [[user]] in node.toml.",
    )
    password.set_defaults(command=_password)


def run(arguments: argparse.Namespace) -> int:
    if arguments.config is None:
        raise UsageError("the following arguments are required: --config")
    return run_part(arguments)


def _link(arguments: argparse.Namespace) -> int:
    from dicom_node.page.access.sessions import Sessions

    config = node_config(arguments)
    if not config.monitor.listen or not config.monitor.pages:
        raise UsageError("[monitor] says that no page is shown")
    print(Sessions.of(config).link(who()))
    return 0


def _password(arguments: argparse.Namespace) -> int:  # noqa: ARG001 - as every command
    from dicom_node.page.access.passwords import hash_of

    if sys.stdin.isatty():
        first, second = getpass.getpass("password: "), getpass.getpass("once more: ")
    else:
        first = second = sys.stdin.readline().rstrip("\r\n")
    if first != second:
        raise UsageError("they differ")
    print(hash_of(first))
    return 0
