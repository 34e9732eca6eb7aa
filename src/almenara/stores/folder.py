"""What stands beside the log in its folder: the writer's lock, the signing key and the snapshots of the state."""

import fcntl
import hashlib
import os
import struct
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from almenara.durable_files import PRIVATE, sync_folder, write_durably
from almenara.model.errors import LogError, LogLocked, UsageError

LOCK_NAME = "log.lock"
KEY_NAME = "signing.key"
SNAPSHOTS_NAME = "snapshots"
SNAPSHOTS_KEPT = 2

_MAGIC = b"ALMSNAP\x01"
#: magic, seq, hash of that entry, length of the data, SHA-256 of the data; an Ed25519 signature of all that follows,
#: then the data.
_HEADER = struct.Struct(">8sQ32sQ32s")
_SIGNATURE_BYTES = 64
_PUBLIC_KEY_BYTES = 32


class Snapshot(NamedTuple):
    """The state after entry `seq`, whose hash ties it to one log."""

    seq: int
    entry_hash: bytes
    data: bytes


class WriterLock:
    """Held by the one process that writes; the system releases it when that process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        """Take the lock or raise LogLocked, naming the process that holds it."""
        self._descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(self._descriptor, 32).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            raise LogLocked(
                f"The log in {folder} is being written by {f'process {holder}' if holder else 'another process'}: "
                "stop that first, or choose another folder. Reading (almenara log …) needs no lock."
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, f"{os.getpid()}\n".encode())
        _held.add(self)

    def release(self) -> None:
        """Let another process write. The file stays: removing it would race with the next writer."""
        _held.discard(self)
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


_held: weakref.WeakSet[WriterLock] = weakref.WeakSet()


def _forget_locks() -> None:
    for lock in list(_held):
        lock.release()


# A forked worker shares the descriptor: were it to outlive its killed parent, the log would stay locked.
os.register_at_fork(after_in_child=_forget_locks)


def create_folder(folder: Path) -> None:
    """Make the folder, readable by its owner only, durable before anything is put into it."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file: give a folder for the log.")
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_folder(folder.parent)


def load_or_create_key(folder: Path) -> Ed25519PrivateKey:
    """The folder's signing key; a new one (PEM, mode 0600) when there is none. Only for a log that begins."""
    if (folder / KEY_NAME).exists():
        return load_key(folder)
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_durably(folder / KEY_NAME, pem, mode=PRIVATE)
    return key


def load_key(folder: Path) -> Ed25519PrivateKey:
    """The folder's signing key. Raises LogError when it is missing or no Ed25519 key."""
    path = folder / KEY_NAME
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except FileNotFoundError as error:
        raise LogError(
            f"{path} is missing: the log in this folder was begun with it. Bring it back from your backup, "
            "or start a new log in another folder."
        ) from error
    except (ValueError, TypeError) as error:
        raise LogError(f"{path} is not a PEM private key: bring it back from your backup.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise LogError(f"{path} is not an Ed25519 key: bring it back from your backup.")
    return key


def write_snapshot(folder: Path, snapshot: Snapshot, key: Ed25519PrivateKey, seq_max: int) -> None:
    """Keep a snapshot durably, and of all those not beyond `seq_max` the newest `SNAPSHOTS_KEPT`."""
    directory = folder / SNAPSHOTS_NAME
    directory.mkdir(mode=0o700, exist_ok=True)
    digest = hashlib.sha256(snapshot.data).digest()
    header = _HEADER.pack(_MAGIC, snapshot.seq, snapshot.entry_hash, len(snapshot.data), digest)
    path = directory / f"{snapshot.seq:020d}.snapshot"
    write_durably(path, header, key.sign(header), snapshot.data, mode=PRIVATE)
    sync_folder(folder)
    usable = [path for path in _snapshot_paths(folder) if path.stem <= f"{seq_max:020d}"]
    for path in set(directory.iterdir()) - set(usable[:SNAPSHOTS_KEPT]):
        path.unlink(missing_ok=True)


def intact_snapshots(folder: Path, public_key: bytes) -> Iterator[Snapshot]:
    """The snapshots that are whole and signed with the log's key, newest first; all others are passed over."""
    if len(public_key) != _PUBLIC_KEY_BYTES:  # a damaged log
        return
    verifier = Ed25519PublicKey.from_public_bytes(public_key)
    for path in _snapshot_paths(folder):
        try:
            with path.open("rb") as file:
                header, signature = file.read(_HEADER.size), file.read(_SIGNATURE_BYTES)
                verifier.verify(signature, header)
                _, seq, entry_hash, length, digest = _HEADER.unpack(header)
                # The file's own size is checked first: one read, never longer than what is there.
                if os.fstat(file.fileno()).st_size != _HEADER.size + _SIGNATURE_BYTES + length:
                    continue
                data = file.read()
        except (OSError, InvalidSignature, struct.error):  # dropped by the writer meanwhile, unreadable, or not ours
            continue
        if hashlib.sha256(data).digest() == digest:
            yield Snapshot(seq, entry_hash, data)


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """What the system refuses, as a LogError that says what to do."""
    try:
        yield
    except OSError as error:
        raise LogError(
            f"The folder {folder} cannot be used: {error.strerror or error}. Nothing was changed in the log; "
            "check the free space and the permissions of its disk, then try again."
        ) from error


def _snapshot_paths(folder: Path) -> list[Path]:
    return sorted((folder / SNAPSHOTS_NAME).glob("*.snapshot"), reverse=True)
