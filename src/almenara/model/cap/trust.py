"""Whom to believe: trusted certificates, and whether the one that signed is among them or issued under one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from almenara.model.cap.faults import refused
from almenara.model.errors import UsageError

#: Certificates in a trust file, or in one signature.
CERTIFICATES_MAX = 200
_CHAIN_MAX = 5


@dataclass(frozen=True, slots=True)
class Trust:
    """Trusted certificates: of publishers themselves, or of authorities that issue to them."""

    certificates: tuple[x509.Certificate, ...]

    @classmethod
    def from_pem(cls, pem: bytes) -> "Trust":
        """The certificates of a PEM file or bundle. Raises UsageError when it holds none that can be read."""
        try:
            certificates = x509.load_pem_x509_certificates(pem)
        except ValueError as error:
            raise UsageError(f"No certificates in PEM form (-----BEGIN CERTIFICATE-----): {error}") from error
        if len(certificates) > CERTIFICATES_MAX:
            raise UsageError(f"More than {CERTIFICATES_MAX} certificates in one file.")
        return cls(tuple(certificates))

    def check(self, signer: x509.Certificate, others: Sequence[x509.Certificate], at: datetime) -> None:
        """Raises RefusedDocument unless the signer is trusted at that time.

        It is when it is itself in this trust, or when certificates lead from it to one that is, by way of `others`
        (those that the message brought along, which are trusted in nothing but that). Revocation is not looked up.
        """
        if signer in self.certificates:
            check_dates(signer, at)
            return
        error = self._chain_error(signer, others, at)
        if error is None:
            return
        if any(self._chain_error(signer, others, then) is None for then in self._other_times(signer, others)):
            check_dates(signer, at)  # only the time is wrong: its own, or an issuer's
            raise refused("certificate-expired", f"An issuer of {subject(signer)} was not valid on {at:%Y-%m-%d}.")
        raise refused(
            "certificate-untrusted",
            f"The certificate of {subject(signer)} is not trusted, nor issued under one that is ({error}). "
            f"SHA-256 {sha256_of(signer)}.",
        )

    def _other_times(self, signer: x509.Certificate, others: Sequence[x509.Certificate]) -> set[datetime]:
        """The moments at which a chain may have become valid."""
        first, last = signer.not_valid_before_utc, signer.not_valid_after_utc
        issued = {one.not_valid_before_utc for one in (*self.certificates, *others)}
        return {first} | {time for time in issued if first <= time <= last}

    def _chain_error(self, signer: x509.Certificate, others: Sequence[x509.Certificate], at: datetime) -> str | None:
        if not self.certificates:
            return "nothing is trusted"
        builder = (
            PolicyBuilder()
            .store(Store(list(self.certificates)))
            .time(at.replace(tzinfo=None))
            .max_chain_depth(_CHAIN_MAX)
        )
        builder = builder.extension_policies(ee_policy=_signer_policy(), ca_policy=_authority_policy())
        try:
            builder.build_client_verifier().verify(signer, list(others))
        except VerificationError as error:
            return str(error).splitlines()[0][:200]
        return None


def check_dates(certificate: x509.Certificate, at: datetime) -> None:
    """Raises RefusedDocument when the certificate is not valid at that time."""
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if at > last:
        raise refused("certificate-expired", f"The certificate of {subject(certificate)} expired on {last:%Y-%m-%d}.")
    if at < first:
        message = f"The certificate of {subject(certificate)} is valid from {first:%Y-%m-%d} on only."
        raise refused("certificate-not-yet-valid", message)


def subject(certificate: x509.Certificate) -> str:
    """Whose certificate it is."""
    try:
        return certificate.subject.rfc4514_string()[:200] or "(no name)"
    except ValueError:
        return "(a name that cannot be read)"


def sha256_of(certificate: x509.Certificate) -> str:
    """SHA-256 of the certificate, in hexadecimal."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def _signer_policy() -> ExtensionPolicy:
    """Of whom signs: where it says what its key is for, signing must be among it."""
    policy = ExtensionPolicy.permit_all()
    return policy.may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _signs)


def _authority_policy() -> ExtensionPolicy:
    """Of whom issues: it says that it is an authority and, where it says anything, that its key may issue."""
    policy = ExtensionPolicy.permit_all()
    policy = policy.require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _is_authority)
    return policy.may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _issues)


def _signs(_policy: Policy, _certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not (usage.digital_signature or usage.content_commitment):
        raise ValueError("its key is not for signing")


def _is_authority(_policy: Policy, _certificate: x509.Certificate, constraints: x509.BasicConstraints) -> None:
    if not constraints.ca:
        raise ValueError("an issuer is no authority")


def _issues(_policy: Policy, _certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("an issuer's key is not for issuing")
