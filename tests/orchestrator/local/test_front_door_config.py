"""nginx chooses rules as the load balancer does. The test runs nginx where it is installed."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import time
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import requests

from orchestrator.local.certificates import Certificates
from orchestrator.local.front_door_config import INNER_PORT, front_door, regex
from orchestrator.local.routes import Action, Routes, Rule
from tests.support.ports import free_port

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")
HOST = "alpha.localhost"


def forward(group: str, host: str, *paths: str, methods: tuple[str, ...] = ()) -> Rule:
    return Rule(priority=1, action=Action(kind="forward", group=group), hosts=[host], paths=paths, methods=methods)


RULES = Routes(
    rules=[
        forward("api", HOST, "/api/*", "/v?/x.json"),
        forward("api", HOST, "/hook", methods=("POST",)),
        Rule(
            priority=2,
            action=Action(kind="redirect", code=301, location="https://#{host}:443/new?#{query}"),
            paths=["/old"],
        ),
        forward("gone", HOST, "/gone"),
        forward("secure", HOST, "/secure"),
        forward("web", "*.localhost", "/*"),
    ],
    otherwise=Action(kind="fixed-response", code=404, body='Not "found"'),
    checks={},
    tls=frozenset(["secure"]),
)


class Behind(BaseHTTPRequestHandler):
    """Answers with its own port, the path and the headers that it got."""

    def do_GET(self) -> None:
        headers = [self.headers[name] for name in ("Host", "X-Forwarded-For", "X-Forwarded-Port")]
        seen = " ".join([str(self.server.server_port), self.path, *headers]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(seen)))
        self.end_headers()
        self.wfile.write(seen)

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[str, dict[str, str]]]:
    folder, port = tmp_path_factory.mktemp("nginx"), free_port()
    servers = {name: ThreadingHTTPServer(("127.0.0.1", 0), Behind) for name in ("web", "api", "secure")}
    ports = {name: str(server.server_port) for name, server in servers.items()}
    certificates = Certificates(folder / "certificates")
    certificates.create(["127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.certificate, certificates.key)
    servers["secure"].socket = context.wrap_socket(servers["secure"].socket, server_side=True)
    for server in servers.values():
        Thread(target=server.serve_forever, daemon=True).start()
    text = front_door(RULES, {name: f"127.0.0.1:{port}" for name, port in ports.items()}, 8080)
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    listening = text.replace(f"listen {INNER_PORT};", f"listen 127.0.0.1:{port};")
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"pid {folder}/pid; daemon off; error_log {folder}/error;\nevents {{}}\n"
        f"http {{ access_log off; {paths}\n{listening}\n}}\n"
    )
    process = subprocess.Popen([str(NGINX), "-c", str(configuration), "-e", str(folder / "error")])
    try:
        wait_until_it_answers(f"http://127.0.0.1:{port}/", process, folder / "error")
        yield f"http://127.0.0.1:{port}", ports
    finally:
        process.terminate()
        process.wait()
        for server in servers.values():
            server.shutdown()
            server.server_close()


def wait_until_it_answers(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(6000):
        try:
            requests.get(url, timeout=300)
        except requests.ConnectionError:
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        else:
            return
    raise AssertionError("nginx does not answer")


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
@pytest.mark.parametrize(
    ("method", "host", "path", "answer"),
    [
        ("GET", HOST, "/", "web"),
        ("GET", HOST, "/api/users?next=/", "api"),
        ("GET", HOST, "/v2/x.json", "api"),
        ("GET", HOST, "/v22/x.json", "web"),
        ("GET", HOST, "/?to=/api/", "web"),
        ("GET", "beta.localhost", "/api/", "web"),
        ("POST", HOST, "/hook", "api"),
        ("GET", HOST, "/hook", "web"),
        ("GET", HOST, "/gone", 503),
        ("GET", HOST, "/secure", "secure"),
        ("GET", "example.com", "/", 404),
    ],
)
def test_nginx_chooses_the_rule_of_the_load_balancer(
    door: tuple[str, dict[str, str]], method: str, host: str, path: str, answer: str | int
) -> None:
    url, ports = door
    found = requests.request(method, f"{url}{path}", headers={"Host": host}, timeout=300)
    if isinstance(answer, int):
        assert found.status_code == answer
        assert answer != 404 or found.text == 'Not "found"'
    else:
        assert found.text == f"{ports[answer]} {path} {host} 127.0.0.1 8080"


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
def test_nginx_redirects_to_the_site_itself_without_https(door: tuple[str, dict[str, str]]) -> None:
    url, _ = door
    found = requests.get(f"{url}/old?v=1", headers={"Host": f"{HOST}:1"}, allow_redirects=False, timeout=300)
    assert (found.status_code, found.headers["Location"]) == (301, f"http://{HOST}:1/new?v=1")


def test_a_pattern_has_no_meaning_besides_stars_and_question_marks() -> None:
    assert regex("/a.(b)/*?", "[^?]") == r"/a\.\(b\)/[^?]*[^?]"
