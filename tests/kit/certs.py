"""A certificate authority for tests, and a server's certificate that it signed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

BEGINS = datetime(2026, 1, 1, tzinfo=UTC)
ENDS = BEGINS + timedelta(days=36_500)


def write_certificates(folder: Path, host: str, name: str = "") -> None:
    """For a host by its address: ca.pem, NAMEserver.pem and NAMEserver.key; with a
    name, by another authority."""
    authority, server = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = _named(f"{name or 'test'} authority")
    root = _certificate(issuer, issuer, authority, authority)
    mine = _certificate(issuer, _named(host), authority, server, host)
    pem = serialization.Encoding.PEM
    if not name:
        (folder / "ca.pem").write_bytes(root.public_bytes(pem))
    (folder / f"{name}server.pem").write_bytes(mine.public_bytes(pem))
    (folder / f"{name}server.key").write_bytes(
        server.private_bytes(
            pem,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def _named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(
    issuer: x509.Name,
    subject: x509.Name,
    signs: ec.EllipticCurvePrivateKey,
    holds: ec.EllipticCurvePrivateKey,
    host: str = "",
) -> x509.Certificate:
    made = (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(holds.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(BEGINS)
        .not_valid_after(ENDS)
        .add_extension(x509.BasicConstraints(not host, None), critical=True)
    )
    if host:
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))])
        made = made.add_extension(names, critical=False)
    return made.sign(signs, hashes.SHA256())
