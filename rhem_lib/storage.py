"""Files that are whole or not there: atomic writes, one run at a time, and disks that refuse."""

import errno
import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from rhem_lib.errors import OutputError

PART = ".part"
AGAIN = "run the same command again: what is finished is kept."
ELSEWHERE = "Reports are written to reports/ under the current folder: go to one that you may write to."
MOVE = "A file stands where a folder is needed: move it, or choose another folder."
FIXES = {
    errno.ENOTDIR: MOVE,
    errno.EEXIST: MOVE,
    errno.ENOSPC: f"Make room, and {AGAIN}",
    errno.EDQUOT: f"Make room, and {AGAIN}",
    errno.EROFS: ELSEWHERE,
    errno.EACCES: ELSEWHERE,
    errno.EPERM: ELSEWHERE,
}


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all, under a name of this process until it is whole."""
    part = path.with_name(f".{path.name}.{os.getpid()}{PART}")
    try:
        part.write_bytes(content.encode() if isinstance(content, str) else content)
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def sweep(folder: Path) -> None:
    """Remove what a killed run left half-written."""
    for part in folder.rglob(f".*{PART}"):
        part.unlink(missing_ok=True)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Say what a disk refused and what to do about it.

    Raises
    ------
    OutputError
        The disk is full or read-only, the folder is somebody else's, or a file stands in its place.
    """
    try:
        yield
    except OSError as problem:
        if problem.errno not in FIXES:
            raise
        said = (problem.strerror or "").lower()
        raise OutputError(f"cannot be written: {said}.", where=str(folder), fix=FIXES[problem.errno]) from None


def check_refusal(error: str) -> None:
    """Raise again, here, what a disk said to a worker or its notebook; other errors concern one output alone."""
    code = re.search(r"\[Errno (\d+)\]", error)
    if code and int(code[1]) in FIXES:
        raise OSError(int(code[1]), os.strerror(int(code[1])))


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a folder for one run; the lock ends with the process, however it ends.

    Raises
    ------
    OutputError
        Another run is writing there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a+") as file:
        try:
            _claim(file)
        except OSError:
            raise OutputError(
                "another run is writing these reports.",
                where=str(folder),
                fix="Wait for it to end, or stop it, and run the command again.",
            ) from None
        yield


def _claim(file: IO) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def digest(parts: Sequence[Any], *, without: Path | None = None) -> str:
    """Key of JSON values, and of folders by the names and bytes of their files, but for those in `without`."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            for file in sorted(p for p in part.rglob("*") if p.is_file()):
                if without is None or without.resolve() not in file.resolve().parents:
                    total.update(file.relative_to(part).as_posix().encode() + b"\0" + file_digest(file).encode())
        else:
            total.update(json.dumps(part, sort_keys=True).encode() + b"\0")
    return total.hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
