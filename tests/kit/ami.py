"""An AMI client that is not ours: `asterisk-ami`, so that two read the same wire.

As it comes it would end or hang a test: its reader dies after a silence as long as the
time-out of the connect, an answer raises a DeprecationWarning there, what is never
answered is kept, and writes of two threads mix. (Line by line: decision 17.)
"""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import threading
from collections.abc import Iterator

from asterisk.ami import (
    Action,
    AMIClient,
    Event,
    FutureResponse,
    Response,
    SimpleAction,
)


class Answer(FutureResponse):  # type: ignore[misc]
    """What is waited for."""

    def set_response(self, response: Response | None) -> None:
        with self._lock:
            self._response = response
            self._lock.notify_all()

    response = property(FutureResponse.get_response, set_response)


class SecondClient(AMIClient):  # type: ignore[misc]
    """Its events are in `events`, in order. `timeout`: seconds for each answer."""

    def __init__(self, port: int, timeout: float = 5.0) -> None:
        super().__init__(port=port, timeout=timeout)
        self.events = list[Event]()
        self._ids = (f"{os.urandom(4).hex()}-{n}" for n in itertools.count(1))
        self._writing = threading.Lock()
        self.add_listener(on_event=lambda source, event: self.events.append(event))

    def connect(self) -> None:
        super().connect()
        self._socket.settimeout(None)  # the reader's: silence is no fault

    def ask(self, name: str, **headers: str) -> Response:
        """TimeoutError: no answer came. ValueError: a line break in a value."""
        asked = next(self._ids)
        waiting = self._futures[asked] = Answer(timeout=self._timeout)
        try:
            self.send(SimpleAction(name, ActionID=asked, **headers))
            response = waiting.response
        finally:
            self._futures.pop(asked, None)
        if response is None:
            raise TimeoutError(f"{name} was not answered")
        return response

    def send(self, pack: Action) -> None:
        if any(end in str(value) for value in pack.keys.values() for end in "\r\n"):
            raise ValueError("a line break in a value")
        with self._writing:
            self._socket.sendall(f"{pack}\r\n".encode())

    def listen(self) -> None:
        try:
            super().listen()
        finally:
            self.finished.set()
            self._socket.close()


@contextlib.contextmanager
def second_client(port: int, user: str, secret: str) -> Iterator[SecondClient]:
    """Logged in to the manager on loopback."""
    client = SecondClient(port)
    client.connect()
    try:
        answer = client.ask("Login", Username=user, Secret=secret)
        if answer.status != "Success":
            raise PermissionError(answer.keys["Message"])
        yield client
    finally:
        with contextlib.suppress(OSError):  # it is closed already
            client._socket.shutdown(socket.SHUT_RDWR)  # ends the reader
        client.disconnect()


def second_reading(stream: bytes) -> list[Event | Response]:
    """What asterisk-ami makes of a stream, which begins with the greeting."""
    client, found = SecondClient(0), list[Event | Response]()
    client.add_listener(
        on_event=lambda source, event: found.append(event),
        on_response=lambda source, response: found.append(response),
    )
    ours, client._socket = socket.socketpair()
    client.finished = threading.Event()
    reader = threading.Thread(target=client.listen, name="second reading")
    reader.start()
    ours.sendall(stream)
    ours.close()
    reader.join()
    return found
