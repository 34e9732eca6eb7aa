"""Signatures: ours hold for us and for others; whatever is changed, moved, weak or untrusted is refused by name."""

import base64
import re
from collections.abc import Callable
from datetime import datetime

import capvalidator
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.signer import XMLSigner
from tests.model.cap.authority import DAY, NOW, Holder, key_usage, make, rsa_key
from tests.model.cap.messages import FULL, alerts

from almenara.model.cap import RefusedDocument, to_xml, validate
from almenara.model.cap.document import SIGNATURE_NAMESPACE
from almenara.model.cap.envelopes import open_envelope
from almenara.model.cap.signature import check_trust, is_signed, sign, verify
from almenara.model.cap.trust import Trust
from almenara.model.errors import UsageError

D = f"{{{SIGNATURE_NAMESPACE}}}"
ROOT = make("Root", authority=True, first=NOW - 30 * DAY)
MIDDLE = make("Middle", ROOT, authority=True)
AGENCY = make("Agency", MIDDLE)
SIGNED = sign(to_xml(FULL), AGENCY.key, [AGENCY.certificate, MIDDLE.certificate])


def refusal(data: bytes, *, allow_sha1: bool = False) -> str:
    with pytest.raises(RefusedDocument) as refused:
        verify(data, allow_sha1=allow_sha1)
    return refused.value.faults[0].reason


def judged(data: bytes, *trusted: Holder, at: datetime = NOW) -> str:
    """Why the signer is not trusted, or nothing."""
    try:
        check_trust(verify(data), Trust(tuple(one.certificate for one in trusted)), at)
    except RefusedDocument as error:
        return error.faults[0].reason
    return ""


def by(holder: Holder, *others: Holder) -> bytes:
    return sign(to_xml(FULL), holder.key, [holder.certificate, *(one.certificate for one in others)])


def other_way(method: SignatureMethod, digest: DigestAlgorithm, signer: type[XMLSigner] = XMLSigner) -> bytes:
    """The message as somebody else would sign it."""
    holder = make("Old", key=rsa_key()) if "RSA" in method.name else make("Other")
    root = etree.fromstring(to_xml(FULL))
    made = signer(signature_algorithm=method, digest_algorithm=digest).sign(
        root, key=holder.key, cert=[holder.certificate]
    )
    return etree.tostring(made)


class _Sha1Signer(XMLSigner):
    def check_deprecated_methods(self) -> None:
        """Old publishers did."""


@pytest.mark.parametrize(
    "key",
    [None, ec.generate_private_key(ec.SECP384R1()), rsa_key(), rsa_key(3072)],
    ids=["P-256", "P-384", "RSA", "RSA3"],
)
def test_what_we_sign_holds_for_us_and_for_others(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None) -> None:
    holder = make("Agency", ROOT, key=key)
    data = by(holder)
    verified = verify(data)
    assert verified.reading.alert == FULL
    assert not verified.blanks_removed
    assert [signer.certificate for signer in verified.signers] == [holder.certificate]
    assert validate(data, ["plain"]) == validate(to_xml(FULL), ["plain"])
    result = capvalidator.validate_cap_message(data, strict=True)
    assert result.passed, result.message
    assert judged(data, ROOT) == ""


@settings(max_examples=25, deadline=None)
@given(alerts)
def test_any_message_can_be_signed_and_comes_back_the_same(alert: object) -> None:
    data = sign(to_xml(alert), AGENCY.key, [AGENCY.certificate])  # type: ignore[arg-type]
    assert verify(data).reading.alert == alert


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(SIGNED) - 1), st.integers(1, 255))
def test_no_changed_byte_goes_unnoticed(at: int, flip: int) -> None:
    """Either it is refused, or it changed nothing that is read (a blank in base64, say)."""
    data = SIGNED[:at] + bytes([SIGNED[at] ^ flip]) + SIGNED[at + 1 :]
    try:
        verified = verify(data)
    except RefusedDocument:
        return
    assert verified.reading.alert == FULL


def test_it_holds_inside_a_feed() -> None:
    feed = b'<feed xmlns="http://www.w3.org/2005/Atom" xmlns:x="urn:x"><entry><content>%s</content></entry></feed>'
    (embedded,) = open_envelope(feed % SIGNED.partition(b"?>\n")[2]).alerts
    assert verify(embedded.data).reading.alert == FULL


def edit(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def edited(data: bytes) -> bytes:
        assert data.count(old) == 1, data.count(old)
        return data.replace(old, new)

    return edited


def recode(name: str) -> Callable[[bytes], bytes]:
    """Another spelling of the same base64."""

    def recoded(data: bytes) -> bytes:
        text = re.search(rf"<ds:{name}>([^<]*)<".encode(), data)
        assert text is not None
        spelled = text[1].rstrip(b"=\n")
        alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        last = alphabet[(alphabet.index(spelled[-1]) + 1) % 64]
        twin = spelled[:-1] + bytes([last]) + text[1][len(spelled) :]
        return data.replace(text[1], twin)

    return recoded


def wrap(data: bytes) -> bytes:
    """The signed alert inside the signature's Object of another alert, as wrapping attacks do."""
    root, fake = etree.fromstring(data), etree.fromstring(to_xml(FULL).replace(b"<note>n", b"<note>forged"))
    signature = root.find(f"{D}Signature")
    assert signature is not None
    root.remove(signature)
    etree.SubElement(signature, f"{D}Object").append(root)
    fake.append(signature)
    return etree.tostring(fake)


def nest(data: bytes) -> bytes:
    """A second, whole signature hidden in the first."""
    root = etree.fromstring(data)
    signature = root.find(f"{D}Signature")
    assert signature is not None
    etree.SubElement(signature, f"{D}Object").append(etree.fromstring(etree.tostring(signature)))
    return etree.tostring(root)


def double_signed_info(data: bytes) -> bytes:
    root = etree.fromstring(data)
    info = root.find(f"{D}Signature/{D}SignedInfo")
    assert info is not None
    info.addnext(etree.fromstring(etree.tostring(info)))
    return etree.tostring(root)


def swap_certificate(data: bytes) -> bytes:
    """Another's certificate for the same message."""
    der = base64.b64encode(make("Mallory").certificate.public_bytes(Encoding.DER))
    return re.sub(rb"(<ds:X509Data>\s*<ds:X509Certificate>)[^<]*", rb"\g<1>" + der, data, count=1)


def without_certificate(data: bytes) -> bytes:
    name = b"<ds:KeyName>x</ds:KeyName>"
    return re.sub(rb"<ds:X509Data>.*</ds:X509Data>", name, data, flags=re.DOTALL)


def damage_certificate(data: bytes) -> bytes:
    return re.sub(rb"(<ds:X509Certificate>\s*)....", rb"\1AAAA", data, count=1)


RSA_SHA256 = b"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
ECDSA_SHA256 = b"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
ATTACKS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "text changed": (edit(b"<note>n<", b"<note>m<"), "digest-mismatch"),
    "element added": (edit(b"<source>s", b"<code>x</code><source>s"), "digest-mismatch"),
    "blank added in a text": (edit(b"<note>n<", b"<note>n <"), "digest-mismatch"),
    "digest of another": (edit(b"<ds:DigestValue>", b"<ds:DigestValue>AAAA"), "signature-broken"),
    "digest spelled otherwise": (recode("DigestValue"), "digest-mismatch"),
    "signature spelled otherwise": (recode("SignatureValue"), "signature-broken"),
    "wrapped": (wrap, "digest-mismatch"),
    "nested": (nest, "signature-misplaced"),
    "SignedInfo twice": (double_signed_info, "signature-malformed"),
    "another certificate": (swap_certificate, "signature-broken"),
    "RSA said, ECDSA used": (edit(ECDSA_SHA256, RSA_SHA256), "signature-broken"),
    "HMAC": (edit(ECDSA_SHA256, b"http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"), "signature-algorithm"),
    "no algorithm at all": (edit(ECDSA_SHA256, b"none"), "signature-algorithm"),
    "a part only": (edit(b'URI=""', b'URI="#part"'), "signature-reference"),
    "an address": (edit(b'URI=""', b'URI="file:///etc/hostname"'), "signature-reference"),
    "XPath transform": (
        edit(b"xmldsig#enveloped-signature", b"../TR/1999/REC-xpath-19991116"),
        "signature-reference",
    ),
    "no certificate": (without_certificate, "certificate-missing"),
    "certificate damaged": (damage_certificate, "certificate-unreadable"),
    "no signature": (lambda _: to_xml(FULL), "signature-missing"),
    "DOCTYPE": (edit(b"?>\n<", b'?>\n<!DOCTYPE alert [<!ENTITY n "m">]>\n<'), "doctype"),
}  # fmt: skip


@pytest.mark.parametrize(("attack", "reason"), ATTACKS.values(), ids=ATTACKS.keys())
def test_is_refused_by_name(attack: Callable[[bytes], bytes], reason: str) -> None:
    data = attack(SIGNED)
    assert data != SIGNED
    assert refusal(data) == reason


def test_a_signature_inside_an_info_is_misplaced() -> None:
    root = etree.fromstring(SIGNED)
    signature, info = root.find(f"{D}Signature"), root.find("{*}info")
    assert signature is not None
    assert info is not None
    info.append(signature)
    assert refusal(etree.tostring(root)) == "signature-misplaced"


def test_comments_cannot_split_what_was_signed() -> None:
    """Canonical XML leaves comments out, so they may be put in: what is read must be the whole text all the same."""
    data = edit(b"<note>n<", b"<note><!-- x -->n<!-- y --><")(SIGNED)
    assert verify(data).reading.alert == FULL
    twice = edit(b"<event>Incendio forestal<", b"<event>Incendio<!-- --> forestal<")(SIGNED)
    assert verify(twice).reading.alert.info[0].event == "Incendio forestal"


def test_what_is_returned_is_what_was_hashed() -> None:
    verified = verify(SIGNED)
    assert b"Signature" not in verified.data
    assert etree.tostring(etree.fromstring(verified.data), method="c14n", exclusive=True) == verified.data


def test_a_message_republished_with_blanks_between_its_elements_is_recognised_as_such() -> None:
    root = etree.fromstring(SIGNED)
    signature = root.find(f"{D}Signature")
    assert signature is not None
    root.remove(signature)
    etree.indent(root)
    root.append(signature)
    verified = verify(etree.tostring(root))
    assert verified.blanks_removed
    assert verified.reading.alert == FULL


def test_two_signatures_one_over_the_other() -> None:
    """As Canada's aggregator does it; whichever stands first in the document."""
    relay = make("Relay", ROOT)
    for first in (False, True):
        root = etree.fromstring(SIGNED)
        outer = XMLSigner(signature_algorithm=SignatureMethod.ECDSA_SHA256).sign(
            root, key=relay.key, cert=[relay.certificate]
        )
        both = outer.findall(f"{D}Signature")
        if first:
            both[0].addprevious(both[-1])
        data = etree.tostring(outer)
        assert verify(data).reading.alert == FULL
        assert judged(data, ROOT) == judged(data, relay) == judged(data, AGENCY) == ""
        trusted = check_trust(verify(data), Trust((relay.certificate,)), NOW).trusted
        assert [signer.certificate for signer in trusted] == [relay.certificate]
        assert refusal(data.replace(b"<note>n<", b"<note>m<")) == "digest-mismatch"
    assert (
        refusal(re.sub(rb"(<ds:Signature .*</ds:Signature>)", rb"\1" * 5, SIGNED, flags=re.DOTALL))
        == "signature-malformed"
    )


@pytest.mark.parametrize("method", [SignatureMethod.RSA_SHA1, SignatureMethod.ECDSA_SHA1])
def test_sha1_is_weak_and_taken_only_on_request(method: SignatureMethod) -> None:
    data = other_way(method, DigestAlgorithm.SHA1, _Sha1Signer)
    assert refusal(data) == "weak-algorithm"
    assert verify(data, allow_sha1=True).reading.alert == FULL
    assert refusal(data.replace(b"<note>n<", b"<note>m<"), allow_sha1=True) == "digest-mismatch"


def test_a_short_key_is_weak() -> None:
    holder = make("Short", key=rsa_key(1024))
    root = XMLSigner().sign(etree.fromstring(to_xml(FULL)), key=holder.key, cert=[holder.certificate])
    assert refusal(etree.tostring(root)) == "weak-algorithm"
    with pytest.raises(UsageError, match="1024"):
        by(holder)


@pytest.mark.parametrize(
    "method", [SignatureMethod.ECDSA_SHA512, SignatureMethod.RSA_SHA384, SignatureMethod.SHA256_RSA_MGF1]
)
def test_other_sound_algorithms_are_taken(method: SignatureMethod) -> None:
    assert verify(other_way(method, DigestAlgorithm.SHA512)).reading.alert == FULL


class TestTrust:
    """Who is believed, and why not."""

    def test_the_certificate_itself_or_who_issued_it(self) -> None:
        assert judged(SIGNED, AGENCY) == judged(SIGNED, MIDDLE) == judged(SIGNED, ROOT) == ""
        assert judged(SIGNED, make("Root", authority=True)) == "certificate-untrusted"
        assert judged(SIGNED, make("Other"), ROOT) == ""
        assert judged(SIGNED) == "certificate-untrusted"

    def test_a_chain_with_a_missing_link_is_not_trusted(self) -> None:
        assert judged(by(AGENCY), ROOT) == "certificate-untrusted"
        assert judged(by(AGENCY), MIDDLE) == ""

    def test_who_is_no_authority_issues_nothing(self) -> None:
        false = make("False", ROOT)
        assert judged(by(make("Victim", false), false), ROOT) == "certificate-untrusted"
        assert judged(by(make("Victim", false)), false) == "certificate-untrusted"
        for holder in (make("No", ROOT, authority=True, usage=key_usage(signs=True, issues=False)),):
            assert judged(by(make("Victim", holder), holder), ROOT) == "certificate-untrusted"

    def test_a_key_that_is_not_for_signing_is_not_trusted(self) -> None:
        holder = make("Cipher", ROOT, usage=key_usage(signs=False, issues=False))
        assert judged(by(holder), ROOT) == "certificate-untrusted"
        assert judged(by(make("Fine", ROOT, usage=key_usage(signs=True, issues=False))), ROOT) == ""

    def test_dates_are_named(self) -> None:
        late = make("Agency", ROOT, first=NOW - 3 * DAY, last=NOW - 2 * DAY)
        early = make("Agency", ROOT, first=NOW + 2 * DAY, last=NOW + 3 * DAY)
        for trusted in (ROOT, late):
            assert judged(by(late), trusted, at=NOW - 1.5 * DAY) == "certificate-expired"
        assert judged(by(late), late, at=NOW - 2.5 * DAY) == ""
        assert judged(by(early), early) == judged(by(early), early, at=NOW) == "certificate-not-yet-valid"
        stranger = make("Root", authority=True)
        assert judged(by(late), stranger) == "certificate-untrusted"

    def test_an_expired_authority_is_named(self) -> None:
        old = make("Old root", authority=True, first=NOW - 9 * DAY, last=NOW - DAY)
        data = by(make("Agency", old, first=NOW - 5 * DAY))
        assert judged(data, old) == "certificate-expired"
        assert judged(data, old, at=NOW - 3 * DAY) == ""

    def test_a_bundle_is_read(self) -> None:
        assert len(Trust.from_pem(ROOT.pem + b"a remark\n" + AGENCY.pem).certificates) == 2
        for wrong in (b"", b"no PEM", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
            with pytest.raises(UsageError):
                Trust.from_pem(wrong)


def test_a_message_is_signed_once_with_its_own_key() -> None:
    assert is_signed(SIGNED)
    assert not is_signed(to_xml(FULL))
    with pytest.raises(RefusedDocument, match="already-signed"):
        sign(SIGNED, AGENCY.key, [AGENCY.certificate])
    with pytest.raises(UsageError, match="belong together"):
        sign(to_xml(FULL), AGENCY.key, [ROOT.certificate])
    with pytest.raises(UsageError, match="certificate"):
        sign(to_xml(FULL), AGENCY.key, [])
    with pytest.raises(RefusedDocument, match="not-xml"):
        sign(b"nothing", AGENCY.key, [AGENCY.certificate])
