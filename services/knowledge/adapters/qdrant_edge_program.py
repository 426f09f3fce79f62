"""The process of the embedded engine: `python -m services.knowledge.adapters.qdrant_edge_program DESCRIPTOR`.

It answers on the socket that it inherits, one message after the other, and ends when that is closed: also where the
service was killed.
"""

from __future__ import annotations

import signal
import socket
import sys
from pathlib import Path
from typing import BinaryIO

import msgspec

from services.knowledge.ports import IndexLocked, IndexMismatch, IndexUnavailable

from .qdrant_edge_engine import EdgeEngine
from .qdrant_edge_messages import (
    LENGTH,
    Answer,
    Asked,
    Call,
    Close,
    Count,
    DeleteDocument,
    Open,
    Ping,
    Search,
    Upsert,
    framed,
)

_UNABLE = "The vector index could not carry out the request."


class Program:
    """Answers calls; holds the engine once it is open."""

    def __init__(self) -> None:
        self._engine: EdgeEngine | None = None

    def answer(self, call: Call) -> Answer:
        """Do what is asked; a fault is an answer, too."""
        try:
            return self._done(call.number, call.asked)
        except IndexMismatch as fault:
            return Answer(call.number, fault="mismatch", detail=str(fault))
        except IndexLocked as fault:
            return Answer(call.number, fault="locked", detail=str(fault))
        except IndexUnavailable as fault:
            return Answer(call.number, fault="unavailable", detail=fault.detail)
        except Exception:
            # The engine knows nothing more specific, and its words may hold what was asked.
            return Answer(call.number, fault="unavailable", detail=_UNABLE)

    def close(self) -> None:
        """Give the folder free. Closing twice does nothing."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()

    def _done(self, number: int, asked: Asked) -> Answer:
        match asked:
            case Open(folder, model):
                self._engine = EdgeEngine(Path(folder), model)
            case Search():
                return Answer(number, candidates=self._opened().search(asked).candidates())
            case Upsert(points):
                self._opened().upsert(points)
            case DeleteDocument(tenant, document_id, before_version):
                self._opened().delete_document(tenant, document_id, before_version)
            case Count(tenant, document_id):
                return Answer(number, count=self._opened().count(tenant, document_id))
            case Ping():
                self._opened().ping()
            case Close():
                self.close()
        return Answer(number)

    def _opened(self) -> EdgeEngine:
        if self._engine is None:
            raise IndexUnavailable("The vector index is not open.")
        return self._engine


def serve(connection: socket.socket) -> None:
    """Answer until the other side is gone."""
    program = Program()
    decoder = msgspec.msgpack.Decoder(Call)
    try:
        with connection, connection.makefile("rb") as stream:
            while body := _message(stream):
                connection.sendall(framed(program.answer(decoder.decode(body))))
    except (ConnectionError, msgspec.DecodeError):
        pass  # nobody is left who could be told
    finally:
        program.close()


def _message(stream: BinaryIO) -> bytes:
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return b""
    (length,) = LENGTH.unpack(head)
    body = stream.read(length)
    return body if len(body) == length else b""


def main() -> None:
    """Serve the socket whose descriptor is the argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the service says when it is over
    serve(socket.socket(fileno=int(sys.argv[1])))


if __name__ == "__main__":
    main()
