"""`cxr-node alerts`: what is on now; and a test of every channel by which people are told."""

import argparse
import json
import socket
from contextlib import closing
from typing import TYPE_CHECKING

from dicom_node.cli.terminal.options import Commands, add_node, node_config
from dicom_node.errors import ChannelFailed, UsageError

if TYPE_CHECKING:
    from dicom_node.config import Config

#: Characters of what an alert says: a drift has its evidence with it.
_WIDTH = 400

DESCRIPTION = """\
List the alerts that are on: what, of what, since when, and whether people were told of it. They are
judged by [alerts] every half minute while any part of the node runs, and told by the channels of
[notify]: once when one begins, once when it has passed. What to do about each is in OPERATING. With
--test every channel is given a message that says it is a test; exit code 1 where one does not take
it.
"""


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "alerts",
        help="what is wrong now that people are told of; try the channels",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=DESCRIPTION,
    )
    add_node(parser)
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument("--test", action="store_true", help="send one by each channel, now")
    parser.set_defaults(command=run)


def run(arguments: argparse.Namespace) -> int:
    config = node_config(arguments)
    return _test(config) if arguments.test else _show(config, as_json=arguments.json)


def _show(config: "Config", *, as_json: bool) -> int:
    from dicom_node.ops.status import open_existing
    from dicom_node.ops.wording import line, moment, numbered

    with closing(open_existing(config)) as ledger:
        alerts, waiting = ledger.alerts.on(), ledger.notices.waiting()
    if as_json:
        rows = [
            {"alert": one.name, "subject": one.subject, "host": one.host, "words": one.words,
             "since": one.since.isoformat(),
             "told_at": one.told_at.isoformat() if one.is_open and one.told_at else None}
            for one in alerts
        ]  # fmt: skip
        print(json.dumps({"alerts": rows, "waiting": waiting}, indent=2))
        return 0
    for one in alerts:
        told = f"told {moment(one.told_at)}" if one.is_open and one.told_at else "not told yet"
        of = f" ({line(one.subject)})" if one.subject else ""
        print(f"{one.name}{of}: {line(one.words, _WIDTH)}, since {moment(one.since)}, {told}")
    if not alerts:
        print("nothing is on")
    for channel, count in waiting.items():
        print(f"{channel}: {numbered(count, 'message waits', 'messages wait')}; see the log")
    return 0


def _test(config: "Config") -> int:
    from dicom_node.alerts.channels import channels_of
    from dicom_node.alerts.message import Message

    channels = channels_of(config.notify)
    if not channels:
        raise UsageError("no channel is set: [notify] email_to, webhook_file or command")
    message = Message.test(config.node.aet, socket.gethostname())
    failed = 0
    for name, send in channels.items():
        try:
            send(config.notify, message)
        except ChannelFailed as exc:
            failed += 1
            print(f"{name}: failed: {exc}")
        else:
            print(f"{name}: taken")
    return 1 if failed else 0
