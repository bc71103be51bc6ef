"""Options that several commands share, and what they come to."""

import argparse
import getpass
import re
import socket
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from dicom_node.errors import UsageError

if TYPE_CHECKING:
    from dicom_node.config import Config

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

DEFAULT_STATE = Path("state")
#: The folder of COVID-QU-Ex that is learnt from.
_TRAIN = "Train"
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
#: Nobody means more; further away is what neither Python nor a database can count.
_LONGEST = timedelta(days=36_500)
_YEARS = range(1900, 3000)
#: A number of so many may be larger than SQLite and PostgreSQL take (9.2e18).
_TOO_MANY_DIGITS = 19


def add_node(
    parser: argparse.ArgumentParser, *, piped: str = "text", has_states: bool = False
) -> None:
    """Which node: its folder, its configuration, its log.

    `has_states`: the command asks for jobs by their state, and `--state` is that.
    """
    short = () if has_states else ("--state",)
    parser.add_argument(
        "--state-dir", *short, dest="state", type=Path, metavar="DIR",
        help=f"folder of the node's own files (default ./{DEFAULT_STATE})",
    )  # fmt: skip
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="TOML file, see deploy/node.toml; the options win over it",
    )
    add_log_format(parser, piped=piped)


def node_config(arguments: argparse.Namespace) -> "Config":
    """The configuration asked for: a file, the options, or the options over the file."""
    # Here, as pydantic costs as much as all else that a command's --help needs.
    from dicom_node.config import Destination, load, parse

    options = {
        key: value
        for key in ("state", "aet", "port", "no_destination")
        if (value := getattr(arguments, key, None)) is not None
    }
    destinations = tuple(Destination.parse(text) for text in getattr(arguments, "destination", ()))
    if options.get("port") == 0:
        raise UsageError("port 0 is not between 1 and 65535")
    if "state" in options:
        options["state"] = options["state"].resolve()
    listen = getattr(arguments, "monitor", None)
    monitor = {} if listen is None else {"listen": listen}
    if arguments.config is not None:
        given = {"options": options, "monitor": monitor}
        return load(arguments.config, destinations=destinations, **given)
    options.setdefault("state", DEFAULT_STATE.resolve())
    return parse({"node": options, "monitor": monitor}, destinations=destinations)


def add_log_format(parser: argparse.ArgumentParser, *, piped: str = "text") -> None:
    """`piped`: the format where nobody looks on and none is asked for."""
    default = "text" if piped == "text" else f"text at a terminal, else {piped}"
    parser.add_argument(
        "--log-format", choices=["text", "json"],
        help=f"json: one object a line on standard error, nothing else (default: {default})",
    )  # fmt: skip
    parser.set_defaults(piped_log_format=piped)


def wants_json_logs(arguments: argparse.Namespace) -> bool:
    chosen = getattr(arguments, "log_format", None)
    if chosen is None and not sys.stderr.isatty():
        chosen = getattr(arguments, "piped_log_format", "text")
    return bool(chosen == "json")


def add_models(parser: argparse.ArgumentParser) -> None:
    """The options that choose the two networks and what they run on."""
    parser.add_argument("--lung", default="", metavar="MODEL", help="lung network: name or file")
    parser.add_argument("--infection", default="", metavar="MODEL", help="infection network")
    add_device(parser)


def add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])


def images_folder(arguments: argparse.Namespace) -> Path:
    """What to learn from: --split of --data, else Train where there is one, else all of it."""
    data: Path = arguments.data
    split: str = arguments.split if arguments.split is not None else _TRAIN
    return data if arguments.split is None and not (data / split).is_dir() else data / split


def parse_time(text: str) -> datetime:
    """A moment: ISO 8601, UTC where no zone is said, as all output is; or so long ago."""
    if (ago := _duration(text)) is not None:
        return datetime.now(UTC) - ago
    if moment := _moment(text):
        return moment
    raise argparse.ArgumentTypeError(f"{text!r} is no time: write 2026-11-27T08:00, or 90m, 2h, 3d")


def parse_moment(text: str) -> datetime:
    """A moment: ISO 8601, UTC where no zone is said."""
    if moment := _moment(text):
        return moment
    raise argparse.ArgumentTypeError(f"{text!r} is no time: write 2026-11-27T08:00")


def parse_duration(text: str) -> timedelta:
    """So long."""
    if duration := _duration(text):
        return duration
    raise argparse.ArgumentTypeError(f"{text!r} is no time: write 90m, 2h or 3d")


def seconds(text: str) -> float:
    """A number of seconds, 0 or more."""
    try:
        if 0 <= (value := float(text)) <= _LONGEST.total_seconds():
            return value
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")


def at_least_one(text: str) -> int:
    """A number of things, or of one of them; no larger than a database can be asked for."""
    digits = text.lstrip("0")
    if digits.isdecimal() and len(digits) < _TOO_MANY_DIGITS:
        return int(digits)
    raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
        moment = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment.year in _YEARS else None


def _duration(text: str) -> timedelta | None:
    found = re.fullmatch(r"(\d{1,9})([mhd])", text.strip())
    if not found:
        return None
    duration = timedelta(**{_UNITS[found[2]]: int(found[1])})
    return duration if duration <= _LONGEST else None


def who() -> str:
    """Who runs this command, for the ledger: user@host."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
