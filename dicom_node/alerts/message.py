"""What people are told, in one record and the shapes that channels want. Nothing of a patient."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from dicom_node.ledger import Turned

_ACTION = "what to do: OPERATING, {name}; now on: cxr-node alerts"


@dataclass(frozen=True, slots=True)
class Told:
    """One alert that has turned."""

    alert: str  #: name of its condition
    state: str  #: "firing" or "resolved", as Prometheus's Alertmanager has it
    subject: str  #: what it is of; "" where that says nothing
    words: str
    since: str  #: ISO 8601, UTC
    until: str | None  #: None: it holds


@dataclass(frozen=True, slots=True)
class Message:
    """What one look at the node has brought."""

    node: str  #: AE title
    host: str  #: which tells it
    alerts: tuple[Told, ...]
    is_test: bool = False

    @classmethod
    def of(cls, node: str, host: str, turned: Sequence[Turned]) -> Self:
        return cls(node, host, tuple(_told(one) for one in turned))

    @classmethod
    def test(cls, node: str, host: str) -> Self:
        return cls(node, host, (), is_test=True)

    @classmethod
    def read(cls, text: str) -> Self:
        told = json.loads(text)
        alerts = tuple(Told(**one) for one in told.pop("alerts"))
        return cls(**told, alerts=alerts)

    def written(self) -> str:
        """As a command, and a webhook of the shape "json", get it."""
        return json.dumps(asdict(self))

    @property
    def subject(self) -> str:
        """One line."""
        if self.is_test:
            return f"{self.node}: a test of this channel"
        first = self.alerts[0]
        said = f"{first.alert}{f' ({first.subject})' if first.subject else ''} {first.state}"
        others = len(self.alerts) - 1
        return f"{self.node}: {said}{f', and {others} more' if others else ''}"

    @property
    def text(self) -> str:
        """For people, one line for each."""
        if self.is_test:
            return f"Node {self.node} on {self.host} tests this channel: nothing is wrong."
        return "\n".join([*map(_line, self.alerts), "", f"Node {self.node}, told by {self.host}."])

    def slack(self) -> dict[str, Any]:
        """Of an incoming webhook of Slack, and of those who took its shape."""
        return {"text": f"*{self.subject}*\n{self.text}"}

    def teams(self) -> dict[str, Any]:
        """Of a Workflow of Teams: an Adaptive Card in a message."""
        head = {"type": "TextBlock", "text": self.subject, "weight": "Bolder", "wrap": True}
        lines = [{"type": "TextBlock", "text": one, "wrap": True} for one in self.text.splitlines()
                 if one]  # fmt: skip
        card = {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": [head, *lines],
        }
        kind = "application/vnd.microsoft.card.adaptive"
        return {"type": "message", "attachments": [{"contentType": kind, "content": card}]}


def _told(turned: Turned) -> Told:
    alert = turned.alert
    return Told(
        alert=alert.name,
        state="firing" if turned.is_onset else "resolved",
        subject=alert.subject,
        words=alert.words,
        since=alert.since.isoformat(timespec="seconds"),
        until=None if alert.ended_at is None else alert.ended_at.isoformat(timespec="seconds"),
    )


def _line(told: Told) -> str:
    name = f"{told.alert}{f' ({told.subject})' if told.subject else ''}"
    if told.state == "firing":
        return f"{name}: {told.words}, since {told.since}. {_ACTION.format(name=told.alert)}"
    return f"{name}: over at {told.until}; it began at {told.since} ({told.words})."
