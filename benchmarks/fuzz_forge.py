"""A forge that answers with damaged documents, for the commands on pull requests."""

from __future__ import annotations

import json
import random
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from benchmarks.fuzz_inputs import ODD, ODD_JSON

PULL_REQUEST = {
    "number": 7,
    "title": "A change",
    "state": "open",
    "draft": False,
    "head": {"sha": "a" * 40, "ref": "topic", "repo": {"full_name": "acme/shop", "fork": False}},
    "base": {"ref": "main", "repo": {"full_name": "acme/shop"}},
    "labels": [{"name": "preview"}],
    "user": {"login": "someone"},
}


def serving(seed: int) -> str:
    """Start the forge in a thread, and return its address."""
    chance = random.Random(seed)

    class Forge(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = (
                json.dumps(_document(chance)).encode()
                if chance.random() < 0.8
                else chance.choice(ODD).encode(errors="replace")
            )
            # Other errors are tried again, with pauses.
            self.send_response(chance.choice((200, 200, 200, 201, 404, 422)))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _answer

        def log_message(self, *_: object) -> None:
            """Be silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Forge)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def _document(chance: random.Random) -> Any:
    """A pull request with up to two odd values, alone or in a list; sometimes an odd value alone."""
    if chance.random() < 0.1:
        return chance.choice(ODD_JSON)
    found: dict[str, Any] = json.loads(json.dumps(PULL_REQUEST))
    for _ in range(chance.randrange(3)):
        holder: Any = (
            chance.choice([found, found["head"], found["base"]])
            if isinstance(found.get("head"), dict) and isinstance(found.get("base"), dict)
            else found
        )
        holder[chance.choice(list(holder))] = chance.choice(ODD_JSON)
    return found if chance.random() < 0.5 else [found]
