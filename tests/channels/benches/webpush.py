"""The far side of `webpush`: a push service, and two browsers that decrypt as RFC 8291 says."""

import base64
import json
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tests.channels.benches import Bench
from tests.channels.http_sink import Sink


class Browser:
    """One subscription: its keys, and how it reads what is pushed to it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._secret = b"0123456789abcdef"
        self._point = self._key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )

    def subscription(self, base: str) -> dict[str, Any]:
        keys = {"p256dh": _b64(self._point), "auth": _b64(self._secret)}
        return {"endpoint": f"{base}{self.path}", "expirationTime": None, "keys": keys}

    def decrypt(self, body: bytes) -> dict[str, Any]:
        """RFC 8188 header (salt, record size, key id); keys by RFC 8291, 3.4; one record."""
        salt, length = body[:16], body[20]
        theirs, record = body[21 : 21 + length], body[21 + length :]
        assert int.from_bytes(body[16:20], "big") >= len(record)
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs)
        shared = self._key.exchange(ec.ECDH(), public)
        info = b"WebPush: info\0" + self._point + theirs
        material = HKDF(SHA256(), 32, self._secret, info).derive(shared)
        key = HKDF(SHA256(), 16, salt, b"Content-Encoding: aes128gcm\0").derive(material)
        nonce = HKDF(SHA256(), 12, salt, b"Content-Encoding: nonce\0").derive(material)
        plain = AESGCM(key).decrypt(nonce, record, None).rstrip(b"\0")
        assert plain[-1:] == b"\x02", "the last record"
        told: dict[str, Any] = json.loads(plain[:-1])
        return told


class FarSide(Bench):
    plugin = "webpush"
    carries_xml = False

    async def start(self) -> None:
        self.sink = Sink()
        await self.sink.start()
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (self.folder / "vapid.pem").write_bytes(pem)
        self.browsers = [Browser("/push/a"), Browser("/push/b")]
        lines = [json.dumps(b.subscription(f"http://127.0.0.1:{self.sink.port}")) for b in self.browsers]
        (self.folder / "subscriptions.jsonl").write_text("\n".join(lines) + "\n", "utf-8")

    async def stop(self) -> None:
        await self.sink.stop()

    def options(self) -> dict[str, Any]:
        return {
            "subscriptions": "subscriptions.jsonl",
            "key": {"file": "vapid.pem"},
            "contact": "mailto:warnings@agency.example",
            "hosts": ["127.0.0.1"],
            "plain_http": True,
        }

    def read(self) -> list[dict[str, Any]]:
        """What the browsers decrypted."""
        at = {browser.path: browser for browser in self.browsers}
        return [at[request.path].decrypt(request.body) for request in self.sink.requests]

    def received(self) -> list[tuple[str, bytes | None]]:
        return [(told["identifier"], None) for told in self.read()]

    async def break_down(self) -> None:
        self.sink.mode = "503"

    async def repair(self) -> None:
        self.sink.mode = "ok"

    async def refuse(self) -> bool:
        self.sink.mode = "404"
        return True

    async def hang(self) -> bool:
        self.sink.mode = "hang"
        return True


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
