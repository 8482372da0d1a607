"""The one way to the database: connections, transactions, checkpoints, migrations, backups.

Rules kept here, for every caller (the figures behind them are in docs/decisions/0002-durability.md):

- writes go through `Store.tx()`: BEGIN IMMEDIATE, so that no reader is upgraded to a writer ("database is locked");
- `durable=True` (the default: what people decide) commits under synchronous=FULL, `durable=False` (bulk) under NORMAL;
- `wal_autocheckpoint` is off; one process at a time checkpoints, under a file lock and with TRUNCATE only: SQLite
  before 3.51.3 can corrupt a WAL when checkpoints of several connections race, and this leaves nothing to race;
- connections never cross a fork; read connections are per thread, `query_only`, and hold no transaction between calls.
"""

from __future__ import annotations

import fcntl
import os
import re
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from flywheel_tui.errors import StoreBusyError, StoreError, StoreFullError, StoreTooNewError
from flywheel_tui.store import migrations

BUSY_MS = 30_000
CHECKPOINT_BYTES = 48 * 2**20
FIXED_WAL_RESET = (3, 51, 3)
_NETWORK_FILESYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "fuse.sshfs"}


def sqlite_verdict(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> tuple[bool, str]:
    """`(free of the WAL-reset bug, a sentence for people)` about the SQLite library in use."""
    text = ".".join(map(str, version))
    if version >= FIXED_WAL_RESET:
        return True, f"SQLite {text}: has the fix of the WAL-reset bug"
    return False, f"SQLite {text}: has the WAL-reset bug (fixed in 3.51.3); guarded by a single locked checkpointer"


def filesystem_of(path: Path) -> str:
    """The type of the file system that holds `path`, where the system tells (Linux), else ''."""
    best, kind = "", ""
    try:
        lines = Path("/proc/self/mounts").read_text().splitlines()
    except OSError:
        return ""
    for line in lines:
        _, mount, filesystem, *_ = line.split(" ")
        # blanks and the like are written as octal numbers there
        mount = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), mount)
        if (str(path) == mount or str(path).startswith(mount.rstrip("/") + "/")) and len(mount) >= len(best):
            best, kind = mount, filesystem
    return kind


def _sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _json_is_innocuous(connection: sqlite3.Connection) -> bool:
    """Whether this SQLite lets an untrusted schema use json_valid() in a CHECK (older ones refuse the whole schema)."""
    query = "SELECT max(flags & 0x200000) FROM pragma_function_list WHERE name = 'json_valid'"
    return bool(connection.execute(query).fetchone()[0])


def translate(error: sqlite3.Error, path: Path | None = None) -> Exception:
    """Our exception for one of SQLite's (about the database at `path`), where a person can act on it."""
    text, place = str(error), f"{path}: " if path else ""
    if "database or disk is full" in text or "disk I/O error" in text:
        return StoreFullError(f"the last step was not written: {text}; free some space and try again")
    if "database is locked" in text or "database table is locked" in text:
        return StoreBusyError(f"another process has held the database for {BUSY_MS // 1000} s; try again")
    if "readonly" in text:
        return StoreError(f"{place}the database is read-only here ({text}); check the permissions of the folder")
    if "unable to open database file" in text:
        return StoreError(
            f"{place}the database cannot be opened; check that the folder of the workspace is there and is yours"
        )
    if "not a database" in text or "malformed" in text:
        return StoreError(f"{place}the database file is damaged ({text}); restore a backup (flywheel doctor says more)")
    return error


class Store:
    """One SQLite file. Safe to use from several threads of one process; never across a fork."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open (and make, and bring up to date) the database at `path`.

        Raises StoreTooNewError for one of a newer version (open it with `read_only=True`), StoreError for a file that
        is no database or lies on a network file system, where SQLite's locks cannot be trusted.
        """
        self.path = Path(path)
        self.read_only = read_only
        self._upkeep_lock = self.path.with_name(self.path.name + ".checkpoint")
        self._lock = threading.RLock()
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._pid = os.getpid()
        self._full: bool | None = None
        self._last_checkpoint = 0.0
        self._depth = 0
        self._sync_after = False
        folder = self.path.parent.resolve()
        if filesystem_of(folder) in _NETWORK_FILESYSTEMS:
            raise StoreError(f"{self.path}: is on a network file system; keep the workspace on a local disk")
        if not read_only and not self.path.exists():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0), 0o600))
        elif not self.path.exists():
            raise StoreError(f"{self.path}: no such file; make a workspace with: flywheel init")
        try:
            self._writer = self._connect()
            # the index over content hashes is hit at random: a bulk load must find it in memory
            self._writer.execute("PRAGMA cache_size = -65536")
            self._migrate()
        except sqlite3.Error as error:
            raise translate(error, self.path) from error

    # -- connections -------------------------------------------------------------------------------------------------

    def _connect(self) -> sqlite3.Connection:
        mode = "ro" if self.read_only else "rw"
        uri = f"{self.path.resolve().as_uri()}?mode={mode}"
        connection = sqlite3.connect(
            uri, uri=True, timeout=BUSY_MS / 1000, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        run = connection.execute
        run("PRAGMA foreign_keys = ON")
        if _json_is_innocuous(connection):
            run("PRAGMA trusted_schema = OFF")
        run("PRAGMA cell_size_check = ON")
        run("PRAGMA temp_store = MEMORY")
        run("PRAGMA mmap_size = 0")
        if not self.read_only:
            self._enter_wal(connection)
            run("PRAGMA wal_autocheckpoint = 0")
        return connection

    def _enter_wal(self, connection: sqlite3.Connection) -> None:
        """Switch a new database to WAL, one process at a time: where two try at once, SQLite fails without waiting."""
        if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
            return
        lock = os.open(self._upkeep_lock, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            connection.execute("PRAGMA journal_mode = WAL")
        finally:
            os.close(lock)

    def _check_process(self) -> None:
        if os.getpid() != self._pid:
            raise StoreError("a Store must not be used across a fork; open it again in the new process")

    def read(self) -> sqlite3.Connection:
        """This thread's read connection (autocommit, `query_only`): keep no cursor of it open between frames.

        Raises StoreError where a thread's first connection cannot be opened.
        """
        self._check_process()
        connection: sqlite3.Connection | None = getattr(self._local, "reader", None)
        if connection is None:
            try:
                connection = self._connect()
                connection.execute("PRAGMA query_only = ON")
                connection.execute("PRAGMA cache_size = -16384")
            except sqlite3.Error as error:
                raise translate(error, self.path) from error
            self._local.reader = connection
            with self._lock:
                self._readers.append(connection)
        return connection

    def data_version(self) -> int:
        """A number that changes when anybody else (or our own writer) has committed; cheap enough for every frame."""
        return int(self.read().execute("PRAGMA data_version").fetchone()[0])

    @contextmanager
    def tx(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """One write transaction; nested calls join the outer one (let their exceptions through: it is all or nothing).

        Rolled back whole on any exception. A durable part makes the whole durable.

        Keep it short (about 50 ms: at most some hundred rows); no network and no await inside. Raises StoreFullError,
        StoreBusyError or StoreError where the cause is outside; any other exception of the body goes through.
        """
        self._check_process()
        with self._lock:
            connection = self._writer
            if self._depth:
                self._sync_after = self._sync_after or durable
                yield connection
                return
            if durable is not self._full:
                connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                self._full = durable
            try:
                # inside the try: an interrupt right after BEGIN must not leave the transaction open
                self._begin(eager=durable)
                self._depth = 1
                yield connection
                connection.execute("COMMIT")
                if self._sync_after and not durable:
                    self._sync_wal()
            except BaseException as error:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                if isinstance(error, sqlite3.DatabaseError) and (ours := translate(error, self.path)) is not error:
                    raise ours from error
                raise
            finally:
                self._depth = 0
                self._sync_after = False
        # what was committed stays so, whatever becomes of the upkeep
        with suppress(OSError, sqlite3.Error):
            self.maintain()

    def _begin(self, *, eager: bool) -> None:
        """Take the write lock. A person's decision asks for it every millisecond, so that it goes before bulk work:
        SQLite's own waiting sleeps up to 100 ms between two tries, and would let the others pass again and again.
        """
        if not eager:
            self._writer.execute("BEGIN IMMEDIATE")
            return
        until = time.monotonic() + BUSY_MS / 1000
        self._writer.execute("PRAGMA busy_timeout = 0")
        try:
            while True:
                try:
                    self._writer.execute("BEGIN IMMEDIATE")
                    return
                except sqlite3.OperationalError as error:
                    if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                        raise
                time.sleep(0.001)
        finally:
            self._writer.execute(f"PRAGMA busy_timeout = {BUSY_MS}")

    def _sync_wal(self) -> None:
        """Put on disk what a transaction committed that began as not durable and took in a durable part."""
        with suppress(FileNotFoundError):
            descriptor = os.open(self.path.with_name(self.path.name + "-wal"), os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    # -- upkeep ------------------------------------------------------------------------------------------------------

    def maintain(self, *, force: bool = False) -> bool:
        """Checkpoint when the WAL has grown and no other process is at it; says whether it was done."""
        if not force:
            now = time.monotonic()
            if now - self._last_checkpoint < 1.0:
                return False
            self._last_checkpoint = now
            try:
                if self.path.with_name(self.path.name + "-wal").stat().st_size < CHECKPOINT_BYTES:
                    return False
            except OSError:
                return False
        lock = os.open(self._upkeep_lock, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return False
            with self._lock:
                if self._depth:
                    return False
                # TRUNCATE waits for readers while it holds the write lock: a short time-out keeps labels quick
                self._writer.execute("PRAGMA busy_timeout = 100")
                try:
                    blocked = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
                except sqlite3.OperationalError:
                    blocked = 1
                finally:
                    self._writer.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
                return not blocked
        finally:
            os.close(lock)

    def backup(self, target: Path) -> Path:
        """A consistent copy at `target` while others write: made beside it, checked, synced, then renamed. 0600."""
        target = Path(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            self._vacuum_into(draft)
            draft.replace(target)
        except sqlite3.Error as error:
            raise translate(error, self.path) from error
        finally:
            # on a full disk SQLite leaves a journal beside the draft, too
            for leftover in target.parent.glob(f"{draft.name}*"):
                leftover.unlink(missing_ok=True)
        return target

    def _vacuum_into(self, draft: Path) -> None:
        os.close(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o600))
        source = self._connect()
        try:
            source.execute("VACUUM INTO ?", (str(draft),))
        finally:
            source.close()
        copy = sqlite3.connect(draft, isolation_level=None)
        try:
            answer = copy.execute("PRAGMA quick_check").fetchone()[0]
        finally:
            copy.close()
        if answer != "ok":
            raise StoreError(f"the copy did not pass its check ({answer}); nothing was kept")
        descriptor = os.open(draft, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)

    def integrity(self) -> str:
        """'ok', or what SQLite found wrong with the file."""
        return str(self.read().execute("PRAGMA integrity_check(20)").fetchone()[0])

    def _migrate(self) -> None:
        steps = migrations.all_steps()
        newest = steps[-1][0]
        version = int(self._writer.execute("PRAGMA user_version").fetchone()[0])
        if version > newest and not self.read_only:
            raise StoreTooNewError(
                f"{self.path}: was made by a newer version (schema {version}, this program knows {newest}); update it"
            )
        if self.read_only or version == newest:
            return
        if version:
            self.backup(self.path.with_name(f"{self.path.stem}.before-{newest:04d}.db"))
        for number, script in steps:
            if number <= version:
                continue
            with self.tx() as connection:
                # another process may have been faster while this one waited for the lock
                if int(connection.execute("PRAGMA user_version").fetchone()[0]) >= number:
                    continue
                for statement in migrations.statements(script):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {number}")

    def close(self) -> None:
        """Close every connection; the last process to leave folds the WAL back into the file."""
        with self._lock:
            for connection in self._readers:
                connection.close()
            self._readers.clear()
            self._local = threading.local()
            self._writer.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
