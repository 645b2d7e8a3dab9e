"""One client's quarter as a `Review`: all that its notebook, page and deck show."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from rhem_lib.decay import DecayFit, fit_decay
from rhem_lib.errors import InputError, NotEnoughData, ParameterError, one_of
from rhem_lib.language import speaking, t
from rhem_lib.metric import PatchEffect, planned_hours, reactive_entries, why_unmeasured
from rhem_lib.review import appendix, story
from rhem_lib.review.claims import not_reviewed
from rhem_lib.review.facts import UNKNOWN, Facts, Fits, Past, Range, gather, noun, words
from rhem_lib.review.ledger import pooled
from rhem_lib.review.section import Section, spell
from rhem_lib.schema import METRIC_VERSION, quarter_bounds
from rhem_lib.settings import Brand, Edit, Settings
from rhem_lib.studies import study
from rhem_lib.workspace import Workspace, load

FORMAT = 5
WRITERS = (
    story.quarter,
    story.minutes_by_month,
    story.why,
    story.promises,
    story.worth,
    story.next_steps,
    story.goals,
    appendix.causes,
    appendix.counted,
)


@dataclass(frozen=True, eq=False)
class Review:
    """One client's quarter, with no other client's data; or, from `portfolio`, that of all clients.

    Attributes
    ----------
    client, msp, quarter, period, language : str
        Who, by whom, '2026Q3', 'July to September 2026', 'en'.
    hours_are, noun, unit : str
        What the hours are ('technician hours'), the word for it in sentences ('support'), the unit of `minutes`.
    minutes, target_minutes : float
        Minutes per computer a month in the quarter, and the target line.
    status : str
        decaying, flat, rising, irregular or too-early (DecayFit.clients.follows).
    sections : tuple of Section
        quarter, minutes, why, promises, worth, next, goals; in the appendix causes, counted. Those without
        evidence are left out, and a small or young client has the short form.
    meeting, logo : str
        Day of the meeting (2026-07-21) and the client's logo, where they are given.
    table : DataFrame
        A row per calendar month up to the quarter's end; gaps are empty, never 0. Minutes per computer a month.
    """

    client: str
    msp: str
    quarter: str
    period: str
    language: str
    hours_are: str
    noun: str
    unit: str
    minutes: float
    target_minutes: float
    status: str
    metric_version: int
    sections: tuple[Section, ...]
    table: pd.DataFrame
    brand: Brand
    meeting: str = ""
    logo: str = ""

    @property
    def text(self) -> str:
        """The quarter in short: its title and three points."""
        return "\n\n".join((self["quarter"].title + ".", *self["quarter"].paragraphs))

    @property
    def printed(self) -> Past:
        """The figure of the quarter and the forecast of the next, for later editions."""
        levels = self["quarter"].table
        ahead = levels[levels["key"] == "ahead"] if levels is not None else pd.DataFrame()
        spread = Range(*ahead[["minutes", "low", "high"]].iloc[0].tolist()) if len(ahead) else UNKNOWN
        return replace(pooled(self.table, self.quarter), ahead=spread)

    @property
    def story(self) -> str:
        """Every sentence of the review, section by section, to proof-read."""
        titles = [s.title if s.shown else f"{s.title} (no slide)" for s in self.sections]
        return "\n\n".join(
            "\n  ".join([title, *s.paragraphs]) for title, s in zip(titles, self.sections, strict=True)
        )

    def __getitem__(self, key: str) -> Section:
        sections = {section.key: section for section in self.sections}
        return sections[one_of(key, sections, "section")]

    def summary(self) -> pd.DataFrame:
        """The main part, one row per section: its title and first sentence."""
        rows = [(s.key, s.title, s.paragraphs[0]) for s in self.sections if not s.appendix]
        return pd.DataFrame(rows, columns=["section", "finding", "in short"])

    def to_json(self, folder: Path | None = None) -> str:
        """Return the whole review as JSON text; `Review.from_json` reads it back.

        Parameters
        ----------
        folder : Path, optional
            Where the text will be kept: files of the brand are named from there, so that no path of this machine
            is in it.
        """
        document: dict[str, Any] = {"format": FORMAT, **vars(self)}
        document["table"] = _pack(self.table)
        placed = self.placed(lambda file: Path(os.path.relpath(file, folder)).as_posix()) if folder else self
        document |= {"brand": placed.brand.model_dump(), "logo": placed.logo}
        document["sections"] = [{**vars(s), "table": _pack(s.table)} for s in placed.sections]
        return json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False)

    @property
    def files(self) -> list[Path]:
        """Files of the brand, the client's logo, pictures of pages."""
        named = [self.brand.logo, self.brand.template, self.logo, *(s.picture for s in self.sections)]
        return [Path(name) for name in named if name]

    def placed(self, place: Callable[[str], str]) -> "Review":
        """Return the review with its files named as `place` says."""
        brand = {key: place(name) for key in ("logo", "template") if (name := getattr(self.brand, key))}
        sections = tuple(replace(s, picture=place(s.picture)) if s.picture else s for s in self.sections)
        return replace(self, brand=self.brand.model_copy(update=brand), sections=sections,
                       logo=place(self.logo) if self.logo else "")  # fmt: skip

    @classmethod
    def from_json(cls, text: str | bytes) -> "Review":
        """Return a review from its JSON text.

        Raises
        ------
        InputError
            The text is not a review of this version.
        """
        try:
            document = json.loads(text)
            if document.pop("format") != FORMAT:
                raise ValueError("another format version")
            sections = [
                Section(
                    **{**s, "table": _unpack(s["table"]), **{k: tuple(s[k]) for k in ("paragraphs", "charts")}}
                )
                for s in document.pop("sections")
            ]
            document["brand"] = Brand(**document["brand"])
            return cls(**{**document, "sections": tuple(sections), "table": _unpack(document["table"])})
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            raise InputError(
                f"this is not a review of this version ({problem}).",
                where="review.json",
                fix="Make it again: `rhem review`.",
            ) from None


def build_review(  # noqa: PLR0913  what one edition knows
    work: Workspace,
    panel: pd.DataFrame,
    fit: DecayFit,
    *,
    client: str,
    quarter: str,
    patches: PatchEffect | None = None,
    earlier: DecayFit | None = None,
    past: Sequence[Review] = (),
) -> Review:
    """Return every number and sentence of one client's quarter; read and write nothing.

    Nothing after the quarter is used: a fit that has seen later months is made again without them.

    Parameters
    ----------
    work : Workspace
        Its settings and the client's reactive entries are used.
    panel : DataFrame, one row per client and month (schema.Panel)
    fit : DecayFit
        May be unusable, or without the client; the review then says that it is too early.
    client : str
    quarter : str
        For example '2026Q3'.
    patches : PatchEffect, optional
        What patch windows cost over all clients (`patches.patch_effect`); without it they are left out.
    earlier : DecayFit, optional
        The fit without the quarter (`Study.before`), from which it was forecast; made here if it is not given.
    past : sequence of Review
        The client's earlier editions: what they forecast is scored, what is another figure now is named.

    Raises
    ------
    ParameterError
        The quarter is not one.
    NotEnoughData
        The client had no computer in service in the quarter, or was not measured in it.

    Examples
    --------
    >>> review = build_review(
    ...     work, study.panel, study.fit, client="Birch Foods", quarter="2026Q2", earlier=study.before
    ... )
    >>> review["quarter"].title
    'Support was 26 minutes per computer and month, within normal ups and downs; that is above our goal of 15'
    >>> Review.from_json(review.to_json()).minutes == review.minutes
    True
    """
    if why := not_reviewed(panel, work.clients, str(quarter).upper()).get(client):
        raise NotEnoughData(why, where=client)
    fits = Fits(*fits_of(work, panel, fit, earlier, quarter), patches)
    facts = gather(work.settings, panel, fits, reactive_entries(work, client), client=client, quarter=quarter)
    before = sorted((old for old in past if old.quarter < facts.quarter), key=lambda old: old.quarter)
    facts = replace(facts, past=tuple(old.printed for old in before), planned=planned_hours(work, client))
    return brand_of(compose(facts), work.folder)


def fits_of(
    work: Workspace, panel: pd.DataFrame, fit: DecayFit, earlier: DecayFit | None, quarter: str
) -> tuple[DecayFit, DecayFit]:
    """Return the fits up to a quarter's end and before it: those given, or made where they saw too much."""
    start, end = quarter_bounds(quarter)
    measured = panel[why_unmeasured(panel, work.clients) == ""]
    ends = ((fit, end), (earlier, start))
    return tuple(  # type: ignore[return-value]
        fit_decay(measured[measured["month"] < day], target=work.settings.targets)
        if given is None or (given.observed is not None and (given.observed["last"] >= day).any())
        else given
        for given, day in ends
    )


def open_review(source: str | Path, *, client: str = "", quarter: str = "") -> Review:
    """Return a review from its .json file, or make it from a workspace folder.

    Parameters
    ----------
    source : str or Path
        review.json as `rhem review` prepares it, or a workspace folder.
    client : str
        Of the workspace; empty for the first with computers in service in the quarter. With a file: checked.
    quarter : str
        Of the workspace, for example '2026Q3'. With a file: checked.

    Raises
    ------
    ParameterError
        The file is of another client or quarter.

    Examples
    --------
    >>> open_review("data/sample", client="Birch Foods", quarter="2026Q2").period
    'April to June 2026'
    """
    if Path(source).is_file():
        review = Review.from_json(Path(source).read_bytes())
        review = brand_of(review, Path(source).parent)
        for name, asked, there in (("client", client, review.client), ("quarter", quarter, review.quarter)):
            if asked and asked != there:
                raise ParameterError(f"the file is of {name} '{there}', not '{asked}'.", where=str(source))
        return review
    work = load(source, until=quarter)
    made = study(work)
    start, end = quarter_bounds(quarter)
    served = made.panel[made.panel["exposure"] > 0]
    served = served[(served["month"] >= start) & (served["month"] < end)]
    client = client or (str(served["client"].min()) if len(served) else "any client")
    return build_review(
        work, made.panel, made.fit, client=client, quarter=quarter, patches=made.patches, earlier=made.before
    )


def brand_of(review: Review, folder: Path) -> Review:
    """Return the review with the paths of its brand's files, which start at the folder."""
    return review.placed(lambda file: str((folder / file).resolve()))


def compose(f: Facts) -> Review:
    """Return the review that the facts make, in the client's language."""
    language = f.own.language or f.settings.language
    with speaking(language):
        written = [_edited(section, f) for write in WRITERS if (section := write(f)) is not None]
        main = sum(not section.appendix for section in written)
        return Review(
            **of_settings(f.settings, language),
            client=f.client,
            quarter=f.quarter,
            period=spell(f),
            minutes=f.now.minutes,
            status=f.follows,
            sections=(*written[:main], *story.pages(f), *written[main:]),
            table=f.months,
            meeting=f"{f.edition().meeting or ''}",
            logo=f.own.logo,
        )


def of_settings(settings: Settings, language: str) -> dict[str, Any]:
    """Return what a review has from the settings, in the language in force."""
    return {
        "msp": settings.name,
        "language": language,
        "hours_are": t(settings.hours_are),
        "noun": noun(settings.hours_are),
        "unit": words(settings.hours_are)["unit"],
        "target_minutes": 60 * settings.targets.target_h,
        "metric_version": METRIC_VERSION,
        "brand": settings.brand,
    }


def _edited(section: Section, f: Facts) -> Section:
    """Return the section as the analyst edited it; what was replaced is nowhere in the deck."""
    edit = f.edition().text.get(section.key, Edit())  # type: ignore[call-overload]
    shown = section.shown and section.key not in (*f.own.hide, *f.edition().hide)
    if not (edit.title or edit.paragraphs):
        return replace(section, shown=shown)
    paragraphs = tuple(edit.paragraphs) or section.paragraphs
    section = replace(section, title=edit.title or section.title, paragraphs=paragraphs, shown=shown, edited=True)
    if not edit.paragraphs:
        return section
    if section.layout in ("plan", "evidence"):  # its table, and the count in its title, are replaced
        title = edit.title or story.step_title(len(paragraphs))
        return replace(section, title=title, table=None, layout="text")
    if section.layout == "months":  # the chart fills the page but for the line below it
        return replace(section, footnote=" ".join(paragraphs))
    return replace(section, left=min(section.left, len(paragraphs)))


def _pack(frame: pd.DataFrame | None) -> dict[str, Any] | None:
    """Return a frame as JSON values: empty cells as null, dates as text, with their columns."""
    if frame is None:
        return None
    dates = [c for c in frame if pd.api.types.is_datetime64_any_dtype(frame[c])]
    text = frame.assign(**{c: frame[c].dt.strftime("%Y-%m-%d") for c in dates}).astype(object)
    values = text.where(frame.notna(), None).to_dict("list")
    numbers = [c for c in frame if pd.api.types.is_float_dtype(frame[c])]
    return {"dates": dates, "numbers": numbers, "columns": values}


def _unpack(packed: dict[str, Any] | None) -> pd.DataFrame | None:
    if packed is None:
        return None
    frame = pd.DataFrame(packed["columns"])
    for column in packed["dates"]:
        frame[column] = pd.to_datetime(frame[column]).astype("datetime64[us]")
    return frame.astype({column: float for column in packed["numbers"]})
