"""Executed notebook -> self-contained HTML page for readers; cover page of a run for the analyst."""

import ast
import base64
import json
import re
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import pandas as pd

from rhem_lib import __version__
from rhem_lib.deck import is_current
from rhem_lib.errors import InputError
from rhem_lib.language import number, sentence_case, speaking, t
from rhem_lib.schema import METRIC_VERSION
from rhem_lib.storage import file_digest, write_whole

LANGUAGE = "en"
DRAWN = {"review_minutes": "minutes", "review_parts": "why", "review_causes": "causes"}  # function: section
PATHS = {"decaying": "falling", "flat": "level", "irregular": "up and down", "too-early": "too early to tell"}
EMPTY: Mapping[str, str] = MappingProxyType({})
NAMES = {".html": "page", ".pptx": "deck", ".pdf": "PDF", ".xlsx": "numbers", ".ipynb": "notebook"}
EXPLORE = "explore"  # tag of cells that ask for a hand on a knob
PORTFOLIO = Path("study/03_onboarding_decay.ipynb")
UNWANTED = re.compile(
    r"<(style|script)\b.*?</\1\s*>|<a class=.anchor-link.*?</a>", flags=re.DOTALL | re.IGNORECASE
)
TAGS = frozenset(
    "a b blockquote br caption code dd div dl dt em h1 h2 h3 h4 hr i li ol p pre span strong sub sup "
    "table tbody td tfoot th thead tr ul".split()
)
ATTRIBUTES = {"*": ["id", "class", "scope", "colspan", "rowspan"], "a": ["href"]}
EMPTY_HEAD = re.compile(r"<th[^>]*>(?:&nbsp;|\xa0|\s)*</th>")
COLUMN = re.compile(r"(<th[^>]*>)([a-z0-9]+(?:_[a-z0-9]+)+)(?=</th>)")
UNITS = {"h": "h", "hours": "hours", "months": "months", "percent": "%"}
HEADING = re.compile(r"^#+ +(.+?)\s*$", flags=re.MULTILINE)
HEADS = (("Client", ""), ("Minutes per computer and month", "number"), ("Forecast", "number"), ("Path", ""),
         ("Quarter", ""), ("Open promises", "number"), ("Decisions", "number"), ("As of", ""))  # fmt: skip


def write(notebook_path: Path, html_path: Path, *, title: str) -> Path:
    """Write an executed notebook as a page without code, scripts or files from elsewhere.

    A cell's metadata key `alt` is the alternative text of its pictures, by default the nearest heading above.
    """
    import nbformat

    try:
        notebook = nbformat.read(notebook_path, as_version=4)
    except Exception as problem:  # nbformat raises many kinds for one cause
        raise InputError(f"this is not a notebook ({type(problem).__name__}).", where=str(notebook_path)) from None
    notebook.cells = [cell for cell in notebook.cells if EXPLORE not in cell.metadata.get("tags", [])]
    notebook.metadata.pop("widgets", None)
    heading, headings = title, []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            headings += HEADING.findall(cell.source)
            heading = (headings or [title])[-1]
        else:
            cell.metadata.setdefault("alt", f"Figure: {heading}")
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    body, _ = _exporter().from_notebook_node(notebook)
    body = body.replace('<div class="output_html', '<div tabindex="0" class="output_html')  # it may scroll
    name = "" if title in headings else title
    page = _template("page.html").render(lang=LANGUAGE, title=title, name=name, body=body, made=_made(notebook))
    write_whole(Path(html_path), page)
    return Path(html_path)


def client(review_path: Path, notebook_path: Path, html_path: Path) -> Path:
    """Write a client's page from its review, in its language: what the deck shows, and nothing else.

    Pictures are those of the executed notebook.
    """
    from rhem_lib.review import open_review  # heavy, and the pages of the study do without

    review = open_review(review_path)
    pictures = _pictures(json.loads(notebook_path.read_text(encoding="utf-8"))["cells"])
    with speaking(review.language):
        what = t("{What} review, {period}", What=sentence_case(review.noun), period=review.period)
        sections = [(s, s.cells if s.heads else [], pictures.get(s.key, ""), _data_uri(s.picture))
                    for s in review.sections if s.shown]  # fmt: skip
        page = _template("client.html").render(
            lang=review.language, title=review.client, what=what, sections=sections, appendix=t("Appendix"),
            logos=[(_data_uri(path), t("Logo of {msp}", msp=name))
                   for path, name in ((review.brand.logo, review.msp), (review.logo, review.client)) if path],
            prepared=t("Prepared by {msp}", msp=review.msp), made=[],
        )  # fmt: skip
    write_whole(html_path, page)
    return html_path


def _pictures(cells: list[dict[str, Any]]) -> dict[str, str]:
    """The pictures of an executed notebook as data URIs, by the section that they show."""
    found = {}
    for cell in cells:
        name = next((key for word, key in DRAWN.items() if word in "".join(cell["source"])), "")
        for png in [o["data"]["image/png"] for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]:
            found[name] = "data:image/png;base64," + "".join(png).replace("\n", "")
    return found


def _data_uri(path: str) -> str:
    """A picture's file as a data URI; nothing for none."""
    if not path:
        return ""
    kind = "jpeg" if Path(path).suffix.lower() in (".jpg", ".jpeg") else Path(path).suffix[1:].lower() or "png"
    return f"data:image/{kind};base64,{base64.b64encode(Path(path).read_bytes()).decode()}"


@cache
def _exporter() -> Any:
    """Return nbconvert's bare template: cells and outputs, cleaned; the page around is ours."""
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(
        template_name="basic", exclude_input=True, exclude_input_prompt=True, exclude_output_prompt=True,
        sanitize_html=True, mathjax_url="", require_js_url="",
    )  # fmt: skip
    exporter.register_filter("clean_html", _clean)
    return exporter


def _clean(markup: str) -> str:
    """Return a cell's HTML with text, headings, links and tables only; data may hold anything."""
    import bleach

    cleaned = bleach.clean(UNWANTED.sub("", markup), tags=TAGS, attributes=ATTRIBUTES, strip=True)
    return COLUMN.sub(lambda found: found[1] + readable(found[2]), EMPTY_HEAD.sub("<td></td>", cleaned))


def readable(name: str) -> str:
    """Return the name of a column as a reader sees it, with its unit.

    >>> readable("rhem_12_h_low"), readable("half_life_months"), readable("client")
    ('rhem 12, low (h)', 'half life (months)', 'client')
    """
    words = name.split("_")
    end = words.pop() if len(words) > 1 and words[-1] in ("low", "high") else ""
    unit = UNITS.get(words.pop(), "") if len(words) > 1 and words[-1] in UNITS else ""
    return " ".join(words) + (f", {end}" if end else "") + (f" ({unit})" if unit else "")


@cache
def _template(name: str) -> Any:
    from jinja2 import Environment, PackageLoader

    return Environment(loader=PackageLoader("rhem_lib"), autoescape=True, trim_blocks=True).get_template(name)


def _made(notebook: Any) -> list[tuple[str, str]]:
    """Parameters the notebook was run with, and the versions behind it."""
    given: dict[str, str] = {}
    for cell in notebook.cells:
        if {"parameters", "injected-parameters"} & set(cell.metadata.get("tags", [])):
            given |= _assignments(cell.source)
    return [*given.items(), *_versions()]


def _assignments(source: str) -> dict[str, str]:
    """Names and literal values that a parameter cell sets."""
    found = {}
    for node in ast.parse(source).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        if isinstance(targets[0], ast.Name) and isinstance(value, ast.Constant) and value.value != "":
            found[targets[0].id.replace("_", " ")] = str(value.value)
    return found


def _versions() -> list[tuple[str, str]]:
    return [("software", f"rhem {__version__}"), ("definition of the measure", f"version {METRIC_VERSION}")]


def index(
    rows: pd.DataFrame,
    path: Path,
    *,
    title: str,
    not_reviewed: Mapping[str, str] = EMPTY,
    edition: str = "",
    present: Collection[str] | None = None,
) -> Path:
    """Write the analyst's cover page of a run: study, clients with links, the portfolio's picture.

    `rows` has a row per output: kind ('study' or 'client'), name, status, outputs (paths under the page's folder),
    error. A client's numbers are from the review.json beside its outputs, the picture from the decay notebook.
    `not_reviewed` has clients without a figure, with the reason. What was made from other data than those of
    `edition` is marked, and clients that are not `present` any more are listed apart.
    """
    folder = Path(path).parent
    entries = [_entry(row, folder, edition) for row in rows.to_dict("records")]
    former = [e for e in entries if e["kind"] == "client" and present is not None and e["name"] not in present]
    clients = [_client(e, folder) for e in entries if e["kind"] == "client" and e not in former]
    picture = _first_picture(folder / PORTFOLIO)
    page = _template("index.html").render(
        lang=LANGUAGE,
        title=title,
        heads=HEADS,
        study=[entry for entry in entries if entry["kind"] == "study"],
        clients=sorted(clients, key=lambda entry: (-entry["need"], str(entry["name"]).casefold())),
        not_reviewed=sorted(not_reviewed.items()),
        former=former,
        failed=sum(bool(entry["error"]) for entry in clients),
        picture=picture,
        picture_text="Support time per computer by months since onboarding, all clients",
        made=_versions(),
    )
    write_whole(Path(path), page)
    return Path(path)


def _entry(row: dict[str, Any], folder: Path, edition: str) -> dict[str, Any]:
    """A row with the links to those of its outputs that exist, the page first, and whether its data are older."""
    there = [Path(out) for out in row["outputs"] if (folder / out).is_file()]
    there += [out.with_suffix(".pdf") for out in there if out.suffix == ".pptx" and is_current(folder / out)]
    links = [
        (name, quote(out.as_posix())) for suffix, name in NAMES.items() for out in there if out.suffix == suffix
    ]
    stale = (
        f"made from data of {row.get('as_of') or 'an earlier run'}" if row.get("edition", "") != edition else ""
    )
    return {**row, "links": links, "error": row.get("error") or "", "stale": stale}


def _client(entry: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A client's entry with its headline numbers, where its review was made."""
    from rhem_lib.review import Review  # heavy, and workers, which write pages, do without

    blank: dict[str, Any] = {"minutes": "–", "expected": "–"}
    blank |= dict.fromkeys(("minutes_value", "expected_value", "follows", "finding", "promises", "decisions"), "")
    blank["need"] = -1.0
    source = folder / Path(entry["outputs"][0]).parent / "review.json"
    made = (entry.get("hashes") or {}).get(source.relative_to(folder).as_posix())
    if entry["error"] or not source.is_file() or (made and made != file_digest(source)):
        return {**entry, **blank}
    review = Review.from_json(source.read_bytes())
    levels = review["quarter"].table
    expected = levels.loc[levels["key"] == "forecast"] if levels is not None else pd.DataFrame()
    numbers = {"minutes": number(review.minutes), "minutes_value": f"{review.minutes:.6f}"}
    if len(expected):
        low, high = (number(float(expected[c].iloc[0])) for c in ("low", "high"))
        numbers |= {"expected": f"{low} to {high}", "expected_value": f"{float(expected['minutes'].iloc[0]):.6f}"}
    tables = {s.key: s.table for s in review.sections if s.table is not None}
    promised = tables.get("promises", pd.DataFrame(columns=["kind", "state"]))
    open_ones = int(((promised["kind"] == "promise") & (promised["state"] != "kept")).sum())
    asked = int(tables["next"]["decision"].sum()) if "next" in tables else 0
    above = bool(len(expected)) and review.minutes > float(expected["high"].iloc[0])
    need = 2.0 * above + open_ones + review.minutes / max(review.target_minutes, 1.0)
    found = {"finding": review["quarter"].title, "promises": open_ones or "", "decisions": asked or ""}
    return {**entry, **blank, **numbers, **found, "follows": PATHS.get(review.status, review.status), "need": need}


def _first_picture(notebook: Path) -> str:
    """First PNG of an executed notebook as a data URI, or nothing."""
    if not notebook.is_file():
        return ""
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", []):
            png = output.get("data", {}).get("image/png")
            if png:
                return "data:image/png;base64," + "".join(png).replace("\n", "")
    return ""
