"""Signatures: enveloped XML-DSig over the whole message, made and verified; what was verified is what is read.

A message may carry several signatures, each over the message with those made before it (Canada's aggregator signs what
the agency signed). All must hold. Reasons of refusal:

=============================  ==================================================================================
`signature-missing`            there is none
`signature-misplaced`          one stands elsewhere than as a child of the alert: what it covers is not the message
`signature-malformed`          it is not XML-DSig
`signature-algorithm`          an algorithm that is not RSA or ECDSA, or not known (also HMAC, DSA)
`weak-algorithm`               SHA-1; taken only where `allow_sha1` says so
`signature-reference`          it does not cover exactly the whole message, by the enveloped transform
`signature-broken`             the signature does not fit the certificate: made with another key, or changed
`digest-mismatch`              the message was changed after it was signed
`certificate-missing`          it brings no certificate (a bare key proves nothing about whose it is)
`certificate-unreadable`       its certificate is damaged
`certificate-expired`          … at the time for which it is judged; also an issuer's
`certificate-not-yet-valid`    … at that time
`certificate-untrusted`        neither trusted itself nor issued under a trusted one
=============================  ==================================================================================
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.exceptions import InvalidDigest, InvalidInput, InvalidSignature
from signxml.signer import XMLSigner
from signxml.verifier import SignatureConfiguration, XMLVerifier

from almenara.model.cap.document import MESSAGE_BYTES_MAX, SIGNATURE_NAMESPACE, line_of, open_document, parse, parser
from almenara.model.cap.faults import Fault, RefusedDocument, refused
from almenara.model.cap.reading import Reading, read
from almenara.model.cap.trust import Trust
from almenara.model.errors import UsageError

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

SIGNATURES_MAX = 4
RSA_BITS_MIN = 2048
_CERTIFICATES_MAX = 10
_D = f"{{{SIGNATURE_NAMESPACE}}}"
_ENVELOPED = f"{SIGNATURE_NAMESPACE}enveloped-signature"
_CANONICAL = frozenset(method.value for method in CanonicalizationMethod)
_METHODS = frozenset(m for m in SignatureMethod if m.name.startswith(("RSA_SHA", "ECDSA_SHA", "SHA")))
_SHA1_METHODS = frozenset(m for m in _METHODS if "SHA1" in m.name)
_SHA1_DIGESTS = frozenset(d for d in DigestAlgorithm if "SHA1" in d.name)


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed."""

    certificate: x509.Certificate
    others: tuple[x509.Certificate, ...]  # that the signature brought along
    algorithm: str


@dataclass(frozen=True, slots=True)
class Verified:
    """A message whose signatures hold."""

    reading: Reading  # of the very bytes that were verified
    data: bytes  # those bytes, canonical, without the signatures
    signers: tuple[Signer, ...]  # in the order of the document
    blanks_removed: bool  # the signature holds for the message without the blanks between its elements
    trusted: tuple[Signer, ...] = ()  # those that the given trust covers


def sign(data: bytes, key: PrivateKey, certificates: Sequence[x509.Certificate]) -> bytes:
    """The message signed with the key of the first certificate, which it brings along with the others.

    RSA or ECDSA with SHA-256, exclusive canonicalisation: it also holds for a copy inside a feed. The blanks between
    elements are taken out first, so that it holds too for those who ignore them. Comments are left out.

    Raises RefusedDocument when the message cannot be read or is signed already, UsageError when key and certificate
    do not belong together or are too weak.
    """
    _check_key(key, certificates)
    read(data)
    root = _without_blanks(parse(data))
    if root.find(f"{_D}Signature") is not None:
        raise refused("already-signed", "The message is signed already; a changed message needs a new identifier.")
    ecdsa = isinstance(key, ec.EllipticCurvePrivateKey)
    signer = XMLSigner(
        signature_algorithm=SignatureMethod.ECDSA_SHA256 if ecdsa else SignatureMethod.RSA_SHA256,
        digest_algorithm=DigestAlgorithm.SHA256,
        c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    )
    signed = signer.sign(root, key=key, cert=list(certificates))
    signed.tail = None
    return etree.tostring(signed, xml_declaration=True, encoding="UTF-8") + b"\n"


def verify(data: bytes, *, allow_sha1: bool = False) -> Verified:
    """The message, when every signature on it holds. Whether to believe the signers is for `check_trust` to say.

    Raises RefusedDocument with one of the reasons above, or because the message itself cannot be read.
    """
    open_document(data)
    root = parse(data, keep_all=True)
    signatures = _find_signatures(root)
    signers = [_signer(signature, allow_sha1) for signature in signatures]
    try:
        verified, blanks_removed = _verified_bytes(root, signers), False
    except RefusedDocument as as_it_stands:
        # WMO's tools sign a message without the blanks between its elements and publish it with them.
        try:
            verified, blanks_removed = _verified_bytes(_without_blanks(root), signers), True
        except RefusedDocument as without_blanks:
            raise max(as_it_stands, without_blanks, key=_how_far) from without_blanks
    return Verified(read(verified), verified, tuple(signers), blanks_removed)


def check_trust(verified: Verified, trust: Trust, at: datetime) -> Verified:
    """The same, saying who of the signers is trusted at that time. Raises RefusedDocument when none is."""
    trusted: list[Signer] = []
    faults: list[Fault] = []
    for signer in verified.signers:
        try:
            trust.check(signer.certificate, signer.others, at)
        except RefusedDocument as error:
            faults += error.faults
        else:
            trusted.append(signer)
    if not trusted:
        raise RefusedDocument(faults)
    return Verified(verified.reading, verified.data, verified.signers, verified.blanks_removed, tuple(trusted))


def is_signed(data: bytes) -> bool:
    """Whether a message carries a signature, sound or not. Raises RefusedDocument when it is no message."""
    return open_document(data).root.find(f"{_D}Signature") is not None


class _OneOfSeveral(XMLVerifier):
    """Verifies the nth of the signatures that are children of the root; signxml would take the first."""

    number = 0

    def _get_signature(self, root: Any) -> Any:
        return root.findall(f"{_D}Signature")[self.number]


def _verified_bytes(root: etree._Element, signers: Sequence[Signer]) -> bytes:
    """What the signatures cover: the outermost is verified over all else and taken off, and so on to the innermost."""
    data, left = etree.tostring(root), list(signers)
    while left:
        refusals = []
        for number in reversed(range(len(left))):
            try:
                data = _verified_once(data, number, left[number])
            except RefusedDocument as error:
                refusals.append(error)
            else:
                del left[number]
                break
        else:
            raise max(refusals, key=_how_far)
    return data


def _verified_once(data: bytes, number: int, signer: Signer) -> bytes:
    """The message without its nth signature, which holds for it."""
    config = SignatureConfiguration(
        location="./",
        expect_references=1,
        signature_methods=_METHODS,
        digest_algorithms=frozenset(DigestAlgorithm),
        verification_time=signer.certificate.not_valid_before_utc,  # dates are for `check_trust` to judge
    )
    verifier = _OneOfSeveral()
    verifier.number = number
    try:
        result: Any = verifier.verify(
            data,
            x509_cert=signer.certificate,
            expect_config=config,
            parser=parser(keep_all=True),
            validate_schema=False,  # real signatures break it in ways that do not matter (Id="Environment Canada")
        )
    except InvalidDigest as error:
        raise refused("digest-mismatch", "The message was changed after it was signed.") from error
    except InvalidSignature as error:
        raise refused("signature-broken", "The signature does not fit the key of its certificate.") from error
    except (InvalidInput, UnsupportedAlgorithm, etree.LxmlError, ValueError) as error:
        raise refused("signature-malformed", f"The signature cannot be read: {str(error)[:200]}") from error
    verified: bytes = result.signed_data
    if len(verified) > MESSAGE_BYTES_MAX:
        raise refused("too-large", "The canonical message is too large.")
    return verified


def _how_far(error: RefusedDocument) -> int:
    """A digest is only compared when the signature holds, so that it says more."""
    order = ["too-large", "signature-malformed", "signature-broken", "digest-mismatch"]
    return order.index(error.faults[0].reason)


def _find_signatures(root: etree._Element) -> list[etree._Element]:
    signatures = root.findall(f"{_D}Signature")
    everywhere = list(root.iter(f"{_D}Signature"))
    if len(everywhere) > len(signatures):
        line = next(line_of(one) for one in everywhere if one not in signatures)
        raise refused("signature-misplaced", "A signature stands elsewhere than directly in the alert.", line)
    if not signatures:
        raise refused("signature-missing", "The message is not signed.")
    if len(signatures) > SIGNATURES_MAX:
        raise refused("signature-malformed", f"More than {SIGNATURES_MAX} signatures on one message are refused.")
    return signatures


def _signer(signature: etree._Element, allow_sha1: bool) -> Signer:
    """The certificate of a signature whose form is the one that is taken; nothing is verified yet."""
    info = f"{_D}SignedInfo"
    children = signature.iterchildren(etree.Element)  # an Object is not read, so it does not matter what it holds
    parts = [child.tag for child in children if etree.QName(child).localname != "Object"]
    if parts != [info, f"{_D}SignatureValue", f"{_D}KeyInfo"] and parts != [info, f"{_D}SignatureValue"]:
        message = "It must consist of one SignedInfo, one SignatureValue and one KeyInfo."
        raise refused("signature-malformed", message, line_of(signature))
    method = _attribute(signature, f"{info}/{_D}SignatureMethod")
    digest = _attribute(signature, f"{info}/{_D}Reference/{_D}DigestMethod")
    line = line_of(signature)
    if method not in {one.value for one in _METHODS} or digest not in {one.value for one in DigestAlgorithm}:
        raise refused("signature-algorithm", f"RSA and ECDSA are taken, not {method} with {digest}.", line)
    weak = method in {one.value for one in _SHA1_METHODS} or digest in {one.value for one in _SHA1_DIGESTS}
    if weak and not allow_sha1:
        raise refused("weak-algorithm", "It is signed with SHA-1, which can be forged.", line)
    _check_reference(signature)
    _strict_base64(signature.find(f"{info}/{_D}Reference/{_D}DigestValue"), "digest-mismatch", "The digest")
    _strict_base64(signature.find(f"{_D}SignatureValue"), "signature-broken", "The signature's value")
    certificates = _certificates(signature)
    key = certificates[0].public_key()
    if not isinstance(key, rsa.RSAPublicKey if "rsa" in method.lower() else ec.EllipticCurvePublicKey):
        raise refused("signature-broken", "The certificate has another kind of key than the signature names.", line)
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < RSA_BITS_MIN and not allow_sha1:
        raise refused("weak-algorithm", f"Its RSA key has {key.key_size} bits; {RSA_BITS_MIN} are the least.", line)
    return Signer(certificates[0], certificates[1:], method.rpartition("#")[2])


def _check_reference(signature: etree._Element) -> None:
    """One reference, to the whole document, by the enveloped transform and at most one canonicalisation."""
    references = signature.findall(f"{_D}SignedInfo/{_D}Reference")
    transforms = [one.get("Algorithm") for one in signature.iterfind(f"{_D}SignedInfo/{_D}Reference/{_D}Transforms/*")]
    whole = len(references) == 1 and references[0].get("URI") == ""
    plain = transforms[:1] == [_ENVELOPED] and len(transforms) <= 2 and set(transforms[1:]) <= _CANONICAL
    if not (whole and plain):
        message = 'It must cover exactly the whole message: one reference, URI "", the enveloped transform.'
        raise refused("signature-reference", message, line_of(signature))


def _certificates(signature: etree._Element) -> tuple[x509.Certificate, ...]:
    """The signer's first; certificates may stand in any order, and the signer's is the one that issued no other."""
    elements = signature.findall(f"{_D}KeyInfo/{_D}X509Data/{_D}X509Certificate")
    if not elements:
        message = "It brings no certificate: a bare key does not say whose it is."
        raise refused("certificate-missing", message, line_of(signature))
    if len(elements) > _CERTIFICATES_MAX:
        raise refused("signature-malformed", "It brings too many certificates.", line_of(signature))
    certificates = []
    for element in elements:
        der = _strict_base64(element, "certificate-unreadable", "A certificate")
        try:
            certificates.append(_whole(x509.load_der_x509_certificate(der)))
        except (ValueError, UnsupportedAlgorithm) as error:
            message = f"A certificate is damaged: {str(error)[:100]}"
            raise refused("certificate-unreadable", message, line_of(element)) from error
    issuers = {one.issuer for one in certificates if one.issuer != one.subject}
    leaves = [one for one in certificates if one.subject not in issuers] or certificates
    return leaves[0], *(one for one in certificates if one is not leaves[0])


def _whole(certificate: x509.Certificate) -> x509.Certificate:
    """The same; raises ValueError or UnsupportedAlgorithm. cryptography reads the parts only when they are wanted."""
    certificate.public_key()
    parts = (certificate.subject, certificate.issuer, certificate.extensions)
    dates = (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    if not all(part is not None for part in (*parts, *dates)):
        raise ValueError("a part is missing")
    return certificate


def _strict_base64(element: etree._Element | None, reason: str, what: str) -> bytes:
    """Decoded, when it is the one spelling of its bytes: a second one would be a change that nobody notices."""
    text = "".join((element.text or "").split()) if element is not None else ""
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if not decoded or base64.b64encode(decoded).decode() != text:
        line = line_of(element) if element is not None else None
        raise RefusedDocument([Fault(reason, line, f"{what} is damaged: it is not canonical base64.")])
    return decoded


def _attribute(signature: etree._Element, path: str) -> str:
    element = signature.find(path)
    algorithm = element.get("Algorithm") if element is not None else None
    if not algorithm:
        name = path.rpartition("}")[2]
        raise refused("signature-malformed", f"The signature lacks its {name}.", line_of(signature))
    return algorithm


def _without_blanks(root: etree._Element) -> etree._Element:
    """The same without the blanks between elements, as libxml2 recognises them."""
    return etree.fromstring(etree.tostring(root), parser(keep_all=True, remove_blank_text=True))


def _check_key(key: PrivateKey, certificates: Sequence[x509.Certificate]) -> None:
    if not certificates:
        raise UsageError("A signature needs the certificate of its key.")
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise UsageError("The key must be RSA or ECDSA (an elliptic curve).")
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < RSA_BITS_MIN:
        raise UsageError(f"The RSA key has {key.key_size} bits; {RSA_BITS_MIN} are the least.")
    if key.public_key() != certificates[0].public_key():
        raise UsageError("The key and the first certificate do not belong together.")
