"""The template of a deck, ours or the MSP's, in the brand's colour; saving it with stable bytes."""

import io
import re
import zipfile
from importlib.resources import files
from pathlib import Path
from typing import Any

from lxml import etree
from pptx import Presentation
from pptx.enum.shapes import PP_PLACEHOLDER
from pptx.exc import PythonPptxError
from pptx.opc.constants import RELATIONSHIP_TYPE
from pptx.oxml.ns import qn
from pptx.presentation import Presentation as Deck

from rhem_lib.errors import SettingsError
from rhem_lib.settings import Brand
from rhem_lib.storage import write_whole

LAYOUTS = {
    "Cover": {"Title", "Subtitle", "Prepared by", "Agenda"},
    "Quarter": {"Title", "Number", "Number label", "Chart head", "Chart", "Box 1", "Box 2", "Box 3", "Note"},
    "Chart": {"Title", "Chart head", "Chart", "Note"},
    "Two charts": {
        "Title", "Left chart head", "Left chart", "Right chart head", "Right chart", "Left text", "Right text",
        "Note",
    },
    "Table": {"Title", "Table", "Note"},
    "Table over text": {"Title", "Table", "Left text", "Right text", "Note"},
    "Table and text": {"Title", "Table", "Body", "Note"},
    "Text": {"Title", "Body", "Note"},
}  # fmt: skip
KINDS = {  # that a placeholder must have; any kind of text does for the others
    **dict.fromkeys(("Chart", "Left chart", "Right chart"), PP_PLACEHOLDER.CHART),
    "Table": PP_PLACEHOLDER.TABLE,
}
CARD, GROUND = "F3F5F8", "1B2A41"
LIGHT_BRAND = 3.0  # a colour lighter than this turns muddy when darkened, so the ground stays ours
TEXT_CONTRAST, GROUND_CONTRAST, READABLE = 4.5, 9.0, 3.0
TEXT_ROLES = ("tx1", "accent1", "accent3", "accent4")
COLOUR = re.compile(r'<a:(\w+)>\s*<a:(?:srgbClr val|sysClr val="\w+" lastClr)="(\w{6})"')
MOST_PIXELS, MOST_BYTES = 40_000_000, 300_000_000
ACTIVE = re.compile(r"vbaProject|vbaData|activeX|/embeddings/.*\.(?!xlsx)|oleObject|ctrlProps", re.IGNORECASE)
ZIP_DATE = (1980, 1, 1, 0, 0, 0)
SPOKEN = re.compile(r"ppt/(slides|charts|notesSlides)/[^/]+\.xml")
RUN = re.compile(rb"<a:r>(?!<a:rPr)")
LANG = re.compile(rb'<a:rPr(?: lang="[^"]*")?')
CREATED = re.compile(rb"(<dcterms:(created|modified)[^>]*>)[^<]*")


def open_template(brand: Brand) -> Deck:
    """Return the MSP's template if the brand names one, else ours, in the brand's colour."""
    for key, value in (("template", brand.template), ("logo", brand.logo)):
        if value and not Path(value).is_file():
            raise SettingsError("there is no such file.", where=f"brand.{key}", examples=[value])
    if brand.logo:
        check_logo(brand.logo)
    if not brand.template:
        with (files("rhem_lib") / "templates" / "review.pptx").open("rb") as ours:
            deck = Presentation(ours)
        _paint(deck, brand.colour)
        return deck
    try:
        _check_package(brand.template)
        deck = Presentation(brand.template)
    except (PythonPptxError, KeyError, ValueError, OSError, SyntaxError, zipfile.BadZipFile) as problem:
        raise SettingsError(
            f"this is not a .pptx presentation ({type(problem).__name__}).",
            where=brand.template,
            fix="Save the template as a presentation (.pptx), not as .potx or .ppt.",
        ) from None
    if len(deck.slides):
        raise SettingsError("the template has slides.", where=brand.template, count=len(deck.slides),
                            fix="Delete its slides and keep its layouts.")  # fmt: skip
    missing = _missing(deck)
    if missing:
        raise SettingsError(
            "layouts or placeholders are missing from the template: " + "; ".join(missing) + ".",
            where=brand.template,
            fix="Start from rhem_lib/templates/review.pptx and change its looks, not its names.",
        )
    if brand.colour != Brand().colour:
        _paint(deck, brand.colour, ground=False)
    if pale := _pale(deck):
        raise SettingsError("text in these colours of the template's theme is hardly seen on its pages.",
                            where=brand.template, examples=pale,
                            fix=f"Choose colours with a contrast of at least {READABLE:.0f} to the ground of the "
                            "pages, or leave brand.colour out where it is that one.")  # fmt: skip
    return deck


def _pale(deck: Deck) -> list[str]:
    """Return the colours of text that do not stand out from the ground of the pages."""
    colours = dict(COLOUR.findall(_theme(deck).blob.decode("utf-8")))
    roles: Any = deck.slide_master._element.find(qn("p:clrMap"))
    of = {role: colours.get(roles.get(role), "") for role in ("bg1", *TEXT_ROLES)}
    return [f"{role} {of[role]} on {of['bg1']}" for role in TEXT_ROLES
            if of[role] and of["bg1"] and contrast(of[role], of["bg1"]) < READABLE]  # fmt: skip


def faces(deck: Deck) -> list[str]:
    """Return the typefaces of headings and body of a deck's theme."""
    return re.findall(r'<a:(?:major|minor)Font>\s*<a:latin typeface="([^"]+)"', _theme(deck).blob.decode("utf-8"))


def _theme(deck: Deck) -> Any:
    return deck.slide_master.part.part_related_by(RELATIONSHIP_TYPE.THEME)


def check_logo(path: str) -> None:
    """Refuse a logo that a presentation cannot show, or that would take gigabytes to open."""
    from PIL import Image

    fix = f"Save it as PNG or JPEG of at most {MOST_PIXELS // 10**6} million pixels."
    try:
        with Image.open(path, formats=["PNG", "JPEG", "GIF"]) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                what = f"this logo has {picture.width} x {picture.height} pixels."
                raise SettingsError(what, where=path, fix=fix)
            picture.load()
    except SettingsError:
        raise
    except Exception as problem:  # of damaged pictures, every kind of error
        what = f"this logo cannot be opened as a picture ({type(problem).__name__})."
        raise SettingsError(what, where=path, fix=fix) from None


def _check_package(path: str) -> None:
    """Refuse a template that would carry code, objects or pictures from elsewhere into every client's deck."""
    with zipfile.ZipFile(path) as package:
        size = sum(part.file_size for part in package.infolist())
        names = package.namelist()
        if size > MOST_BYTES:
            raise SettingsError(f"this template unpacks to {size / 1e6:,.0f} MB.", where=path,
                                fix="Make its pictures smaller.")  # fmt: skip
        active = [name for name in names if ACTIVE.search(name)]
        types = package.read("[Content_Types].xml")
        active += ["a macro-enabled presentation"] if b"macroEnabled" in types else []
        for name in names:
            if name.endswith(".rels"):
                found = etree.fromstring(package.read(name), etree.XMLParser(resolve_entities=False))
                outside = [one.get("Target") for one in found if one.get("TargetMode") == "External"
                           and not str(one.get("Type")).endswith("/hyperlink")]  # fmt: skip
                active += outside
    if active:
        what = "the template has macros, embedded objects or links to files elsewhere."
        fix = "Take them out (File > Info > Check for Issues), and embed pictures in place of linking them."
        raise SettingsError(what, where=path, count=len(active), examples=active, fix=fix)


def _missing(deck: Deck) -> list[str]:
    """Return layouts whose placeholders are missing, or not for a chart or table as they must be."""
    layouts: Any = deck.slide_layouts
    found = []
    for name, need in LAYOUTS.items():
        layout = layouts.get_by_name(name)
        kinds = {place.name: place.placeholder_format.type for place in layout.placeholders} if layout else {}
        names = [one for one in sorted(need) if one not in kinds or KINDS.get(one, kinds[one]) != kinds[one]]
        found += [f"{name}: {', '.join(names)}"] if names else []
    return found


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two colours written RRGGBB (WCAG 2.2, relative luminance)."""
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def darken(colour: str, ratio: float, against: str) -> str:
    """The colour itself, or the first darker shade of it that has the contrast ratio."""
    for step in range(101):
        shade = "".join(f"{round(int(colour[i : i + 2], 16) * (1 - step / 100)):02X}" for i in (0, 2, 4))
        if contrast(shade, against) >= ratio:
            return shade
    return "000000"


def _paint(deck: Deck, colour: str, ground: bool = True) -> None:
    """Brand colour as first accent and, darker, as ground of the cover; always readable."""
    theme, brand = _theme(deck), colour.removeprefix("#")
    shades = {"accent1": darken(brand, TEXT_CONTRAST, CARD)}
    if ground:
        dark = contrast(brand, "FFFFFF") >= LIGHT_BRAND
        shades["dk2"] = darken(brand, GROUND_CONTRAST, "FFFFFF") if dark else GROUND
    xml = theme.blob.decode("utf-8")
    for name, shade in shades.items():
        new = f'<a:{name}><a:srgbClr val="{shade}"/></a:{name}>'
        xml = re.sub(rf"<a:{name}>.*?</a:{name}>", new, xml, flags=re.DOTALL)
    theme._blob = xml.encode("utf-8")


def save(deck: Deck, path: Path, language: str) -> None:
    """Write the deck in its language with fixed dates, so that the same review gives the same bytes."""
    made = io.BytesIO()
    deck.save(made)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, _settle(made.getvalue(), language))


def _settle(package: bytes, language: str = "") -> bytes:
    """Copy a zip package with fixed dates, workbooks inside it too; every text of a deck has its language."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith(".xlsx"):
                content = _settle(content)
            elif language and SPOKEN.match(name):
                content = RUN.sub(rb"<a:r><a:rPr/>", content)
                content = LANG.sub(rb'<a:rPr lang="' + language.encode() + rb'"', content)
            elif name == "docProps/core.xml" and not language:
                content = CREATED.sub(rb"\g<1>1980-01-01T00:00:00Z", content)
            entry = zipfile.ZipInfo(name, ZIP_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(entry, content)
    return out.getvalue()
