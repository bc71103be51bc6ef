"""Somebody who visits the page of a node that has a real ledger and spool."""

import hashlib
import re
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from httpx2 import Response
from starlette.testclient import TestClient

from dicom_node.audit import Trail
from dicom_node.config import parse
from dicom_node.drawing.desk import Desk
from dicom_node.errors import BrokerUnavailable
from dicom_node.ledger import Ledger, Process
from dicom_node.ops.processes import PARTS
from dicom_node.page.app import make_app
from dicom_node.page.site.node import Node
from dicom_node.spool import Spool
from tests.dicom_node.ledger.records import PIPELINE

HERE = "http://127.0.0.1:9112"
PASSWORD = "correct horse"
TOKEN = re.compile(r'name="token" value="([0-9a-f]+)"')


def cheap_hash(password: str) -> str:
    """As `hash_of`, but quick."""
    salt = b"0123456789abcdef"
    made = hashlib.scrypt(password.encode(), salt=salt, n=1024, r=8, p=1, dklen=32)
    return f"scrypt$1024$8$1${b64encode(salt).decode()}${b64encode(made).decode()}"


def user(name: str, role: str) -> dict[str, str]:
    return {"name": name, "role": role, "password": cheap_hash(PASSWORD)}


USERS = [user("vera", "view"), user("otto", "operate"), user("ada", "administer")]


@dataclass
class Site:
    """A node, and browsers that visit its page."""

    folder: Path
    sections: Mapping[str, Any] = field(default_factory=dict)
    broker_is_away: bool = False
    broker_takes_s: float = 0.0
    shadow: str = ""  #: the pipeline that is only tried
    desk: Callable[[Node], Desk] | None = None  #: at which readers draw
    ledger: Ledger = field(init=False)
    node: Node = field(init=False)

    def __post_init__(self) -> None:
        document: dict[str, Any] = {"node": {"state": self.folder}, "user": USERS}
        if "destination" not in self.sections:
            document["destination"] = [
                {"name": "PACS", "aet": "PACS", "host": "127.0.0.1", "port": 9}
            ]
        config = parse(document | dict(self.sections))
        self.ledger = Ledger.open(config.ledger_url)
        spool = Spool(config.spool_folder)
        trail = Trail(config.audit, self.folder, "CXRNODE", "page")
        self.node = Node(
            config, lambda: PIPELINE, self._ask_broker, spool, trail, lambda: self.shadow,
            self.desk,
        )  # fmt: skip
        self.app = make_app(self.node)

    def _ask_broker(self) -> None:
        time.sleep(self.broker_takes_s)
        if self.broker_is_away:
            raise BrokerUnavailable("the broker did not answer: refused")

    def let_parts_beat(self, *parts: str) -> None:
        for part in parts or PARTS:
            self.ledger.workers.beat(Process(part, part, "host", 1, "1.0"))

    def browser(self, address: str = "127.0.0.1", at: str = HERE) -> "Browser":
        return Browser(TestClient(self.app, at, follow_redirects=False, client=(address, 50000)))

    def as_(self, name: str) -> "Browser":
        """Somebody who has logged in."""
        browser = self.browser()
        answer = browser.post("/login", name=name, password=PASSWORD)
        assert answer.status_code == 303, answer.text
        return browser

    def close(self) -> None:
        self.node.close()
        self.ledger.close()


@dataclass
class Browser:
    """It keeps cookies, says where a form is from, and sends the token that a page gave it."""

    client: TestClient
    token: str = ""

    def get(self, path: str, **headers: str) -> Response:
        answer = self.client.get(path, headers=headers)
        if found := TOKEN.search(answer.text):
            self.token = found[1]
        return answer

    def page(self, path: str) -> str:
        answer = self.get(path)
        assert answer.status_code == 200, (answer.status_code, answer.text)
        return answer.text

    def post(self, path: str, origin: str = "", **form: str) -> Response:
        headers = {"origin": origin or str(self.client.base_url).rstrip("/")}
        return self.client.post(path, data={"token": self.token} | form, headers=headers)

    def submit(self, path: str, **form: str) -> str:
        """From a page that was opened first; the text of the page that it leads to."""
        self.get("/")
        answer = self.post(path, **form)
        if answer.status_code == 303:
            return self.page(answer.headers["location"].partition("#")[0])
        assert answer.status_code == 200, (answer.status_code, answer.text)
        return answer.text
