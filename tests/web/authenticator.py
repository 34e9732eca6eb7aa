"""An authenticator in software (WebAuthn Level 3, sections 6.1 and 7): a second opinion on what the server accepts."""

import hashlib
import json
import os
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

USER_PRESENT, USER_VERIFIED, ATTESTED = 0x01, 0x04, 0x40


class Authenticator:
    """One passkey on a P-256 key, as a phone or a security key would keep it."""

    def __init__(self, origin: str, site: str) -> None:
        self.origin, self.site = origin, site
        self.flags = USER_PRESENT | USER_VERIFIED
        self.count = 0
        self.id = os.urandom(32)
        self.handle = b""
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def name(self) -> str:
        """The credential's id as it is written."""
        return _to64(self.id)

    def make(self, options: dict[str, Any]) -> dict[str, Any]:
        """What navigator.credentials.create() gives back."""
        assert options["rp"]["id"] == self.site
        assert options["authenticatorSelection"]["residentKey"] == "required"
        assert options["authenticatorSelection"]["userVerification"] == "required"
        self.handle = _from64(options["user"]["id"])
        numbers = self._key.public_key().public_numbers()
        public = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")})
        attested = bytes(16) + struct.pack(">H", len(self.id)) + self.id + public
        data = self._data(self.flags | ATTESTED) + attested
        return self._answer(
            {
                "clientDataJSON": _to64(self._client_data("webauthn.create", options["challenge"])),
                "attestationObject": _to64(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})),
            }
        )

    def get(self, options: dict[str, Any]) -> dict[str, Any]:
        """What navigator.credentials.get() gives back."""
        assert options["rpId"] == self.site
        assert options["userVerification"] == "required"
        self.count += 1
        client, data = self._client_data("webauthn.get", options["challenge"]), self._data(self.flags)
        signature = self._key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._answer(
            {
                "clientDataJSON": _to64(client),
                "authenticatorData": _to64(data),
                "signature": _to64(signature),
                "userHandle": _to64(self.handle),
            }
        )

    def _data(self, flags: int) -> bytes:
        return hashlib.sha256(self.site.encode()).digest() + struct.pack(">BI", flags, self.count)

    def _client_data(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}).encode()

    def _answer(self, response: dict[str, str]) -> dict[str, Any]:
        return {"id": _to64(self.id), "rawId": _to64(self.id), "type": "public-key", "response": response}


def _to64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _from64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
