"""The certificate with which PostgreSQL and Redis speak TLS on this machine."""

from __future__ import annotations

import ipaddress
import os
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

_VALID = timedelta(days=3650)


class Certificates:
    """The files of an authority and of a certificate for some addresses, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.authority, self.bundle = folder / "authority.pem", folder / "bundle.pem"
        self.certificate, self.key = folder / "server.pem", folder / "server.key"
        self._folder = folder

    def create(self, addresses: Sequence[str]) -> None:
        """Create the files, unless they exist for exactly these addresses."""
        names = self._folder / "addresses"
        wanted = " ".join(sorted(addresses))
        if names.exists() and names.read_text(encoding="utf-8") == wanted:
            return
        self._folder.mkdir(mode=0o711, exist_ok=True)
        authority, certificate, key = _issued(addresses)
        self.authority.write_bytes(authority)
        self.certificate.write_bytes(certificate)
        with open(os.open(self.key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(key)
        # Programs that trust the public authorities trust this one too.
        known = ssl.get_default_verify_paths().cafile
        public = Path(known).read_bytes() if known and Path(known).exists() else b""
        self.bundle.write_bytes(public + authority)
        names.write_text(wanted, encoding="utf-8")


def _issued(addresses: Sequence[str]) -> tuple[bytes, bytes, bytes]:
    """The authority, the certificate and its key as PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    now = datetime.now(UTC) - timedelta(days=1)

    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def begun(subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
        builder = builder.serial_number(x509.random_serial_number())
        return builder.not_valid_before(now).not_valid_after(now + _VALID)

    issuer = named("orchestrator local")
    root, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    identifier = x509.SubjectKeyIdentifier.from_public_key(root.public_key())
    authority = (
        begun(issuer, root.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(identifier, critical=False)
        .sign(root, hashes.SHA256())
    )
    names = [x509.IPAddress(ipaddress.ip_address(each)) for each in addresses]
    certificate = (
        begun(named("localhost"), own.public_key())
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost"), *names]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(root, hashes.SHA256())
    )
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    plain = own.private_bytes(pem, pkcs8, serialization.NoEncryption())
    return authority.public_bytes(pem), certificate.public_bytes(pem), plain
