"""`cxr-node status`: the health of the node at a glance, from the ledger alone."""

import dataclasses
import json
from datetime import datetime
from pathlib import Path

from dicom_node.config import Config
from dicom_node.errors import NodeError
from dicom_node.ledger import Ledger, Summary

_SQLITE = "sqlite:///"


def show_status(config: Config, *, as_json: bool) -> int:
    """Print what the ledger knows; 0."""
    url = config.ledger_url
    if url.startswith(_SQLITE) and not Path(url.removeprefix(_SQLITE)).exists():
        raise NodeError(f"{config.state}: no ledger here; has the node run with this --state?")
    ledger = Ledger.open(url)
    try:
        summary = ledger.summary()
    finally:
        ledger.close()
    print(json.dumps(dataclasses.asdict(summary), default=_json, indent=2) if as_json
          else as_text(summary))  # fmt: skip
    return 0


def as_text(summary: Summary) -> str:
    """The summary for a person, widest question first."""
    lines = ["instances"]
    lines += [f"  {state:<10} {count:>7}" for state, count in summary.counts.items()]
    age = summary.oldest_waiting_age_s
    lines.append(f"oldest waiting: {'none' if age is None else f'{age:.0f} s'}")
    lines.append("deliveries waiting")
    waiting = summary.deliveries_waiting
    lines += [f"  {name:<30} {count:>7}" for name, count in waiting.items()] or ["  none"]
    lines.append("not accepted by a destination")
    lines += [
        f"  {one.what} ({one.count} so far, last {one.last_at:%Y-%m-%d %H:%M:%S})"
        for one in summary.substitutions
    ] or ["  none"]
    lines.append("last failures")
    lines += [
        f"  {failure.at:%Y-%m-%d %H:%M:%S} {failure.state} {failure.sop_instance_uid}\n"
        f"    {failure.reason}"
        for failure in summary.failures
    ] or ["  none"]
    return "\n".join(lines)


def _json(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
