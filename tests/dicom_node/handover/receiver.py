"""Who takes HL7 v2: python-hl7's own MLLP server, in clear or by TLS, and what it answers."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import hl7
from hl7.mllp import HL7StreamReader, HL7StreamWriter, start_hl7_server

#: What to send back; None: nothing, and the connection stays; "close": nothing, and it is closed.
Answer = Callable[[hl7.Message], bytes | str | None]


def accept(message: hl7.Message) -> str:
    return str(message.create_ack("AA"))


def refusing(code: str, error: str = "", words: str = "") -> Answer:
    def answer(message: hl7.Message) -> str:
        err = f"ERR|||{error}|E||||{words}\r" if error or words else ""
        return f"{message.create_ack(code)}{err}"

    return answer


@dataclass
class Receiver:
    """What came, and how it is answered."""

    port: int = 0
    answer: Answer = accept
    messages: list[hl7.Message] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        return [str(message) for message in self.messages]

    async def serve(self, reader: HL7StreamReader, writer: HL7StreamWriter) -> None:
        try:
            while True:
                message = await reader.readmessage()
                self.messages.append(message)
                said = self.answer(message)
                if said == "close":
                    break
                if isinstance(said, bytes):
                    writer.write(said)
                elif said is not None:
                    writer.writeblock(said.encode("utf-8"))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@contextmanager
def receiver(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """At a port of its own, as long as the block runs."""
    it, ready, loop = Receiver(), threading.Event(), asyncio.new_event_loop()

    async def start() -> asyncio.Server:
        server: asyncio.Server = await start_hl7_server(
            it.serve, "127.0.0.1", 0, encoding="utf-8", ssl=tls
        )
        it.port = server.sockets[0].getsockname()[1]
        return server

    async def end(server: asyncio.Server) -> None:
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def run() -> None:
        server = loop.run_until_complete(start())
        ready.set()
        loop.run_forever()
        loop.run_until_complete(end(server))
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(10)
        yield it
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
