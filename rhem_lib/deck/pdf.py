"""Decks as PDF through LibreOffice, where it is installed: one call for many decks."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from rhem_lib.storage import Scratch, file_digest, write_whole

PROGRAMS = ("soffice", "libreoffice")
CHUNK = 40  # decks per call: starting LibreOffice costs as much as some five decks
TAGGED = 'pdf:impress_pdf_Export:{"UseTaggedPDF":{"type":"boolean","value":"true"}}'  # for screen readers
RECORD = ".pdf.json"  # beside a PDF: digests of it and of its deck
SECONDS_START, SECONDS_DECK = 60, 10  # after which a call is given up, and no other is made


def office() -> str:
    """Path of LibreOffice, or nothing."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), "")


def convert(decks: Sequence[Path], tell: Callable = print) -> list[Path]:
    """Write a .pdf beside every deck and return those written. Without LibreOffice one line says so.

    Parameters
    ----------
    decks : sequence of Path
        Decks without a .pdf that was made from them as they are; others are left as they are.
    tell : callable
        Takes lines for people.

    Examples
    --------
    >>> convert([])
    []
    """
    todo = [deck for deck in decks if not is_current(deck)]
    program = office()
    if todo and not program:
        tell("No PDF was made: LibreOffice (soffice) is not installed here. The decks are complete without it.")
        return []
    written = []
    for start in range(0, len(todo), CHUNK):
        chunk = todo[start : start + CHUNK]
        tell(f"Writing {len(chunk)} PDF files")
        made = _convert(program, chunk)
        written += made
        if not made:  # it hangs or is broken: one call is enough to know
            break
    missing = [str(deck) for deck in todo if deck.with_suffix(".pdf") not in written]
    if missing:
        tell(f"LibreOffice wrote no PDF of {len(missing)} decks: {', '.join(missing[:5])}")
    return written


def is_current(deck: Path) -> bool:
    """Return whether the deck's PDF is there, and its record says that it was made from the deck as it is.

    >>> is_current(folder / "none.pptx")
    False
    """
    made, record = deck.with_suffix(".pdf"), deck.with_suffix(RECORD)
    if not all(path.is_file() for path in (deck, made, record)):
        return False
    return record.read_text(encoding="utf-8") == _facts(deck, made)


def forget_pdf(output: Path) -> None:
    """Remove the PDF of a deck that will be made anew."""
    if output.suffix == ".pptx":
        for ending in (".pdf", RECORD):
            output.with_suffix(ending).unlink(missing_ok=True)


def _facts(deck: Path, made: Path) -> str:
    return json.dumps({"deck": file_digest(deck), "pdf": file_digest(made)})


def _convert(program: str, decks: Sequence[Path]) -> list[Path]:
    """One call. Decks have one name in many folders, so they are numbered on the way in and out."""
    with Scratch() as scratch:
        names = [scratch / f"{i}.pptx" for i in range(len(decks))]
        for deck, name in zip(decks, names, strict=True):
            shutil.copy(deck, name)
        own = f"-env:UserInstallation={(scratch / 'profile').as_uri()}"
        command = [program, own, "--headless", "--convert-to", TAGGED, "--outdir", str(scratch), *map(str, names)]
        seconds = SECONDS_START + SECONDS_DECK * len(decks)
        try:
            subprocess.run(command, check=False, capture_output=True, timeout=seconds)  # noqa: S603
        except subprocess.TimeoutExpired:
            pass  # what it has written so far is kept; the caller names the rest
        done = [
            (name.with_suffix(".pdf"), deck.with_suffix(".pdf")) for deck, name in zip(decks, names, strict=True)
        ]
        for made, target in done:
            if made.is_file():
                part = target.with_name(f".{target.name}.part")
                shutil.copy(made, part)
                os.replace(part, target)
                write_whole(target.with_suffix(RECORD), _facts(target.with_suffix(".pptx"), target))
        return [target for made, target in done if made.is_file()]
