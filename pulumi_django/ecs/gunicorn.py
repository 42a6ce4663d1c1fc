"""The web service's default command. Pure."""

from __future__ import annotations

THREADS = 8
"""Number of requests that a task answers at the same time; each may hold a connection to the database."""

# The load balancer keeps its connections open for the base's `idle_timeout_seconds`, up to 4000. A server that closes a
# connection earlier drops a request that is on its way: the client receives a 502.
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html#connection-idle-timeout
KEEP_ALIVE_SECONDS = 4005


def gunicorn_command(module: str, port: int) -> list[str]:
    """Return the words that run a WSGI module and answer health checks while slow requests run.

    Gunicorn's own default, one request at a time, fails the health checks of a busy task, and ends every request after
    30 s. More processes do not help: each accepts new requests while its threads are busy, so some health checks wait
    behind slow requests.
    """
    bind = ["--bind", f"0.0.0.0:{port}"]
    threads = ["--worker-class", "gthread", "--threads", str(THREADS)]
    return ["gunicorn", *bind, *threads, "--keep-alive", str(KEEP_ALIVE_SECONDS), module]
