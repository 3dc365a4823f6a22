"""Drives the cases of the Autobahn test suite (by kosoku) against a gateway, and prints one JSON line for each case.

The suite wants a server that echoes. A gateway answers each text that is no request with the documented frame `malformed`,
in order: that frame is taken for the echo. Binary messages and messages above the limit must close with 1003 or 1009
instead (`closes_with`).

Usage: websocket.py REST_URL GATEWAY_HOST:PORT [CASE…]
"""

import asyncio
import json
import secrets
import sys
import urllib.request

from kosoku import FailureError, run_fuzzingclient
from kosoku._caseindex import initialize_shims

initialize_shims()

from case import Case  # noqa: E402

# Without compression, which is not offered (12, 13).
GROUPS = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*"]
# What makes a gateway answer: the code of that answer stands for the text that was sent.
ECHO = {"error": True, "type": "processor", "code": "malformed"}
FRAME_BYTES = 64 * 1024
PASSWORD = "purple-anchor-71"
# Seconds in which all cases must be over.
PATIENCE = 600


def is_echo(text):
    try:
        frame = json.loads(text)
    except ValueError:
        return False
    return isinstance(frame, dict) and ECHO.items() <= frame.items()


def same(received, expected):
    """Whether the events are those expected, with the answer of a gateway in the place of each text."""
    if len(received) != len(expected):
        return False
    for got, wanted in zip(received, expected):
        if wanted[0] == "message":
            if got[0] != "message" or got[2] or wanted[2] or not is_echo(got[1]):
                return False
        elif got != wanted:
            return False
    return True


def closes_with(case):
    """The codes with which a gateway closes what other servers echo; none when it answers."""
    name = type(case).__name__
    if name.startswith(("Case1_2_", "Case9_2_", "Case9_4_", "Case9_6_", "Case9_8_")):
        return [1003, 1009]  # binary; 1009 when its length was too much already
    if getattr(case, "DATALEN", 0) > FRAME_BYTES:
        return [1009]
    return []


def adapt():
    """Teaches the suite how a gateway answers."""
    initialize = Case.__init__

    def init(self, protocol):
        initialize(self, protocol)
        on_open, on_message, codes = self.onOpen, self.onMessage, closes_with(self)

        def opened():
            # What is expected is set here by each case, and may be overruled before anything comes back.
            on_open()
            if codes:
                self.expected = {Case.OK: []}
                self.expectedClose = {"closedByMe": False, "closeCode": codes, "requireClean": False}

        def heard(text, binary):
            # Cases of group 9 compare lengths by themselves.
            length = getattr(self, "DATALEN", getattr(self, "LEN", None))
            echo = length is not None and not codes and not binary and is_echo(text)
            on_message("*" * length if echo else text, binary)

        self.onOpen, self.onMessage = opened, heard

    Case.__init__ = init
    Case.compare = lambda self, received, expected: same(received, expected)


def log_in(rest):
    email = f"suite.{secrets.token_hex(8)}@example.com"

    def post(path, body):
        request = urllib.request.Request(
            rest + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    post("/auth/sign-up", {"email": email, "password": PASSWORD})
    return post("/auth/login", {"email": email, "password": PASSWORD})["token"]


async def relay(gateway, token):
    """A port before the gateway which adds the token to each handshake, and changes no byte after it."""
    host, port = gateway.rsplit(":", 1)

    async def pump(reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
            writer.write_eof()
        except (ConnectionError, OSError):
            writer.close()

    async def serve(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        up_reader, up_writer = await asyncio.open_connection(host, int(port))
        up_writer.write(head[:-2] + b"Authorization: Bearer " + token.encode() + b"\r\n\r\n")
        await asyncio.gather(pump(reader, up_writer), pump(up_reader, writer))
        up_writer.close()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=65536)
    return server, server.sockets[0].getsockname()[1]


async def main():
    rest, gateway, *cases = sys.argv[1:]
    adapt()
    server, port = await relay(gateway, log_in(rest))
    try:
        results = await asyncio.wait_for(run_fuzzingclient(f"127.0.0.1:{port}", cases or GROUPS, None), PATIENCE)
    except FailureError as failure:
        results = failure.results
        print(failure, file=sys.stderr)
    for result in results:
        print(json.dumps({
            "case": result.case_id,
            "behavior": result.behavior.value,
            "close": result.behavior_close.value,
            "code": result.remote_close_code,
            "result": result.result,
            "ms": result.duration,
        }))
    server.close()


asyncio.run(main())
