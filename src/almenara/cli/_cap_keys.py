"""Keys, certificates and times as `almenara cap sign` and `almenara cap verify` are given them."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from almenara.model.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from almenara.model.cap.signature import PrivateKey, Verified
    from almenara.model.cap.trust import Trust

PASSPHRASE = "ALMENARA_KEY_PASSPHRASE"  # noqa: S105 -- the name of an environment variable
_PEM_BYTES_MAX = 1024 * 1024


def bytes_of(path: Path) -> bytes:
    """A small file. Raises UsageError when it cannot be read or is none."""
    try:
        with path.open("rb") as file:
            data = file.read(_PEM_BYTES_MAX + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    if len(data) > _PEM_BYTES_MAX:
        raise UsageError(f"{path} is too large for keys or certificates.")
    return data


def private_key(path: Path) -> PrivateKey:
    """The key in a PEM file; its passphrase comes from the environment, else a person is asked. Raises UsageError."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    data = bytes_of(path)
    try:
        try:
            key = load_pem_private_key(data, None)
        except TypeError:  # it is encrypted
            key = load_pem_private_key(data, _passphrase(path))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(f"{path} holds no private key that can be read, or the passphrase is wrong.") from error
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise UsageError(f"{path}: the key must be RSA or ECDSA (an elliptic curve).")
    return key


def trust_of(paths: list[Path]) -> Trust:
    """All certificates of several PEM files."""
    from almenara.model.cap.trust import Trust

    return Trust(tuple(one for path in paths for one in Trust.from_pem(bytes_of(path)).certificates))


def trusted_at(verified: Verified, trust: Trust, at: str | None) -> Verified:
    """The same, when one of its signers is trusted at that time, or by default. Raises RefusedDocument, UsageError.

    By default certificates must be valid now. A message that has itself expired is read for the record, and a
    certificate that was valid when it was sent is enough: whoever forges one with a lapsed key warns nobody.
    """
    from almenara.model.cap import RefusedDocument
    from almenara.model.cap.faults import refused
    from almenara.model.cap.signature import check_trust
    from almenara.model.cap.trust import sha256_of, subject

    if not trust.certificates:
        signer = verified.signers[0].certificate
        raise refused(
            "certificate-untrusted",
            f"The signature of {subject(signer)} holds, but nothing is trusted: give --trust. "
            f"SHA-256 {sha256_of(signer)}.",
        )
    if at is not None:
        return check_trust(verified, trust, _moment(at, verified))
    now = datetime.now(UTC)
    try:
        return check_trust(verified, trust, now)
    except RefusedDocument:
        infos = verified.reading.alert.info
        if not infos or not all(info.expires is not None and info.expires < now for info in infos):
            raise
        try:
            return check_trust(verified, trust, verified.reading.alert.sent)
        except RefusedDocument:
            pass
        raise


def _moment(at: str, verified: Verified) -> datetime:
    if at == "sent":
        return verified.reading.alert.sent
    try:
        time = datetime.fromisoformat(at)
    except ValueError as error:
        raise UsageError(f"--at wants 'sent' or a time like 2026-03-01T12:00-05:00, not {at!r}.") from error
    if time.tzinfo is None:
        raise UsageError(f"--at needs an offset, as in {at}-05:00 or {at}Z.")
    return time


def _passphrase(path: Path) -> bytes:
    given = os.environ.get(PASSPHRASE)
    if given is None:
        if not sys.stdin.isatty():
            raise UsageError(f"{path} is encrypted: put its passphrase into the environment variable {PASSPHRASE}.")
        given = typer.prompt(f"Passphrase of {path}", hide_input=True, err=True)
    return str(given).encode()
