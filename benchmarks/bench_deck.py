"""Seconds of CPU per client deck, beside bare python-pptx writing the same shapes in the same run.

The bare deck has the same layouts, texts, notes, footers, chart series and table cells, without measuring,
styling, alternative text or fixed dates: what the deck must cost in any case.
`python benchmarks/bench_deck.py [--decks 10] [--pdf]`
"""

import argparse
import copy
import shutil
import tempfile
import time
from importlib.resources import files
from pathlib import Path

from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE

import rhem_lib as rhem
from rhem_lib.deck import fit_text, pdf
from rhem_lib.deck.presentation import write

TEMPLATE = Path(str(files("rhem_lib") / "templates" / "review.pptx"))


def read_shapes(path):
    """Layout and content of every slide of a saved deck."""
    slides = []
    for slide in Presentation(path).slides:
        shapes = []
        for shape in slide.placeholders:
            idx = shape.placeholder_format.idx
            if shape.has_chart:
                plots = list(shape.chart.plots)
                series = [(s.name, list(s.values)) for plot in plots for s in plot.series]
                shapes.append((idx, "chart", (list(plots[-1].categories), series)))
            elif shape.has_table:
                rows = [[cell.text_frame.text for cell in row.cells] for row in shape.table.rows]
                shapes.append((idx, "table", rows))
            else:
                shapes.append((idx, "text", [p.text for p in shape.text_frame.paragraphs]))
        slides.append((slide.slide_layout.name, shapes, slide.notes_slide.notes_text_frame.text))
    return slides


def write_bare(slides, path):
    """The same shapes with nothing but python-pptx."""
    presentation = Presentation(str(TEMPLATE))
    for name, shapes, notes in slides:
        layout = presentation.slide_layouts.get_by_name(name)
        slide = presentation.slides.add_slide(layout)
        for shape in layout.placeholders:
            if shape.name in ("Footer", "Slide Number"):
                slide.shapes._spTree.append(copy.deepcopy(shape._element))
        slide.notes_slide.notes_text_frame.text = notes
        places = {shape.placeholder_format.idx: shape for shape in slide.placeholders}
        for idx, kind, content in shapes:
            if kind == "text":
                places[idx].text_frame.text = "\n".join(content)
            elif kind == "table":
                table = places[idx].insert_table(rows=len(content), cols=len(content[0])).table
                for r, row in enumerate(content):
                    for c, text in enumerate(row):
                        table.cell(r, c).text = text
            else:
                data = CategoryChartData()
                data.categories = [str(label) for label in content[0]]
                for name, values in content[1]:
                    data.add_series(name, values)
                places[idx].insert_chart(XL_CHART_TYPE.LINE, data)
    presentation.save(path)


def write_fresh(review, path):
    """Our deck as a new process writes it: no line of it measured before."""
    fit_text._wrap.cache_clear()
    write(review, path)


def seconds(work, times):
    """Least CPU seconds of some calls: what else runs here only adds to it."""
    taken = []
    for _ in range(times):
        begin = time.process_time()
        work()
        taken.append(time.process_time() - begin)
    return min(taken)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--decks", type=int, default=10)
    parser.add_argument("--pdf", action="store_true", help="also convert them, in one LibreOffice call per chunk")
    given = parser.parse_args()
    work = rhem.load("data/sample")
    panel = rhem.measure(work)
    fit, earlier = (rhem.fit_decay(rows) for rows in (panel, panel[panel["month"] < "2026-04-01"]))
    names = sorted(panel.loc[(panel["month"] >= "2026-04-01") & (panel["exposure"] > 0), "client"].unique())
    ours, bare, pages, paths = 0.0, 0.0, 0, []
    with tempfile.TemporaryDirectory() as folder:
        for i, name in enumerate(names[: given.decks]):
            review = rhem.build_review(work, panel, fit, client=name, quarter="2026Q2", earlier=earlier)
            paths.append(write(review, Path(folder) / f"{i}.pptx"))
            slides = read_shapes(paths[-1])
            pages += len(slides)
            ours += seconds(lambda review=review, path=paths[-1]: write_fresh(review, path), 3)
            bare += seconds(lambda slides=slides: write_bare(slides, str(Path(folder) / "bare.pptx")), 3)
        print(f"decks                       {len(paths)}, {pages / len(paths):.1f} slides each")
        print(f"deck.write, per ten slides  {10 * ours / pages:.3f} s")
        print(f"bare, per ten slides        {10 * bare / pages:.3f} s")
        print(f"ratio                       {ours / bare:.2f}")
        if given.pdf and shutil.which("soffice"):
            begin = time.perf_counter()
            made = pdf.convert(paths, tell=lambda *_: None)
            print(f"PDF, per deck (wall)        {(time.perf_counter() - begin) / len(made):.2f} s")


if __name__ == "__main__":
    main()
