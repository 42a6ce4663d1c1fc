"""TLS in front of a server without it. Wheels of Redis have no TLS, and ElastiCache accepts nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import ssl

from orchestrator.local.certificates import Certificates

_CHUNK = 64 * 1024


class TlsDoor:
    """Accepts TLS connections, and passes their bytes on to a port of the same address."""

    def __init__(self, certificates: Certificates, address: str, port: int, inner_port: int) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificates.certificate, certificates.key)
        self._address, self._port, self._inner_port = address, port, inner_port
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, self._address, self._port, ssl=self._context)

    def close(self) -> None:
        """Stop listening, and end the connections."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._open):
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            inner_reader, inner_writer = await asyncio.open_connection(self._address, self._inner_port)
        except OSError:
            writer.close()
            self._open.discard(writer)
            return
        self._open.add(inner_writer)
        ways = [_pass_on(reader, inner_writer), _pass_on(inner_reader, writer)]
        await asyncio.wait([asyncio.ensure_future(way) for way in ways], return_when=asyncio.FIRST_COMPLETED)
        for each in (writer, inner_writer):
            each.close()
            self._open.discard(each)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
