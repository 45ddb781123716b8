"""Twilio's side of one media stream: it speaks, presses keys, plays what it is sent at
its own pace, gives marks back, and drops what it is told to clear."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode, b64encode
from collections import deque

import aiohttp

from speech.audio import ulaw_decode, ulaw_encode
from speech.port import FRAME_BYTES

QUIET = b64encode(b"\xff" * 160).decode()


class Leg:
    """`sound`: 8 kHz pcm that the callee says. `keys`: pressed once something was
    heard."""

    def __init__(self, stream: str, sound: bytes = b"", keys: str = "") -> None:
        self.stream = stream
        self.sound = sound
        self.keys = keys
        self.heard = bytearray()
        self.cleared = 0
        self._queue = deque[bytes | str]()
        self._out = asyncio.Queue[dict[str, object]]()
        self._number = 0
        self._chunk = 0

    # --- what we say to the engine

    def say(self, event: str, **more: object) -> None:
        self._number += 1
        told = {"event": event, "sequenceNumber": str(self._number), **more}
        self._out.put_nowait({**told, "streamSid": self.stream})

    def start(self, account: str, call: str, parameters: dict[str, str]) -> None:
        self._out.put_nowait({"event": "connected", "protocol": "Call", "version": "1"})
        form = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
        start = {
            "accountSid": account,
            "streamSid": self.stream,
            "callSid": call,
            "tracks": ["inbound"],
            "mediaFormat": form,
            "customParameters": parameters,
        }
        self.say("start", start=start)

    def tick(self) -> None:
        """20 ms pass."""
        self._chunk += 1
        piece, self.sound = self.sound[:FRAME_BYTES], self.sound[FRAME_BYTES:]
        piece = piece.ljust(FRAME_BYTES, b"\0") if piece else b""
        payload = b64encode(ulaw_encode(piece)).decode() if piece else QUIET
        media = {
            "track": "inbound",
            "chunk": str(self._chunk),
            "timestamp": str(20 * self._chunk),
            "payload": payload,
        }
        self.say("media", media=media)
        self._play(FRAME_BYTES)
        if self.heard and self.keys:
            key, self.keys = self.keys[0], self.keys[1:]
            self.say("dtmf", dtmf={"track": "inbound_track", "digit": key})

    def _play(self, left: int) -> None:
        self._marks()
        while left and self._queue:
            piece = self._queue.popleft()
            assert isinstance(piece, bytes)
            self.heard += piece[:left]
            if piece[left:]:
                self._queue.appendleft(piece[left:])
            left -= len(piece[:left])
            self._marks()

    def _marks(self) -> None:
        while self._queue and isinstance(self._queue[0], str):
            self.say("mark", mark={"name": self._queue.popleft()})

    @property
    def waiting(self) -> int:
        """Bytes that are not played yet."""
        return sum(len(one) for one in self._queue if isinstance(one, bytes))

    # --- what the engine says

    def told(self, text: str) -> None:
        said = json.loads(text)
        assert said["streamSid"] == self.stream
        match said["event"]:
            case "media":
                self._queue.append(ulaw_decode(b64decode(said["media"]["payload"])))
            case "mark":
                self._queue.append(said["mark"]["name"])
            case "clear":
                self.cleared += 1
                marks = [one for one in self._queue if isinstance(one, str)]
                self._queue.clear()
                for name in marks:
                    self.say("mark", mark={"name": name})
            case other:
                raise AssertionError(f"what is {other}?")

    # --- both ways

    async def run(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Until the engine closes, or this is cancelled."""
        async with asyncio.TaskGroup() as group:
            writer = group.create_task(self._write(socket))
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self.told(message.data)
            writer.cancel()

    async def _write(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            said = await self._out.get()
            try:
                await socket.send_str(json.dumps(said))
            except ConnectionError:
                return

    def stop(self) -> dict[str, object]:
        self._number += 1
        number = str(self._number)
        return {"event": "stop", "sequenceNumber": number, "streamSid": self.stream}
