"""The house's signature under what it sends: the configured key and certificate, read and tried at start."""

import os
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificates

from almenara.config import SigningConfig
from almenara.model.cap.signature import sign
from almenara.model.cap.writing import to_xml
from almenara.model.errors import AlmenaraError, UsageError
from almenara.service.trial import compose_test
from almenara.stages.public_warnings import Policy, Signer, shipped

#: Where the passphrase of an encrypted key is; a service has nobody to ask.
PASSPHRASE = "ALMENARA_KEY_PASSPHRASE"  # noqa: S105 - the name of an environment variable


def load_signer(config: SigningConfig | None, base: Path) -> Signer | None:
    """What signs by a configuration; None where none is configured.

    Raises UsageError for a key or certificate that cannot be read, has run out, or does not fit the other: it is tried
    on a test message, so that nothing is found out when a warning has to leave.
    """
    if config is None:
        return None
    key_path, certificate_path = base / config.key, base / config.certificate
    try:
        passphrase = os.environ.get(PASSPHRASE)
        key = load_pem_private_key(key_path.read_bytes(), passphrase.encode() if passphrase else None)
        certificates = load_pem_x509_certificates(certificate_path.read_bytes())
    except OSError as error:
        raise UsageError(f"[signing] {error.filename}: {error.strerror}.") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UsageError(
            f"[signing] {key_path.name} or {certificate_path.name} cannot be read; the passphrase of an encrypted key "
            f"is expected in {PASSPHRASE}."
        ) from error
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise UsageError(f"[signing] {key_path.name}: the key must be RSA or ECDSA (an elliptic curve).")
    now = datetime.now(UTC)
    if not certificates[0].not_valid_before_utc <= now <= certificates[0].not_valid_after_utc:
        raise UsageError(f"[signing] {certificate_path.name} is not valid today.")

    def signer(xml: bytes) -> bytes:
        return sign(xml, key, certificates)

    try:
        signer(to_xml(compose_test(Policy(status="Test"), 0, shipped())))
    except AlmenaraError as error:
        raise UsageError(f"[signing] {error}") from error
    return signer
