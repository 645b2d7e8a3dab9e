"""Text measured with a real font, so that it fits its box before a viewer ever opens the deck."""

import importlib.util
import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache
from pathlib import Path

from PIL import ImageFont

from rhem_lib.errors import RhemError

FACES = {
    False: ("arial.ttf", "Arial.ttf", "LiberationSans-Regular.ttf", "DejaVuSans.ttf"),
    True: ("arialbd.ttf", "Arial Bold.ttf", "LiberationSans-Bold.ttf", "DejaVuSans-Bold.ttf"),
}
ENDINGS = {False: ("-Regular", "", "R"), True: ("-Bold", " Bold", "bd", "b")}  # of the files of a face
LINE_HEIGHT = 1.2  # of the font size; Arial's own is 1.15
SPACE_AFTER = 0.5  # of the font size, after each paragraph, as the template sets it
MEASURED_AT = 100  # points
WHITE = re.compile(r"[^\S\N{NO-BREAK SPACE}]+")
JOINER = "\N{ZERO WIDTH JOINER}"  # holds emoji and Indic letters together
SHORT = 0.3  # of the width: a last line under it looks like a slip
SAFETY = 0.97  # share of the width used, for the small differences between renderers
ARIAL = ("Arial",)
_faces: ContextVar[tuple[str, ...]] = ContextVar("faces", default=ARIAL)


@contextmanager
def measured_in(faces: Sequence[str]) -> Iterator[None]:
    """Measure every text inside the block in the widest of some faces."""
    token = _faces.set(tuple(dict.fromkeys(faces)) or ARIAL)
    try:
        yield
    finally:
        _faces.reset(token)


@cache
def _face(name: str, bold: bool) -> ImageFont.FreeTypeFont:
    """Return the face, for Arial also one of its widths; where there is none the wider DejaVu of matplotlib."""
    spec = importlib.util.find_spec("matplotlib")
    bundled = Path(str(spec.origin)).parent / "mpl-data" / "fonts" / "ttf" if spec else Path()
    stems = (name.replace(" ", ""), name, name.replace(" ", "").lower())
    own = [f"{stem}{ending}.ttf" for stem in stems for ending in ENDINGS[bold]] if (name,) != ARIAL else []
    likes = [*own, *(FACES[bold] if (name,) == ARIAL else FACES[bold][-1:]), str(bundled / FACES[bold][-1])]
    for file in likes:
        try:
            return ImageFont.truetype(file, MEASURED_AT)
        except OSError:
            continue
    raise RhemError("no font was found to measure text with.", fix="Install the Liberation or DejaVu fonts.")


@cache
def _char_width(char: str, bold: bool, faces: tuple[str, ...]) -> float:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Cc", "Cf", "Cs", "Mn"):
        return 0.0
    if unicodedata.east_asian_width(char) in "WF":
        return float(MEASURED_AT)
    return max(float(_face(name, bold).getlength(char)) for name in faces)


def line_height() -> float:
    """Return the height of a line over the font size, in the faces in force."""
    return _line_height(_faces.get())


@cache
def _line_height(faces: tuple[str, ...]) -> float:
    if faces == ARIAL:
        return LINE_HEIGHT
    return max(LINE_HEIGHT, *(sum(_face(name, False).getmetrics()) / MEASURED_AT for name in faces))


def plain(text: str) -> str:
    """Return the text on one line, without invisible characters that change their neighbours."""
    seen = (
        c
        for c in " ".join(WHITE.split(text.strip()))
        if c == JOINER or unicodedata.category(c) not in ("Cc", "Cf", "Cs")
    )
    return "".join(seen)


def text_width(text: str, size: float, bold: bool = False) -> float:
    """Width in points of a text on one line."""
    return _measured(text, bold, _faces.get()) * size / MEASURED_AT


@lru_cache(maxsize=16384)  # the same words at every size that is tried
def _measured(text: str, bold: bool, faces: tuple[str, ...]) -> float:
    return sum(_char_width(char, bold, faces) for char in text)


def wrap(text: str, width: float, size: float, bold: bool = False) -> list[str]:
    """Lines of a text in a box `width` points wide; words wider than the box are broken."""
    return _wrap(text, width, size, bold, _faces.get())


@lru_cache(maxsize=4096)  # a table asks for the same cells at every size it tries, and again when it is written
def _wrap(text: str, width: float, size: float, bold: bool, _: tuple[str, ...]) -> list[str]:
    lines, current, used, space = [], "", 0.0, text_width(" ", size, bold)
    for word in _pieces(text, width * SAFETY, size, bold):
        wide = text_width(word, size, bold)
        if current and used + space + wide > width * SAFETY:
            lines.append(current)
            current, used = word, wide
        else:
            current, used = (f"{current} {word}", used + space + wide) if current else (word, wide)
    return [*lines, current]


def _pieces(text: str, width: float, size: float, bold: bool) -> list[str]:
    """Words, with those wider than the box cut where they reach its edge."""
    pieces = []
    for word in WHITE.split(text.strip()):
        while text_width(word, size, bold) > width and len(word) > 1:
            cut = next(n for n in range(len(word), 0, -1) if n == 1 or text_width(word[:n], size, bold) <= width)
            pieces.append(word[:cut])
            word = word[cut:]
        pieces.append(word)
    return pieces


def text_height(paragraphs: list[str], width: float, size: float, bold: bool = False) -> float:
    """Height in points of wrapped paragraphs."""
    lines = sum(len(wrap(text, width, size, bold)) for text in paragraphs)
    return size * (line_height() * lines + SPACE_AFTER * max(len(paragraphs) - 1, 0))


def fit_size(
    paragraphs: list[str], box: tuple[float, float], largest: float, smallest: float = 10, bold: bool = False
) -> float:
    """Return the largest whole size in points at which paragraphs fit a box (width, height)."""
    size = largest
    while size > smallest and text_height(paragraphs, box[0], size, bold) > box[1]:
        size -= 1
    return size


def shorten(text: str, box: tuple[float, float], size: float, bold: bool = False) -> str:
    """Return the text, cut with an ellipsis where it does not fit the box (width, height)."""
    if text_height([text], box[0], size, bold) <= box[1]:
        return text
    for n in range(len(text) - 1, 0, -1):
        cut = text[:n].rstrip() + "…"
        if text_height([cut], box[0], size, bold) <= box[1]:
            return cut
    return "…"


def cut(texts: list[str], box: tuple[float, float], size: float, bold: bool = False) -> list[str]:
    """Return the texts, all cut to as many lines as let them fit the box (width, height) together."""
    if len(texts) == 1:
        return [shorten(texts[0], box, size, bold)]
    most = max((len(wrap(text, box[0], size, bold)) for text in texts), default=1)
    while most > 1 and text_height(texts, box[0], size, bold) > box[1]:
        most -= 1
        texts = [shorten(text, (box[0], most * size * line_height()), size, bold) for text in texts]
    return texts


def balanced(text: str, width: float, size: float, bold: bool = False) -> str:
    """Return the text with a line break (vertical tab) that makes two lines even, where the last is short."""
    lines = wrap(text, width, size, bold)
    words = text.split()
    if len(lines) != 2 or text_width(lines[1], size, bold) > SHORT * width or len(words) < 4:
        return text
    cuts = [(" ".join(words[:k]), " ".join(words[k:])) for k in range(2, len(words) - 1)]
    fits = [c for c in cuts if max(text_width(part, size, bold) for part in c) <= width * SAFETY]
    after = [c for c in fits if c[0].endswith((";", ","))]
    best = min(after or fits, key=lambda c: abs(text_width(c[0], size, bold) - text_width(c[1], size, bold)),
               default=None)  # fmt: skip
    return "\v".join(best) if best else text
