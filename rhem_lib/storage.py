"""Files that are whole or not there: atomic writes, one run at a time, and disks that refuse."""

import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rhem_lib.errors import InputError, OutputError

PART = ".part"
LOCK = ".lock"
SCRATCH = "rhem-"  # start of the names of our temporary folders
OWNER = "workspace.txt"  # in a reports folder: the way to its workspace
AGAIN = "run the same command again: what is finished is kept."
ELSEWHERE = "Reports are written to reports/ under the current folder: go to one that you may write to."
MOVE = "There is a file where a folder is needed: move it, or choose another folder."
FULL = (errno.ENOSPC, errno.EDQUOT)
FIXES = {
    errno.ENOTDIR: MOVE,
    errno.EEXIST: MOVE,
    errno.ENOSPC: f"Make room, and {AGAIN}",
    errno.EDQUOT: f"Make room, and {AGAIN}",
    errno.EXDEV: "Keep exports/ on the disk of its workspace.",
    errno.EROFS: ELSEWHERE,
    errno.EACCES: ELSEWHERE,
    errno.EPERM: ELSEWHERE,
}


def write_whole(path: Path, content: str | bytes, *, settled: bool = False) -> None:
    """Write a file whole or not at all, by a name of this process until it is; `settled`: even if power fails."""
    part = path.with_name(f".{path.name}.{os.getpid()}{PART}")
    try:
        with part.open("wb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
            if settled:
                stream.flush()
                os.fsync(stream.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


class Scratch:
    """A temporary folder that goes with this object, or, after a kill, when the next one is made.

    A lock in it ends with the process, so that nobody's folder in use is swept.

    Examples
    --------
    >>> scratch = Scratch()
    >>> scratch.path.is_dir()
    True
    """

    def __init__(self, parent: str | None = None) -> None:
        from filelock import FileLock

        while True:  # until no other process took this one for a dead one's before it was locked
            self.path = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=parent))
            lock = FileLock(self.path / LOCK, thread_local=False)
            with suppress(FileNotFoundError):
                lock.acquire()
                if (self.path / LOCK).is_file():
                    break
            lock.release()
        self.close = weakref.finalize(self, _forget, self.path, lock)
        for other in self.path.parent.glob(f"{SCRATCH}*"):
            _sweep_scratch(other)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        self.close()


def _forget(path: Path, lock: Any) -> None:
    shutil.rmtree(path, ignore_errors=True)
    lock.release(force=True)
    shutil.rmtree(path, ignore_errors=True)  # where an open file cannot be removed


def _sweep_scratch(path: Path) -> None:
    """Remove a temporary folder of ours whose process has ended."""
    from filelock import FileLock, Timeout

    held = path / LOCK
    with suppress(OSError, Timeout):
        ours = not hasattr(os, "getuid") or path.stat().st_uid == os.getuid()
        if path.is_symlink() or not ours or not held.is_file():
            return
        with FileLock(held, timeout=0):
            shutil.rmtree(path, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Remove what a killed run left half-written."""
    for part in folder.rglob(f".*{PART}"):
        part.unlink(missing_ok=True)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Translate a refusal of the disk (full, read-only, a file in the way) into an OutputError."""
    try:
        yield
    except OSError as problem:
        if problem.errno not in FIXES:
            raise
        reason = (problem.strerror or "").lower()
        raise OutputError(f"cannot be written: {reason}.", where=str(folder), fix=FIXES[problem.errno]) from None


def check_disk(problem: Exception) -> None:
    """Raise an error again that is of this computer, not of the file: a full disk, no memory, a file that went."""
    if isinstance(problem, MemoryError | FileNotFoundError) or getattr(problem, "errno", None) in FULL:
        raise problem


def check_refusal(error: str) -> None:
    """Raise what a disk refused to a worker or its notebook; other errors are of one output."""
    code = re.search(r"\[Errno (\d+)\]", error)
    if code and int(code[1]) in FIXES:
        raise OSError(int(code[1]), os.strerror(int(code[1])))


@contextmanager
def alone(folder: Path, what: str = "another run is writing these reports.") -> Iterator[None]:
    """Hold a folder for one run, else raise an OutputError; the lock ends with the process.

    A folder that was made for it and is still empty goes again.
    """
    from filelock import FileLock, Timeout  # not for those who only read

    fresh = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(folder / LOCK).acquire(timeout=0)
    except Timeout:
        fix = "Wait for it to end, or stop it, and run the command again."
        raise OutputError(what, where=str(folder), fix=fix) from None
    try:
        with lock:
            yield
    finally:
        with suppress(OSError):
            if fresh and [file.name for file in folder.iterdir()] == [LOCK]:
                (folder / LOCK).unlink()
            for place in fresh:
                place.rmdir()


def reports_of(folder: Path, root: Path = Path("reports")) -> Path:
    """Return where the reports of a workspace go: `root`/<its name>.

    Where that folder holds the reports of another workspace of the same name, four characters are added.
    """
    home = root / folder.resolve().name
    owner = _owner(home)
    if owner in (None, folder.resolve()) or not (owner / "rhem.toml").is_file():  # type: ignore[operator]
        return home
    place = os.path.relpath(folder.resolve(), root.resolve())
    return root / f"{home.name}-{hashlib.sha256(place.encode()).hexdigest()[:4]}"


def find_reports(folder: Path) -> Path:
    """Return where a workspace has its reports: under the current folder or one above it."""
    above = [folder.resolve(), *folder.resolve().parents]
    roots = [Path("reports"), *(parent / "reports" for parent in above)]
    homes = [reports_of(folder, root) for root in roots]
    return next((home for home in homes if _owner(home) == folder.resolve()), homes[0])


def own_reports(home: Path, folder: Path) -> None:
    """Record in a reports folder whose reports it holds, by the way from here to there."""
    home.mkdir(parents=True, exist_ok=True)
    write_whole(home / OWNER, Path(os.path.relpath(folder.resolve(), home.resolve())).as_posix())


def _owner(home: Path) -> Path | None:
    record = home / OWNER
    return (home / record.read_text(encoding="utf-8")).resolve() if record.is_file() else None


def digest(parts: Sequence[Any], *, without: Sequence[Path] = ()) -> str:
    """Return a key of JSON values, and of folders by their files, but for those in `without`."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            for file in files_under(part, without=without):
                name = os.fsencode(file.relative_to(part).as_posix())
                total.update(name + b"\0" + file_digest(file).encode())
        else:
            total.update(json.dumps(part, sort_keys=True).encode() + b"\0")
    return total.hexdigest()


def files_under(folder: Path, *, without: Sequence[Path] = ()) -> list[Path]:
    """Return all files of a folder, in order, through links to folders too, but for those in `without`.

    Raises
    ------
    InputError
        A link leads nowhere, as to a drive that is not there, or a folder may not be read: what is behind them
        would be missing without a word. Hidden links are passed over; some editors have them as locks.
    """
    seen, found = {other.resolve() for other in without}, []
    for place, folders, names in os.walk(folder, onerror=_refused, followlinks=True):
        here = Path(place).resolve()
        if here in seen:  # left out, or a link back to where we have been
            folders.clear()
            continue
        seen.add(here)
        found += [file for name in names if (file := Path(place, name)).is_file()]
        for lost in (file for name in names if (file := Path(place, name)).is_symlink() and not file.exists()):
            if lost.name[0] != ".":
                fix = "Connect the drive that it leads to, or take the link away."
                raise InputError("this link leads nowhere.", where=str(lost), fix=fix)
    return sorted(found)


def _refused(problem: OSError) -> None:
    """Raise the error of a folder that may not be read; one that is not there has no files."""
    if not isinstance(problem, FileNotFoundError | NotADirectoryError):
        raise InputError.of(problem) from None


def file_states(folder: Path, *, without: Sequence[Path] = ()) -> dict[Path, tuple[int, int]]:
    """Return size and time of each file, by which it is seen that one changes while it is read."""
    return {file: (found.st_size, found.st_mtime_ns)
            for file in files_under(folder, without=without) if (found := file.stat())}  # fmt: skip


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
