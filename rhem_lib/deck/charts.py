"""Charts of the client deck, native to PowerPoint, so that an analyst can edit them."""

import io
from typing import Any

import numpy as np
import pandas as pd
import xlsxwriter
from pptx.chart.chart import Chart
from pptx.chart.data import CategoryChartData
from pptx.dml.color import RGBColor
from pptx.enum.chart import (
    XL_CHART_TYPE,
    XL_LABEL_POSITION,
    XL_LEGEND_POSITION,
    XL_TICK_LABEL_POSITION,
    XL_TICK_MARK,
)
from pptx.enum.dml import MSO_LINE, MSO_THEME_COLOR
from pptx.oxml import parse_xml
from pptx.oxml.ns import nsdecls, qn
from pptx.shapes.placeholder import ChartPlaceholder, PlaceholderGraphicFrame
from pptx.util import Pt

from rhem_lib.deck.workbook import PLAIN
from rhem_lib.language import mark, number, sentence_case, t
from rhem_lib.review import Section

GREY, LIGHT_GREY = RGBColor(0x5B, 0x66, 0x73), RGBColor(0xD9, 0xDE, 0xE5)
MOST_LABELS = 12  # month labels along the axis
AGE_LABELS = 6  # months between two labels of an age axis
MARKERS_UP_TO = 40  # months
FONT_SIZE = Pt(12)
MOST_CHARACTERS = 28  # of a bar's name
HEADROOM = 1.2  # top of a bar chart over its tallest bar, for the label


def describe(frame: PlaceholderGraphicFrame, name: str, text: str) -> None:
    """Name and alternative text of a chart or table."""
    properties = frame._element.nvGraphicFramePr.cNvPr
    properties.set("name", name)
    properties.set("descr", text)


class ChartData(CategoryChartData):
    """Data of a chart whose workbook holds text as text; python-pptx would make formulas and links of some."""

    @property
    def xlsx_blob(self) -> bytes:
        """The workbook inside the deck."""
        made = io.BytesIO()
        with xlsxwriter.Workbook(made, {"in_memory": True, **PLAIN}) as book:
            self._workbook_writer._populate_worksheet(book, book.add_worksheet())
        return made.getvalue()


def _cells(values: pd.Series) -> list[float | None]:
    """Values for a chart; what is missing becomes a gap, never 0."""
    return [float(v) if np.isfinite(v) else None for v in values]


def line_chart(place: ChartPlaceholder, section: Section) -> None:
    """Draw minutes by month or age with gaps, the expected path with its band, and the target line."""
    table = section.table
    if table is None:
        return
    dated = "month" in table
    data = ChartData(number_format="0")
    data.categories = table["month"].dt.date.tolist() if dated else [f"{age:.0f}" for age in table["age_months"]]
    band = bool(table["expected"].notna().any())
    if band:
        data.add_series(t("From"), _cells(table["expected_low"]))
        data.add_series(t("Expected range"), _cells(table["expected_high"] - table["expected_low"]))
        data.add_series(t("Expected path"), _cells(table["expected"]))
    data.add_series(t("{line}-minute line", line=number(table["target"].iloc[0])), _cells(table["target"]))
    if dated:
        data.add_series(t("Minutes per computer"), _cells(table["minutes"]))
    frame = place.insert_chart(XL_CHART_TYPE.LINE_MARKERS, data)
    chart = frame.chart
    _dress(chart, section.chart)
    if band:
        _stack_band(chart)
    lines = list(chart.plots[len(chart.plots) - 1].series)
    if band:
        own = (MSO_THEME_COLOR.ACCENT_2, 1.5, MSO_LINE.DASH) if dated else (MSO_THEME_COLOR.ACCENT_1, 2.75, None)
        _line(lines.pop(0), *own)
    _line(lines.pop(0), MSO_THEME_COLOR.ACCENT_3, 1.75, MSO_LINE.SQUARE_DOT)
    for actual in lines:
        _line(actual, MSO_THEME_COLOR.ACCENT_1, 2.75, None, marker=len(table) <= MARKERS_UP_TO)
    chart.has_legend = True
    chart.legend.position, chart.legend.include_in_layout = XL_LEGEND_POSITION.BOTTOM, False
    chart.legend.font.size = FONT_SIZE
    if band:
        unseen = parse_xml(f'<c:legendEntry {nsdecls("c")}><c:idx val="0"/><c:delete val="1"/></c:legendEntry>')
        chart.legend._element.find(qn("c:legendPos")).addnext(unseen)
    if dated:
        _month_axis(chart, len(table))
    else:  # a label every six months, the lines from edge to edge
        _set(chart, {"tickLblSkip": AGE_LABELS, "tickMarkSkip": AGE_LABELS}, before="noMultiLvlLbl")
    name = t("Chart: minutes by month") if dated else t("Chart: minutes by months since the start")
    describe(frame, name, t("Line chart. {text}", text=f"{section.title}. {' '.join(section.paragraphs)}"))


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


def _dress(chart: Chart, title: str) -> None:
    """Quiet axes, light grid, and the unit as the chart's title."""
    chart.font.size, chart.font.color.rgb = FONT_SIZE, GREY
    chart.has_title = True
    chart.chart_title.text_frame.text = title
    font = chart.chart_title.text_frame.paragraphs[0].runs[0].font
    font.size, font.bold, font.color.rgb = Pt(13), False, GREY
    chart.chart_title.include_in_layout = False
    value, category = chart.value_axis, chart.category_axis
    value.minimum_scale = 0
    value.major_gridlines.format.line.color.rgb = LIGHT_GREY
    value.format.line.fill.background()
    value.major_tick_mark = category.major_tick_mark = XL_TICK_MARK.NONE
    category.format.line.color.rgb = LIGHT_GREY
    category.has_major_gridlines = False


def _line(series: Any, colour: MSO_THEME_COLOR, width: float, dash: MSO_LINE | None, marker: bool = False) -> None:
    line = series.format.line
    line.color.theme_color, line.width = colour, Pt(width)
    if dash is not None:
        line.dash_style = dash
    properties = series._element.get_or_add_marker()
    properties.clear()
    kind = "circle" if marker else "none"
    properties.append(parse_xml(f'<c:symbol {nsdecls("c")} val="{kind}"/>'))
    if marker:
        properties.append(parse_xml(f'<c:size {nsdecls("c")} val="6"/>'))
        series.marker.format.fill.solid()
        series.marker.format.fill.fore_color.theme_color = colour
        series.marker.format.line.fill.background()


def _stack_band(chart: Chart) -> None:
    """Move the first two series into a stacked area behind the lines: the upper is the band."""
    plot = chart._chartSpace.chart.plotArea
    lines = plot.find(qn("c:lineChart"))
    area = parse_xml(
        f'<c:areaChart {nsdecls("c")}><c:grouping val="stacked"/><c:varyColors val="0"/></c:areaChart>'
    )
    tint = '<a:schemeClr val="accent1"><a:lumMod val="20000"/><a:lumOff val="80000"/></a:schemeClr>'
    fills = ("<a:noFill/>", f"<a:solidFill>{tint}</a:solidFill>")
    for series, fill in zip(lines.findall(qn("c:ser"))[:2], fills, strict=True):
        for tag in ("c:spPr", "c:marker", "c:smooth"):
            for child in series.findall(qn(tag)):
                series.remove(child)
        shape = parse_xml(f"<c:spPr {nsdecls('c', 'a')}>{fill}<a:ln><a:noFill/></a:ln></c:spPr>")
        series.find(qn("c:tx")).addnext(shape)
        area.append(series)
    for axis in lines.findall(qn("c:axId")):
        area.append(parse_xml(f'<c:axId {nsdecls("c")} val="{axis.get("val")}"/>'))
    lines.addprevious(area)


def _month_axis(chart: Chart, months: int) -> None:
    """Calendar months along the axis, named so far apart that the names do not touch."""
    apart = next(n for n in (1, 2, 3, 6, 12, 24, months) if months / n <= MOST_LABELS)
    chart.category_axis.tick_labels.number_format = "mmm yy"
    chart.category_axis.tick_labels.number_format_is_linked = False
    _set(chart, {"baseTimeUnit": "months", "majorUnit": apart, "majorTimeUnit": "months"})


def column_chart(place: ChartPlaceholder, rows: pd.DataFrame, title: str) -> None:
    """Two columns: the base period in grey, this quarter in the brand colour, values on top."""
    labels = rows["period"].map(sentence_case)
    chart = _bars(
        place, XL_CHART_TYPE.COLUMN_CLUSTERED, labels, rows["value"], title, mark("Column chart. {text}")
    )
    base = chart.plots[0].series[0].points[0].format.fill
    base.solid()
    base.fore_color.theme_color = MSO_THEME_COLOR.ACCENT_2


def bar_chart(place: ChartPlaceholder, rows: pd.DataFrame, title: str) -> None:
    """Horizontal bars of the rows' first numbers by name, in their order, the first on top."""
    values = rows.select_dtypes("number").iloc[:, 0]
    chart = _bars(place, XL_CHART_TYPE.BAR_CLUSTERED, rows["name"], values, title, mark("Bar chart. {text}"))
    chart.category_axis.reverse_order = True


def _bars(
    place: ChartPlaceholder, kind: XL_CHART_TYPE, names: pd.Series, values: pd.Series, title: str, text: str
) -> Chart:
    """Bars with their values; `text` is the message that describes the chart."""
    whole = bool((values == values.round()).all()) or values.max() >= 9.95
    data = ChartData(number_format="0" if whole else "0.0")
    data.categories = [
        name if len(name) <= MOST_CHARACTERS else name[: MOST_CHARACTERS - 1] + "…" for name in names
    ]
    data.add_series(title, _cells(values))
    frame = place.insert_chart(kind, data)
    chart = frame.chart
    _dress(chart, title)
    chart.has_legend = False
    chart.value_axis.has_major_gridlines = False
    chart.value_axis.maximum_scale = HEADROOM * max(float(values.max()), 0.1)
    chart.value_axis.tick_label_position = XL_TICK_LABEL_POSITION.NONE
    plot = chart.plots[0]
    plot.gap_width = 60 if len(values) > 1 else 200
    plot.vary_by_categories, plot.has_data_labels = False, True
    plot.data_labels.position, plot.data_labels.show_value = XL_LABEL_POSITION.OUTSIDE_END, True
    plot.data_labels.font.size, plot.data_labels.font.bold = Pt(14), True
    plot.series[0].format.fill.solid()
    plot.series[0].format.fill.fore_color.theme_color = MSO_THEME_COLOR.ACCENT_1
    figures = "; ".join(f"{name}: {number(v)}" for name, v in zip(names, values, strict=True))
    describe(frame, t("Chart: {title}", title=title), t(text, text=f"{title}. {figures}."))
    return chart
