"""Charts of the client deck, native to PowerPoint, so that an analyst can edit them.

python-pptx makes charts of one kind. Here a line chart is made with all series, whose data are then in its sheet,
and the series are moved into an area, a bar and a line plot on the same two axes, stacked in that order.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import pandas as pd
import xlsxwriter
from pptx.chart.chart import Chart
from pptx.chart.data import CategoryChartData
from pptx.dml.color import RGBColor
from pptx.enum.chart import XL_CHART_TYPE, XL_TICK_LABEL_POSITION, XL_TICK_MARK
from pptx.oxml import parse_xml
from pptx.oxml.ns import nsdecls, qn
from pptx.shapes.placeholder import ChartPlaceholder, PlaceholderGraphicFrame
from pptx.slide import Slide
from pptx.util import Emu, Pt

from rhem_lib.deck.fit_text import plain
from rhem_lib.deck.places import Places
from rhem_lib.deck.workbook import PLAIN
from rhem_lib.language import month_name, month_span, number, signed, t
from rhem_lib.review import Section

INK, GREY, LIGHT = "tx1", "accent4", "accent5"  # names of theme colours: the brand's template decides their values
BRAND, MIDDLE, WARNING, BAND = "accent1", "accent2", "accent3", "accent6"
PALE, SHADE = ("accent1", 40), ("accent1", 20)  # tints, in percent
HATCHED = "hatched"
MOST_LABELS, AGE_LABELS = 12, 6  # month labels along the axis; months between two labels of an age axis
LABEL = 16  # points, of a range
MOST_CHARACTERS, MOST_BARS = 26, 10  # of a bar's name; bars of causes
FEW = 4  # forecasts that have room at least
ROOM, ROOM_ABOVE = 1.3, 1.12  # top of the axis over the highest value, for labels of bars and of lines
Paint = str | tuple[str, int]
Line = tuple[Paint, float, str]  # colour, points, dash


class ChartData(CategoryChartData):
    """Data of a chart whose workbook holds text as text; python-pptx would make formulas and links of some."""

    @property
    def xlsx_blob(self) -> bytes:
        """The workbook inside the deck."""
        made = io.BytesIO()
        with xlsxwriter.Workbook(made, {"in_memory": True, **PLAIN}) as book:
            self._workbook_writer._populate_worksheet(book, book.add_worksheet())
        return made.getvalue()


@dataclass(frozen=True)
class Room:
    """Where a chart goes on a slide whose layout has no placeholder for it: left, top, width, height."""

    slide: Slide
    box: tuple[int, int, int, int]

    def insert_chart(self, kind: XL_CHART_TYPE, data: CategoryChartData) -> Any:
        """Add the chart, as a placeholder does."""
        left, top, width, height = map(Emu, self.box)
        return self.slide.shapes.add_chart(kind, left, top, width, height, data)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Label:
    """Lines of text above (t), below (b), left (l), right (r) of a point, on it (ctr), past its bar (outEnd)."""

    lines: tuple[str, ...]
    place: str = "t"
    colour: str = INK
    size: int = 14
    bold: bool = True


@dataclass(frozen=True)
class Series:
    """A series of a combined chart: its kind (area, bar or line), looks, single points and labels."""

    name: str
    values: Any
    kind: str = "line"
    fill: Paint = ""
    line: Line | None = None
    marker: tuple[str, int, str] | None = None
    points: Mapping[int, Paint] = field(default_factory=dict)
    labels: dict[int, Label] = field(default_factory=dict)
    goal: bool = False


def describe(frame: PlaceholderGraphicFrame, name: str, text: str) -> None:
    """Name and alternative text of a chart or table."""
    properties = frame._element.nvGraphicFramePr.cNvPr
    properties.set("name", name)
    properties.set("descr", plain(text)[:1000])


def _paint(paint: Paint, alpha: int = 0) -> str:
    """Return the XML of a fill; none without a colour."""
    if not paint:
        return "<a:noFill/>"
    if paint == HATCHED:
        dark, light = '<a:schemeClr val="accent2"/>', '<a:schemeClr val="bg1"/>'
        return f'<a:pattFill prst="wdUpDiag"><a:fgClr>{dark}</a:fgClr><a:bgClr>{light}</a:bgClr></a:pattFill>'
    name, tint = paint if isinstance(paint, tuple) else (paint, 0)
    inner = f'<a:lumMod val="{tint * 1000}"/><a:lumOff val="{100_000 - tint * 1000}"/>' if tint else ""
    inner += f'<a:alpha val="{alpha * 1000}"/>' if alpha else ""
    return f'<a:solidFill><a:schemeClr val="{name}">{inner}</a:schemeClr></a:solidFill>'


def _shape(series: Series) -> str:
    """Return the shape properties of a series."""
    line = "<a:ln><a:noFill/></a:ln>"
    if series.line:
        colour, points, dash = series.line
        style = f'<a:prstDash val="{dash}"/>' if dash else ""
        line = f'<a:ln w="{int(points * 12700)}">{_paint(colour)}{style}</a:ln>'
    fill = _paint(series.fill, 60 if series.fill == SHADE else 0) if series.kind != "line" else ""
    return f"<c:spPr {nsdecls('c', 'a')}>{fill}{line}</c:spPr>"


def _rich(label: Label) -> str:
    """Return the text of a label; without wrapping, which renderers do at will."""
    runs = []
    for i, text in enumerate(label.lines):
        colour = GREY if i and label.colour == INK else label.colour
        face = f'<a:rPr lang="en-US" b="{int(label.bold and not i)}" sz="{label.size * 100 - 200 * bool(i)}">'
        face += f"{_paint(colour)}</a:rPr>"
        runs.append(f"<a:p><a:pPr><a:defRPr/></a:pPr><a:r>{face}<a:t>{escape(plain(text))}</a:t></a:r></a:p>")
    return f'<c:rich><a:bodyPr wrap="none"/><a:lstStyle/>{"".join(runs)}</c:rich>'


def _labels(labels: dict[int, Label]) -> str:
    """Return the data labels of a series, at single points only."""
    shown = "".join(
        f'<c:{key} val="{int(key == "showVal")}"/>'
        for key in ("showLegendKey", "showVal", "showCatName", "showSerName", "showPercent", "showBubbleSize")
    )
    each = "".join(
        f'<c:dLbl><c:idx val="{i}"/><c:tx>{_rich(label)}</c:tx><c:dLblPos val="{label.place}"/>{shown}</c:dLbl>'
        for i, label in sorted(labels.items())
    )
    others = shown.replace('showVal val="1"', 'showVal val="0"')
    return f"<c:dLbls {nsdecls('c', 'a')}>{each}{others}</c:dLbls>"


def _dress(element: Any, series: Series) -> None:
    """Give a series its looks; the order of its children counts."""
    for tag in ("spPr", "marker", "smooth", "invertIfNegative", "dLbls"):
        for child in element.findall(qn(f"c:{tag}")):
            element.remove(child)
    parts = [_shape(series)]
    if series.kind == "line":
        symbol, size, colour = series.marker or ("none", 0, "")
        face = f"<c:size val='{size}'/><c:spPr>{_paint(colour)}<a:ln><a:noFill/></a:ln></c:spPr>" if size else ""
        parts.append(f"<c:marker {nsdecls('c', 'a')}><c:symbol val='{symbol}'/>{face}</c:marker>")
    if series.kind == "bar":
        parts.append(f'<c:invertIfNegative {nsdecls("c")} val="0"/>')
    edge = f'<a:ln w="9525">{_paint(MIDDLE)}</a:ln>'
    for i, paint in series.points.items():
        shape = f"<c:spPr>{_paint(paint)}{edge if paint == HATCHED else ''}</c:spPr>"
        parts.append(f'<c:dPt {nsdecls("c", "a")}><c:idx val="{i}"/>{shape}</c:dPt>')
    if series.labels:
        parts.append(_labels(series.labels))
    if series.goal:  # from edge to edge, half a category before and after
        line = f'<c:spPr><a:ln w="19050">{_paint(INK)}<a:prstDash val="sysDot"/></a:ln></c:spPr>'
        kind = '<c:trendlineType val="linear"/><c:forward val="0.5"/><c:backward val="0.5"/>'
        rest = '<c:dispRSqr val="0"/><c:dispEq val="0"/>'
        parts.append(f"<c:trendline {nsdecls('c', 'a')}>{line}{kind}{rest}</c:trendline>")
    before = element.find(qn("c:cat"))
    for part in parts:
        before.addprevious(parse_xml(part))
    if series.kind == "line":
        element.append(parse_xml(f'<c:smooth {nsdecls("c")} val="0"/>'))


def combine(
    place: ChartPlaceholder | Room,
    categories: Sequence[Any],
    series: Sequence[Series],
    top: float,
    layout: tuple[float, float, float, float],
    *,
    gap: int = 60,
    sideways: bool = False,
) -> tuple[Chart, PlaceholderGraphicFrame]:
    """Draw series of several kinds on two axes from 0 to `top`; `layout` is the plot's part of the placeholder."""
    data = ChartData(number_format="0.0")
    data.categories = list(categories)
    for one in series:
        data.add_series(plain(one.name), [float(v) if np.isfinite(v) else None for v in one.values])
    frame = place.insert_chart(XL_CHART_TYPE.LINE, data)
    chart = frame.chart
    chart.font.size, chart.has_legend, chart.has_title = Pt(14), False, False
    chart.font.color.rgb = RGBColor(0x52, 0x60, 0x6D)
    area = chart._chartSpace.chart.plotArea
    _split(area, series, gap, sideways)
    if sideways:
        for axis, side in ((chart.category_axis, "l"), (chart.value_axis, "b")):
            axis._element.find(qn("c:axPos")).set("val", side)
    _frame(chart, top, layout)
    return chart, frame


def _split(area: Any, series: Sequence[Series], gap: int, sideways: bool) -> None:
    """Move the series of the one line plot into an area, a bar and a line plot on its axes."""
    lines = area.find(qn("c:lineChart"))
    axes = "".join(f'<c:axId val="{axis.get("val")}"/>' for axis in lines.findall(qn("c:axId")))
    elements = lines.findall(qn("c:ser"))
    for element, one in zip(elements, series, strict=True):
        _dress(element, one)
    way = "bar" if sideways else "col"
    heads = {
        "area": '<c:grouping val="stacked"/><c:varyColors val="0"/>',
        "bar": f'<c:barDir val="{way}"/><c:grouping val="stacked"/><c:varyColors val="0"/>',
        "line": '<c:grouping val="standard"/><c:varyColors val="0"/>',
    }
    tails = {"bar": f'<c:gapWidth val="{gap}"/><c:overlap val="100"/>', "line": '<c:marker val="1"/>'}
    for kind, head in heads.items():
        chosen = [e for e, one in zip(elements, series, strict=True) if one.kind == kind]
        if not chosen:
            continue
        plot = parse_xml(f"<c:{kind}Chart {nsdecls('c')}>{head}{tails.get(kind, '')}{axes}</c:{kind}Chart>")
        for element in reversed(chosen):
            plot.find(qn("c:varyColors")).addnext(element)
        lines.addprevious(plot)
    area.remove(lines)


def _frame(chart: Chart, top: float, layout: tuple[float, float, float, float]) -> None:
    """Quiet axes from 0, and a plot in a fixed part of the chart."""
    area = chart._chartSpace.chart.plotArea
    for child in area.findall(qn("c:layout")):
        area.remove(child)
    sides = "".join(f'<c:{k} val="{v}"/>' for k, v in zip("xywh", layout, strict=True))
    area.insert(0, parse_xml(
        f'<c:layout {nsdecls("c")}><c:manualLayout><c:layoutTarget val="inner"/><c:xMode val="edge"/>'
        f'<c:yMode val="edge"/>{sides}</c:manualLayout></c:layout>'))  # fmt: skip
    value, category = chart.value_axis, chart.category_axis
    value.minimum_scale, value.maximum_scale = 0, top
    value.has_major_gridlines = category.has_major_gridlines = False
    value.major_tick_mark = category.major_tick_mark = XL_TICK_MARK.NONE
    value.tick_label_position = XL_TICK_LABEL_POSITION.NONE
    value.format.line.fill.background()
    category.format.line.color.rgb = RGBColor(0x8A, 0x96, 0xA3)
    category.tick_labels.font.size = Pt(14)


def _step(top: float) -> float:
    """Return a round distance of gridlines, about four of them below the top."""
    scale = 10 ** np.floor(np.log10(max(top, 1) / 4))
    return float(next(m * scale for m in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 7.5, 10) if m * scale * 4 >= top))


def months_chart(place: ChartPlaceholder, section: Section) -> bool:
    """Minutes by month with gaps, normal range, this quarter shaded, goal, forecast; labelled directly.

    Returns whether the normal range runs above the scale.
    """
    rows = section.table if section.table is not None else pd.DataFrame()
    known, ahead = rows["kind"] == "month", rows["kind"] == "ahead"
    minutes, last = rows["minutes"].where(known), int(np.flatnonzero(known & rows["minutes"].notna())[-1])
    step = _step(ROOM_ABOVE * max(rows["minutes"].max(), float(rows["target"].iloc[0])))
    top, dashed = 4 * step, rows["minutes"].where(ahead)
    dashed[last] = minutes[last]  # so that it connects
    shares, size = (0.035, 0.02, 0.81, 0.89), (place.width / Pt(1), place.height / Pt(1))
    plot, aside = (shares[2] * size[0], shares[3] * size[1]), (1 - shares[0] - shares[2]) * size[0]
    free = Places(plot, top, [minutes, dashed, rows["target"]], aside)
    quarter = rows["quarter"] & known
    inside = np.flatnonzero(quarter)
    span = month_span(*rows["month"].iloc[inside[[0, -1]]])
    out = known & rows["normal_high"].notna() & (minutes > rows["normal_high"])
    names = {int(inside[len(inside) // 2]): Label((span,), "inEnd")}
    free.taken.append(free.box(inside.mean(), top, (span,), 14, "b"))
    ends = _end_labels(rows, free)
    peaks = _peak_labels(rows, out, free)
    numbers, heights = _month_labels(minutes, quarter & ~out, free)
    series = [
        *_band(rows, known, free),
        Series(t("This quarter"), np.where(quarter, top, np.nan), "bar", fill=SHADE, labels=names),
        Series(t("Goal"), rows["target"], line=(INK, 1.5, "sysDot"), labels=ends["goal"]),
    ]
    if ahead.any():
        series.append(Series(t("Forecast"), dashed, line=(BRAND, 2.5, "dash"), labels=ends["ahead"]))
    series.append(Series(t("Minutes per computer"), minutes, line=(BRAND, 3, ""), marker=("circle", 6, BRAND),
                         labels=numbers))  # fmt: skip
    if heights.notna().any():
        texts = {i: Label((number(minutes[i]),), "ctr", BRAND) for i in np.flatnonzero(heights.notna()).tolist()}
        series.append(Series(t("Labels"), heights, labels=texts))
    if out.any():
        series.append(Series(t("Above the normal range"), minutes.where(out), marker=("circle", 12, WARNING),
                             labels=peaks))  # fmt: skip
    chart, frame = combine(place, rows["month"].dt.date.tolist(), series, top, shares, gap=0)
    _gridlines(chart, step)
    _month_axis(chart, len(rows))
    text = f"{section.title}. {' '.join(section.paragraphs)}"
    describe(frame, t("Chart: minutes by month"), t("Line chart. {text}", text=text))
    return bool((rows.loc[known, "normal_high"] > top).any())


def _gridlines(chart: Chart, step: float) -> None:
    """Pale lines with their values, a step apart."""
    chart.value_axis.tick_label_position = XL_TICK_LABEL_POSITION.LOW
    chart.value_axis.major_unit, chart.value_axis.has_major_gridlines = step, True
    chart.value_axis.major_gridlines.format.line.color.rgb = RGBColor(0xDD, 0xE3, 0xE9)


def _band(rows: pd.DataFrame, known: pd.Series, free: Places) -> list[Series]:
    """The normal range, named inside itself where its name touches neither its edges nor a line."""
    if rows.loc[known, "normal_low"].isna().all():
        return []
    low, high = (rows[f"normal_{end}"].ffill().bfill() for end in ("low", "high"))
    name, edges = (t("Normal range"),), Places(free.size, free.top, [low, high])
    spots = [
        (float(clear), i, height)
        for share in (0.5, 0.65, 0.35, 0.8, 0.2)
        for i in range(0, len(rows), max(len(rows) // MOST_LABELS, 1))
        for height in [low[i] + share * (min(high[i], free.top) - low[i])]
        if not free.cost(box := free.box(i, height, name, 14, "ctr")) + edges.cost(box)
        for clear in [min(height - low[i], min(high[i], free.top) - height)]
    ]
    drawn = [Series(t("Normal range, from"), low, "area"),
             Series(t("Normal range, width"), high - low, "area", fill=BAND)]  # fmt: skip
    if spots:
        _, i, height = max(spots)
        heights = np.where(np.arange(len(rows)) == i, height, np.nan)
        drawn.append(Series(name[0], heights, labels={i: Label(name, "ctr", GREY, bold=False)}))
    return drawn


def _end_labels(rows: pd.DataFrame, free: Places) -> dict[str, dict[int, Label]]:
    """Label goal and forecast at the right edge; the goal above or below its line where they would touch."""
    end, ahead, goal = len(rows) - 1, rows["kind"] == "ahead", float(rows["target"].iloc[0])
    line, value = (t("Goal {n}", n=number(goal)),), float(rows["minutes"].iloc[-1])
    text: tuple[str, ...] = (" ",)
    if ahead.any():
        first, final = (month_name(when) for when in rows.loc[ahead, "month"].iloc[[0, -1]])
        text = (t("{first} to {last}", first=first, last=final), str(rows.loc[ahead, "label"].iloc[-1]))
    forecast, named = (free.box(end, at, lines, 14, "r") for at, lines in ((value, text), (goal, line)))
    at, place = end, "r"
    if forecast[1] < named[3] and named[1] < forecast[3]:  # they touch: the goal goes where its line is free
        spots = [(i, side) for i in range(1, end) for side in "bt"]
        at, place = min(spots, key=lambda spot: free.cost(free.box(spot[0], goal, line, 14, spot[1])))
    free.taken.append(free.box(at, goal, line, 14, place))
    return {"goal": {at: Label(line, place)}, "ahead": {end: Label(text, "r", BRAND)} if ahead.any() else {}}


def _month_labels(minutes: pd.Series, chosen: pd.Series, free: Places) -> tuple[dict[int, Label], pd.Series]:
    """Numbers of the quarter's months at their points; where lines leave no room there, heights above or below."""
    found, heights = {}, minutes * np.nan
    for i in np.flatnonzero(chosen & minutes.notna()).tolist():
        text = (number(minutes[i]),)
        if min(free.cost(free.box(i, minutes[i], text, 14, place)) for place in "tbrl"):
            heights[i] = minutes[i]
        else:
            found[i] = Label(text, free.put(i, minutes[i], text, 14, "tbrl"), BRAND)
    for i in np.flatnonzero(heights.notna()).tolist():
        heights[i] = free.nearest(i, minutes[i], (number(minutes[i]),), 14)
    return found, heights


def _peak_labels(rows: pd.DataFrame, out: pd.Series, free: Places) -> dict[int, Label]:
    """Months above their range by name, the quarter's highest with its cause; neighbours get one label."""
    found, places = {}, np.flatnonzero(out).tolist()
    highest = rows["minutes"].where(out & rows["quarter"]).idxmax() if (out & rows["quarter"]).any() else -1
    for i in sorted(places, key=lambda i: -rows["minutes"][i]):
        beside = [k for k in places if 0 < abs(k - i) <= 2 and rows["minutes"][k] > rows["minutes"][i]]
        if beside and not rows["quarter"][i]:
            continue
        value, cause = number(rows["minutes"][i]), str(rows["label"][i])
        name = value if beside else f"{month_name(rows['month'][i])} {value}"
        lines = (name, *cause.split("\n")) if cause and i == highest else (name,)
        found[i] = Label(lines, free.put(i, rows["minutes"][i], lines, 14, "tlrb"), WARNING)
    return found


def ages_chart(place: ChartPlaceholder, section: Section) -> None:
    """The path of a typical client by age, with its band and the goal."""
    rows = section.table if section.table is not None else pd.DataFrame()
    goal = float(rows["target"].iloc[0])
    top, end = 4 * _step(ROOM_ABOVE * max(float(rows["expected_high"].max()), goal)), len(rows) - 1
    shares, start = (0.035, 0.02, 0.85, 0.89), float(rows["expected"].iloc[0])
    size = (shares[2] * place.width / Pt(1), shares[3] * place.height / Pt(1))
    free = Places(size, top, [rows[c] for c in ("expected", "expected_high", "target")])
    series = [
        Series(t("From"), rows["expected_low"], "area"),
        Series(t("Expected range"), rows["expected_high"] - rows["expected_low"], "area", fill=BAND),
        Series(t("Goal"), rows["target"], line=(INK, 1.5, "sysDot"),
               labels={end: Label((t("Goal {n}", n=number(goal)),), "r")}),
        Series(t("Expected path"), rows["expected"], line=(BRAND, 3, ""),
               labels={0: Label((number(start),), free.put(0, start, (number(start),), 14, "rt"), BRAND)}),
    ]  # fmt: skip
    ages = [f"{age:.0f}" if age % AGE_LABELS == 0 else " " for age in rows["age_months"]]
    chart, frame = combine(place, ages, series, top, shares)
    chart.value_axis.tick_label_position = XL_TICK_LABEL_POSITION.LOW
    chart.value_axis.major_unit = top / 4
    _set(chart, {"tickLblSkip": 1}, before="noMultiLvlLbl")
    text = f"{section.title}. {' '.join(section.paragraphs)}"
    describe(frame, t("Chart: minutes by months since the start"), t("Line chart. {text}", text=text))


def _set(chart: Chart, values: dict[str, Any], before: str = "") -> None:
    """Set elements of the category axis, in this order, before another one or at the end."""
    axis = chart.category_axis._element
    for tag, value in values.items():
        for child in axis.findall(qn(f"c:{tag}")):
            axis.remove(child)
        element = parse_xml(f'<c:{tag} {nsdecls("c")} val="{value}"/>')
        if before:
            axis.find(qn(f"c:{before}")).addprevious(element)
        else:
            axis.append(element)


def _month_axis(chart: Chart, months: int, apart: int = 0) -> None:
    """Calendar months along the axis, named so far apart that the names do not touch."""
    apart = apart or next(n for n in (1, 2, 3, 6, 12, 24, months) if months / n <= MOST_LABELS)
    chart.category_axis.tick_labels.number_format = "mmm yy"
    chart.category_axis.tick_labels.number_format_is_linked = False
    _set(chart, {"baseTimeUnit": "months", "majorUnit": apart, "majorTimeUnit": "months"})


def ranges_chart(place: ChartPlaceholder, rows: pd.DataFrame, title: str, goal: float = np.nan) -> None:
    """Numbers with their ranges, forecasts hatched, this quarter in the brand's tint; the goal from edge to edge.

    `rows` have item, value, low, high and kind: now, forecast or another.
    """
    paints: dict[str, Paint] = {"now": PALE, "forecast": HATCHED}
    fills = {i: paints.get(kind, LIGHT) for i, kind in enumerate(rows["kind"])}
    low, value, high = (np.append(rows[c].to_numpy(float), np.nan) for c in ("low", "value", "high"))
    base = np.clip(low, 0, None)
    top = ROOM * float(np.nanmax([*high, goal, 1.0]))
    label = 2.4 * LABEL / (0.84 * place.height / Pt(1)) * top  # height of two lines
    crossed = (high < goal) & (goal < high + label)  # the label would lie on the line: it goes above
    top = float(np.nanmax([top, *(np.where(crossed, goal, high) + label)]))
    texts = {
        i: Label((number(v), t("{low} to {high}", low=float(a), high=float(b))), "t", INK, LABEL)
        for i, (v, a, b) in enumerate(zip(value[:-1], low, high, strict=False))
    }
    series = [
        Series(t("From"), base, "bar"),
        Series(t("To the estimate"), value - base, "bar", fill=LIGHT, points=fills),
        Series(t("From the estimate"), high - value, "bar", fill=LIGHT, points=fills),
        Series(t("Estimate"), value, marker=("dash", 22, INK)),
        Series(t("Range"), np.where(crossed, goal, high), labels=texts),
    ]
    items = [*rows["item"], " "]
    if np.isfinite(goal):
        label = Label((t("Goal {n}", n=number(goal)),), "t")
        series.append(Series(t("Goal"), np.full(len(items), goal), goal=True, labels={len(rows): label}))
    else:
        items, series = items[:-1], [_cut(one) for one in series]
    _, frame = combine(place, [plain(item) for item in items], series, top, (0.0, 0.02, 1.0, 0.84), gap=70)
    figures = "; ".join(
        f"{row.item}: {number(row.value)} ({number(row.low)}-{number(row.high)})" for row in rows.itertuples()
    )
    describe(frame, t("Chart: {title}", title=title), t("Column chart. {text}", text=f"{title}. {figures}."))


def cause_chart(room: Room, rows: pd.DataFrame, title: str) -> None:
    """One cause by month, this quarter in the brand's colour with its numbers, and what is usual."""
    usual, now = float(rows["usual"].iloc[0]), np.flatnonzero(rows["quarter"]).tolist()
    months = pd.date_range(rows["month"].iloc[0], periods=len(rows) + 1, freq="MS")  # the last is room for a label
    minutes = np.append(rows["minutes"].to_numpy(float), np.nan)
    texts = {i: Label((number(minutes[i]),), "t", BRAND) for i in now if np.isfinite(minutes[i])}
    series = [Series(title, minutes, "bar", fill=MIDDLE, points=dict.fromkeys(now, BRAND)),
              Series(t("Top"), minutes, labels=texts)]  # fmt: skip
    if np.isfinite(usual):
        name = Label((t("Usual {n}", n=number(usual)),), "r")
        series.append(Series(t("Usual"), np.full(len(months), usual), line=(INK, 1.5, "sysDot"),
                             labels={len(rows): name}))  # fmt: skip
    top = 1.25 * max(float(np.nanmax([*minutes, usual])), 0.1)
    chart, frame = combine(room, [m.date() for m in months], series, top, (0.0, 0.02, 0.84, 0.8), gap=40)
    _month_axis(chart, len(rows), apart=3)
    figures = "; ".join(
        f"{m:%Y-%m}: {number(v, 1)}" for m, v in zip(months, minutes, strict=True) if np.isfinite(v)
    )
    describe(frame, t("Chart: {title}", title=title), t("Column chart. {text}", text=f"{title}. {figures}."))


def forecasts_chart(room: Room, rows: pd.DataFrame, title: str) -> None:
    """Forecasts as hatched ranges, and what came as dots; the quarters in order."""
    texts = {i: Label((number(v),), "r", BRAND) for i, v in enumerate(rows["came"].tolist())}
    few = range(max(len(rows), FEW))  # bars of fewer would be too wide
    rows = rows.reset_index(drop=True).reindex(few).fillna({"name": " "})
    low, high, came = (rows[c].to_numpy(float) for c in ("low", "high", "came"))
    series = [
        Series(t("From"), np.clip(low, 0, None), "bar"),
        Series(t("Forecast"), high - np.clip(low, 0, None), "bar", fill=HATCHED,
               points=dict.fromkeys(range(len(rows)), HATCHED)),
        Series(t("What came"), came, marker=("circle", 10, BRAND), labels=texts),
    ]  # fmt: skip
    top = 1.1 * max(float(np.nanmax([high, came])), 1.0)
    _, frame = combine(room, rows["name"].map(plain).tolist(), series, top, (0.0, 0.02, 1.0, 0.76), gap=500)
    figures = "; ".join(
        f"{row.name}: {number(row.low)}-{number(row.high)}, {number(row.came)}"
        for row in rows.dropna().itertuples(index=False)
    )
    describe(frame, t("Chart: {title}", title=title), t("Column chart. {text}", text=f"{title}. {figures}."))


def _cut(series: Series) -> Series:
    """A series without the empty last category, which is there for the goal's label."""
    return Series(**{**vars(series), "values": list(series.values)[:-1]})


def bridge_chart(place: ChartPlaceholder, rows: pd.DataFrame, title: str) -> None:
    """From the quarter before to this one: its parts as steps, which add up; grey where they may be chance."""
    more, less = (MIDDLE, MIDDLE) if np.all(rows.get("state") == "unclear") else (WARNING, BRAND)
    change = rows["change"].to_numpy(float)
    ends = np.array([change[0], change[0] + change[1], change[-1], change[-1]])
    starts = np.array([0.0, change[0], change[0] + change[1], 0.0])
    low, size = np.minimum(starts, ends), np.abs(ends - starts)
    total, up = np.array([True, False, False, True]), ends >= starts
    texts = {
        i: Label((number(change[i], 1) if total[i] else signed(change[i], 1),), "t",
                 INK if total[i] or more == MIDDLE else more if up[i] else less, 16)
        for i in range(4)
    }  # fmt: skip
    series = [
        Series(t("Base"), np.where(total, 0.0, low), "bar"),
        Series(t("Level"), np.where(total, ends, 0.0), "bar", fill=MIDDLE, points={3: BRAND}),
        Series(t("More"), np.where(~total & up, size, 0.0), "bar", fill=more),
        Series(t("Less"), np.where(~total & ~up, size, 0.0), "bar", fill=less),
        Series(t("Top"), low + size, labels=texts),
    ]
    for i in range(3):
        pair = np.full(4, np.nan)
        pair[i : i + 2] = ends[i]
        series.append(Series(t("Step {n}", n=i + 1), pair, line=(GREY, 0.5, "")))
    top = 1.2 * float((low + size).max())
    _, frame = combine(place, rows["name"].map(plain).tolist(), series, top, (0.0, 0.03, 1.0, 0.81), gap=55)
    figures = "; ".join(f"{name}: {signed(v, 1)}" for name, v in zip(rows["name"], change, strict=True))
    describe(frame, t("Chart: {title}", title=title), t("Column chart. {text}", text=f"{title}. {figures}."))


def change_chart(place: ChartPlaceholder, rows: pd.DataFrame, title: str) -> None:
    """How much each cause added or took away, most first; what added most to a change in the warning colour."""
    shown = rows if len(rows) <= MOST_BARS else _with_rest(rows)
    values = shown["change"].round(1).to_numpy(float)
    texts = {i: Label((signed(v, 1),), "outEnd", INK, 14, bold=False) for i, v in enumerate(values)}
    first = {0: WARNING} if values[0] > 0 and not np.all(shown[:1].get("state") == "unclear") else {}
    series = [Series(title, values, "bar", fill=MIDDLE, points=first, labels=texts)]
    least, most = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    label = 0.2 * max(most - least, 0.1)
    names = [_short(name) for name in shown["name"]]
    chart, frame = combine(place, names, series, most + label, (0.34, 0.0, 0.64, 1.0), gap=45, sideways=True)
    plot = chart._chartSpace.chart.plotArea.find(qn("c:barChart"))
    plot.find(qn("c:grouping")).set("val", "clustered")
    chart.value_axis.minimum_scale = least - label if least < 0 else 0
    chart.category_axis.reverse_order = True
    chart.category_axis.tick_label_position = XL_TICK_LABEL_POSITION.LOW
    figures = "; ".join(f"{name}: {signed(v, 1)}" for name, v in zip(shown["name"], values, strict=True))
    describe(frame, t("Chart: {title}", title=title), t("Bar chart. {text}", text=f"{title}. {figures}."))


def _with_rest(rows: pd.DataFrame) -> pd.DataFrame:
    """The causes that moved most, and all others together, so that the bars still add up."""
    kept = rows.loc[rows["change"].abs().nlargest(MOST_BARS - 1).index].sort_values("change", ascending=False)
    rest = rows.drop(kept.index)["change"].sum()
    return pd.concat([kept, pd.DataFrame([{"name": t("All others"), "change": rest}])], ignore_index=True)


def _short(name: str) -> str:
    text = plain(name)
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"
