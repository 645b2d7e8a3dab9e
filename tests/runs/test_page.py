"""Pages: self-contained, without code, safe with any name, every link good."""

import re
from html.parser import HTMLParser
from urllib.parse import unquote

import nbformat.v4 as v4
import pandas as pd
import pytest
from nbformat import write as write_notebook
from review_data import make_panel, make_review

from rhem_lib.errors import InputError
from rhem_lib.runs import page
from rhem_lib.schema import METRIC_VERSION
from rhem_lib.settings import Settings

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
FRAME = pd.DataFrame({"client": ["<b onclick=x()>A</b>"], "minutes": [14.0]})


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def read(path):
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader


def picture(**metadata):
    output = v4.new_output("display_data", {"image/png": PIXEL, "text/plain": "<Figure>"})
    return v4.new_code_cell("plots.decay(fit)", outputs=[output], metadata=metadata)


@pytest.fixture
def notebook(tmp_path):
    printed = v4.new_output("stream", name="stdout", text="Support took 14 minutes <script>bad()</script>\n")
    table = v4.new_output("execute_result", {"text/html": FRAME.to_html(), "text/plain": "x"})
    evil = v4.new_output("execute_result", {"text/html": "<script>steal()</script><i>kept</i>", "text/plain": "x"})
    cells = [
        v4.new_markdown_cell("# How fast?\nText with <script>alert(1)</script> and $x$."),
        v4.new_code_cell('workspace: str = "../data"  # folder\nseed: int = 1', metadata={"tags": ["parameters"]}),
        v4.new_code_cell('workspace = "../sample"\nempty = ""', metadata={"tags": ["injected-parameters"]}),
        v4.new_code_cell("print(secret_variable)", outputs=[printed]),
        v4.new_markdown_cell("## The curve"),
        picture(),
        picture(alt="Own words"),
        v4.new_code_cell("table", outputs=[table, evil]),
    ]
    path = tmp_path / "n.ipynb"
    write_notebook(v4.new_notebook(cells=cells), path)
    return path


def test_page_is_self_contained_and_without_code(notebook, tmp_path):
    made = page.write(notebook, tmp_path / "n.html", title='Åbenrå & <i>Søn</i> "Ltd"')
    text, reader = made.read_text(encoding="utf-8"), read(made)
    assert "secret_variable" not in text and "plots.decay" not in text
    assert not reader.all("script") and not reader.all("link") and "http" not in text
    assert reader.all("html")[0]["lang"] == "en"
    assert "<title>Åbenrå &amp; &lt;i&gt;Søn&lt;/i&gt; &#34;Ltd&#34;</title>" in text


def test_pictures_have_alternative_text(notebook, tmp_path):
    images = read(page.write(notebook, tmp_path / "n.html", title="T")).all("img")
    assert [image["alt"] for image in images] == ["Figure: The curve", "Own words"]
    assert all(image["src"].startswith("data:image/png;base64,") for image in images)


def test_tables_stay_and_markup_in_data_does_nothing(notebook, tmp_path):
    made = page.write(notebook, tmp_path / "n.html", title="T")
    reader, text = read(made), made.read_text(encoding="utf-8")
    assert len(reader.all("thead")) == 1 and {"minutes", "14.0"} <= {t.strip() for t in reader.text}
    assert "onclick=x()" in "".join(reader.text)  # shown as text
    assert not any("onclick" in attrs for _, attrs in reader.tags)
    assert "steal()" not in text and "kept" in text and ".dataframe tbody" not in "".join(reader.text)


def test_page_says_how_it_was_made(notebook, tmp_path):
    text = page.write(notebook, tmp_path / "n.html", title="T").read_text(encoding="utf-8")
    box = re.sub(r"<[^>]+>|\s+", " ", text[text.index('class="made"') :])
    for words in ("workspace ../sample", "seed 1", f"version {METRIC_VERSION}", "rhem 0.1.0"):
        assert words in re.sub(r"\s+", " ", box)
    assert "../data" not in box and "empty" not in box


def test_client_name_stands_on_the_page_once(notebook, tmp_path):
    assert read(page.write(notebook, tmp_path / "a.html", title="Contoso")).all("p")[0] == {"class": "name"}
    assert {"class": "name"} not in read(page.write(notebook, tmp_path / "b.html", title="How fast?")).all("p")


def test_clients_page_is_in_its_language_and_shows_what_the_deck_shows(tmp_path):
    settings = Settings(
        name="M <IT>",
        language="de",
        clients={"Harbour Dental": {"hide": ["worth"], "goals": [{"goal": "Umzug", "state": "at-risk"}]}},
    )
    review = make_review(settings=settings)
    (tmp_path / "review.json").write_text(review.to_json(tmp_path), encoding="utf-8")
    cell = picture()
    cell["source"] = "rhem.figures.review_parts(review);"
    write_notebook(v4.new_notebook(cells=[cell]), tmp_path / "n.ipynb")
    made = page.client(tmp_path / "review.json", tmp_path / "n.ipynb", tmp_path / "r.html")
    reader, text = read(made), made.read_text(encoding="utf-8")
    assert reader.all("html")[0]["lang"] == "de" and len(reader.all("img")) == 1
    shown = "".join(reader.text)
    assert review["why"].title in shown and review["worth"].title not in shown
    assert "▲ Gefährdet" in shown and "Ihr Ziel" in shown and "Erstellt von M <IT>" in shown
    assert review["why"].notes not in shown and "<script" not in text and "http" not in text
    assert reader.all("img")[0]["alt"] == review["why"].title


def test_columns_have_readable_heads_and_no_head_is_empty(tmp_path):
    frame = pd.DataFrame({"rhem_12_h_low": [1.0], "client": ["half_life_months"]}, index=pd.Index([3]))
    output = v4.new_output("execute_result", {"text/html": frame.to_html(), "text/plain": "x"})
    warned = v4.new_output("stream", name="stderr", text="Glyph 128 missing")
    write_notebook(v4.new_notebook(cells=[v4.new_code_cell("t", outputs=[output, warned])]), tmp_path / "n.ipynb")
    text = page.write(tmp_path / "n.ipynb", tmp_path / "n.html", title="T").read_text(encoding="utf-8")
    assert "rhem 12, low (h)</th>" in text and "half_life_months</td>" in text  # a value is left alone
    assert "<th></th>" not in text and 'tabindex="0"' in text and "Glyph" not in text


def test_what_is_no_notebook_is_refused(tmp_path):
    (tmp_path / "n.ipynb").write_text("not json")
    with pytest.raises(InputError, match="not a notebook"):
        page.write(tmp_path / "n.ipynb", tmp_path / "n.html", title="T")


@pytest.fixture
def run(tmp_path, notebook):
    """A run's folder: one study notebook, a good client with an awkward name, a failed client."""
    rows = []
    for kind, name, folder, stem in (
        ("study", "How fast?", "study", "03_onboarding_decay"),
        ("client", "Åbenrå & <b>Søn</b>", "clients/å #1?", "review"),
        ("client", "Broken Ltd", "clients/broken", "review"),
    ):
        (tmp_path / folder).mkdir(parents=True)
        kinds = ("html", "ipynb") if kind == "study" else ("html", "pptx", "ipynb")
        outputs = [f"{folder}/{stem}.{extension}" for extension in kinds]
        failed = name == "Broken Ltd"
        for output in outputs[: 0 if failed else None]:
            (tmp_path / output).write_bytes(notebook.read_bytes())
        error = "ValueError: <oops>" if failed else ""
        rows.append(
            {
                "kind": kind,
                "name": name,
                "status": "failed" if failed else "done",
                "outputs": outputs,
                "error": error,
                "as_of": "" if failed else "2026-07-01T08:00+00:00",
            }
        )
    review = make_review(make_panel("Å"), client="Å")
    (tmp_path / "clients/å #1?/review.json").write_text(review.to_json(), encoding="utf-8")
    return page.index(pd.DataFrame(rows), tmp_path / "index.html", title="sample, 2026Q2"), review


def test_index_links_resolve_and_need_no_network(run):
    made, _ = run
    reader = read(made)
    links = [unquote(a["href"]) for a in reader.all("a")]
    assert len(links) == 5 and all((made.parent / link).is_file() for link in links)
    assert "http" not in made.read_text(encoding="utf-8")
    assert all("src" not in attrs for attrs in reader.all("script"))


def test_index_shows_numbers_picture_and_failures(run):
    made, review = run
    text, reader = made.read_text(encoding="utf-8"), read(made)
    assert "Åbenrå &amp; &lt;b&gt;Søn&lt;/b&gt;" in text and "ValueError: &lt;oops&gt;" in text
    assert "1 failed" in re.sub(r"<[^>]+>", "", text)
    values = [cell["data-value"] for cell in reader.all("td") if "data-value" in cell]
    assert f"{review.minutes:.6f}" in values
    assert review["quarter"].title in reader.text
    assert [day for day in reader.text if day in ("2026-07-01", "–")].count("2026-07-01") == 1
    assert reader.all("img")[0]["src"].startswith("data:image/png;base64,") and reader.all("img")[0]["alt"]


def test_index_of_nothing(tmp_path):
    empty = pd.DataFrame(columns=["kind", "name", "status", "outputs", "error"])
    assert "0 clients" in page.index(empty, tmp_path / "index.html", title="T").read_text(encoding="utf-8")
