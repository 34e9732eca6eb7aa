"""The hash chain and its signatures: what every store shares, and what a third party needs to check a log.

**An entry's hash** is SHA-256 over these bytes, all integers big-endian:

    prev_hash       32 bytes   hash of the entry before; 32 zero bytes for the first
    seq              8 bytes   unsigned: 1, 2, 3, …
    recorded_ms      8 bytes   signed, milliseconds since 1970-01-01 UTC
    length of kind   4 bytes   unsigned
    kind                       UTF-8
    version          4 bytes   unsigned
    length of payload 8 bytes  unsigned
    payload                    MessagePack

Every part has a fixed width or its length before it, so no two different entries give the same bytes.

**A checkpoint's signature** is Ed25519 (RFC 8032) over

    "almenara checkpoint v1\\n"   23 bytes of ASCII
    seq              8 bytes   unsigned, of the last entry it covers
    hash            32 bytes   of that entry
    signed_ms        8 bytes   signed

Because each hash covers the one before, a signed checkpoint fixes every entry up to its `seq`. Entries after the last
checkpoint are chained but not signed yet; checkpoints kept elsewhere (or a head hash written down) witness them.
"""

import hashlib
import struct
from collections.abc import Callable, Iterable, Iterator

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from almenara.model.codec import encode
from almenara.model.errors import LogCorrupted, LogError
from almenara.model.events import Event
from almenara.ports import Checkpoint, Entry, Verdict

ZERO_HASH = bytes(32)
#: Larger events are refused: a store, a copy and a restart must be able to hold one in memory.
PAYLOAD_BYTES_MAX = 256 * 2**20
#: A verification reports progress once in so many entries.
PROGRESS_ENTRIES = 256

_BEFORE_KIND = struct.Struct(">32sQqI")
_AFTER_KIND = struct.Struct(">IQ")
_CHECKPOINT = struct.Struct(">23sQ32sq")
_CHECKPOINT_LABEL = b"almenara checkpoint v1\n"

#: An entry as stored, prev_hash left out: (seq, recorded_ms, kind, version, payload, hash). Tampering may have put
#: anything into any field.
Row = tuple[int, int, str, int, bytes, bytes]


def entry_hash(prev_hash: bytes, seq: int, recorded_ms: int, kind: str, version: int, payload: bytes) -> bytes:
    """The hash of an entry, 32 bytes; the encoding is in the module's text.

    Raises struct.error for a number beyond its width, ValueError for a `prev_hash` that is not 32 bytes.

    >>> entry_hash(ZERO_HASH, 1, 0, "StepTaken", 1, b"").hex()[:16]
    '8d2de66a6ced3b7b'
    """
    if len(prev_hash) != len(ZERO_HASH):  # struct would fill it up with zeros
        raise ValueError("a hash has 32 bytes")
    name = kind.encode()
    digest = hashlib.sha256(_BEFORE_KIND.pack(prev_hash, seq, recorded_ms, len(name)))
    digest.update(name + _AFTER_KIND.pack(version, len(payload)))
    digest.update(payload)
    return digest.digest()


def link(events: Iterable[Event], recorded_ms: int, seq: int, prev_hash: bytes) -> Iterator[Entry]:
    """The events as entries that follow the head (`seq`, `prev_hash`). Raises LogError for an oversized event."""
    for event in events:
        kind, version, payload = encode(event)
        if len(payload) > PAYLOAD_BYTES_MAX:
            raise LogError(
                f"An event {kind} of {len(payload):,} bytes is over the log's {PAYLOAD_BYTES_MAX:,}: "
                "deliver the content in smaller parts."
            )
        seq += 1
        digest = entry_hash(prev_hash, seq, recorded_ms, kind, version, payload)
        yield Entry(seq, recorded_ms, kind, version, payload, prev_hash, digest)
        prev_hash = digest


def follow(rows: Iterable[Row], seq: int, prev_hash: bytes) -> Iterator[Entry]:
    """Stored rows as entries that follow (`seq`, `prev_hash`). Raises LogCorrupted at the first that does not fit."""
    for row in rows:
        seq += 1
        entry = _entry(row, seq, prev_hash)
        prev_hash = entry.hash
        yield entry


def verify(
    rows: Iterable[Row],
    checkpoints: Iterable[Checkpoint],
    public_key: bytes,
    progress: Callable[[int], None] | None = None,
) -> Verdict:
    """Walk a whole log once and say what was found; `checkpoints` in order of seq. Holds one entry at a time.

    `progress` is called with the number of entries that fit so far. What the store itself raises on unreadable
    contents must be LogCorrupted.
    """
    entries = signed = 0
    waiting = iter(checkpoints)
    try:
        checkpoint = next(waiting, None)
        for entry in follow(rows, 0, ZERO_HASH):
            while checkpoint is not None and checkpoint.seq <= entry.seq:
                _check(checkpoint, entry, public_key)
                signed += 1
                checkpoint = next(waiting, None)
            entries = entry.seq
            if progress is not None and entries % PROGRESS_ENTRIES == 0:
                progress(entries)
        if checkpoint is not None:
            raise LogCorrupted(
                f"a checkpoint signs entry {checkpoint.seq}, but the log ends at entry {entries}: entries are missing",
                seq=entries + 1,
            )
    except LogCorrupted as broken:
        return Verdict(entries, signed, broken.seq, str(broken))
    if progress is not None:
        progress(entries)
    found = "every hash and every signature fits" if signed else "every hash fits; nothing is signed yet"
    return Verdict(entries, signed, None, found)


def sign(key: Ed25519PrivateKey, seq: int, entry: bytes, now_ms: int) -> Checkpoint:
    """A signed statement that the log's entry `seq` has the hash `entry`, made at `now_ms`."""
    signature = key.sign(_statement(seq, entry, now_ms))
    return Checkpoint(seq, entry, now_ms, key.public_key().public_bytes_raw(), signature)


def is_signed(checkpoint: Checkpoint) -> bool:
    """Whether the signature is that of the checkpoint's own public key over its own words."""
    try:
        statement = _statement(checkpoint.seq, checkpoint.hash, checkpoint.signed_ms)
        Ed25519PublicKey.from_public_bytes(checkpoint.public_key).verify(checkpoint.signature, statement)
    except (InvalidSignature, ValueError, TypeError, struct.error):  # the last three: fields of impossible size or type
        return False
    return True


def _statement(seq: int, entry: bytes, signed_ms: int) -> bytes:
    if len(entry) != len(ZERO_HASH):
        raise ValueError("a hash has 32 bytes")
    return _CHECKPOINT.pack(_CHECKPOINT_LABEL, seq, entry, signed_ms)


def _entry(row: Row, seq: int, prev_hash: bytes) -> Entry:
    """The row as the entry `seq`, if it is that."""
    stored_seq, recorded_ms, kind, version, payload, stored_hash = row
    if stored_seq != seq:
        raise LogCorrupted(f"entry {seq} is missing: entry {stored_seq} stands in its place", seq=seq)
    try:
        expected = entry_hash(prev_hash, seq, recorded_ms, kind, version, payload)
    except (struct.error, TypeError, AttributeError, ValueError) as error:  # a field of another type or width
        raise LogCorrupted(f"entry {seq} was changed: {error}", seq=seq) from error
    if expected != stored_hash:
        raise LogCorrupted(f"entry {seq} was changed: its hash does not fit what it holds", seq=seq)
    return Entry(seq, recorded_ms, kind, version, payload, prev_hash, stored_hash)


def _check(checkpoint: Checkpoint, entry: Entry, public_key: bytes) -> None:
    """Raise LogCorrupted unless the checkpoint signs just this entry with the log's key."""
    seq = entry.seq
    if checkpoint.public_key != public_key:
        raise LogCorrupted(f"the checkpoint at entry {seq} is signed with a key that is not this log's", seq=seq)
    if checkpoint.seq != seq or not is_signed(checkpoint):
        raise LogCorrupted(f"the signature of the checkpoint at entry {seq} does not fit", seq=seq)
    if checkpoint.hash != entry.hash:
        raise LogCorrupted(f"entry {seq} or one before it is not what the checkpoint signs", seq=seq)
