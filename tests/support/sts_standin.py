"""A security token service on this machine: it records each request for a role and returns credentials for it."""

from __future__ import annotations

import re
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

_ANSWER = """<{0}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{0}Result>{1}</{0}Result></{0}Response>"""
_CREDENTIALS = (
    "<Credentials><AccessKeyId>key-of-{0}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>"
    "<SessionToken>token-of-{0}</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration></Credentials>"
    "<AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/{0}/x</Arn>"
    "<AssumedRoleId>id:x</AssumedRoleId></AssumedRoleUser>"
)


class Asked:
    """One request."""

    def __init__(self, body: str, headers: Any) -> None:
        self.parameters = {key: values[-1] for key, values in parse_qs(body).items() if key not in ("Version",)}
        signed = re.search(r"Credential=([^/]+)/\d+/([^/]+)/", headers.get("Authorization", ""))
        self.key, self.region = signed.groups() if signed else (None, None)
        """Access key id and region that the request is signed with; None for an unsigned one."""


class Sts:
    """The service: its address, what it was asked, the account that it reports."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[Asked] = []
        self.account = "123456789012"

    @property
    def roles(self) -> list[tuple[str | None, str]]:
        """The access key id and the role of each request for a role."""
        return [(asked.key, asked.parameters["RoleArn"]) for asked in self.asked if "RoleArn" in asked.parameters]


@contextmanager
def sts() -> Generator[Sts]:
    """The service while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = Asked(self.rfile.read(int(self.headers["Content-Length"])).decode(), self.headers)
            service.asked.append(asked)
            action = asked.parameters["Action"]
            inner = f"<Account>{service.account}</Account><Arn>arn:aws:iam::{service.account}:user/x</Arn>"
            if "RoleArn" in asked.parameters:
                inner = _CREDENTIALS.format(asked.parameters["RoleArn"].rpartition("/")[2])
            answer = _ANSWER.format(action, inner).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:
            """Tests read what was asked, not a log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service = Sts(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
