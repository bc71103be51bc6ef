"""Who takes FHIR R4: transactions of conditional updates, each resource read by its model, and kept
by its identifiers; a second match of one is refused, as the standard asks.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from fhir.resources.R4B.bundle import Bundle

FHIR = "application/fhir+json"


@dataclass
class FhirServer:
    """What it holds, and how it answers."""

    base: str = ""
    posted: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    held: list[dict[str, Any]] = field(default_factory=list)
    #: In place of a transaction's own: status, media type, body.
    answer: Callable[[], tuple[int, str, bytes]] | None = None

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [each for each in self.held if each["resourceType"] == kind]

    def transact(self, body: bytes) -> tuple[int, str, bytes]:
        bundle = json.loads(Bundle.model_validate_json(body).model_dump_json(exclude_none=True))
        assert bundle["type"] == "transaction"
        known = {entry["fullUrl"] for entry in bundle["entry"]}
        responses = []
        for entry in bundle["entry"]:
            resource, request = entry["resource"], entry["request"]
            assert {each["reference"] for each in resource.get("result", [])} <= known
            at = urlsplit(request["url"])
            assert (request["method"], at.path) == ("PUT", resource["resourceType"])
            system, _, value = parse_qs(at.query)["identifier"][0].partition("|")
            found = [
                each for each in self.of(at.path)
                if {"system": system, "value": value} in each["identifier"]
            ]  # fmt: skip
            if len(found) > 1:
                return 412, FHIR, b'{"resourceType": "OperationOutcome"}'
            self.held = [each for each in self.held if each not in found] + [resource]
            responses.append({"response": {"status": "200 OK" if found else "201 Created"}})
        said = {"resourceType": "Bundle", "type": "transaction-response", "entry": responses}
        return 200, FHIR, json.dumps(said).encode()


@contextmanager
def fhir_server() -> Iterator[FhirServer]:
    it = FhirServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            is_there = self.path.endswith("/metadata")
            self._say(200 if is_there else 404, FHIR, b'{"resourceType": "CapabilityStatement"}')

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            it.posted.append(json.loads(body))
            it.headers.append(dict(self.headers))
            self._say(*(it.answer() if it.answer else it.transact(body)))

        def _say(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    it.base = f"http://127.0.0.1:{server.server_port}/r4"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield it
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
