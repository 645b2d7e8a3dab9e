"""Any text in any field, through the whole path to deck, workbook and page: no traceback, no injection."""

import csv
import io
import re
import zipfile
from html.parser import HTMLParser

import nbformat.v4 as v4
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from lxml import etree
from nbformat import write as write_notebook
from review_data import make_entries, make_panel, make_review

import rhem_lib as rhem
from rhem_lib.deck import csv_text, write, write_numbers
from rhem_lib.errors import UNSEEN, RhemError
from rhem_lib.figures import review_causes
from rhem_lib.runs import page
from rhem_lib.settings import Settings, shown_name

PIECES = """
=1+1 @SUM(A1) +cmd|' -2 <script>alert(1)</script> <img/src=x/onerror=alert(1)> ' '' " ;-- '); $$ $x^{2 \\frac{
]]> <!-- --> &amp; &#x41; <?xml?> http://x.example/p javascript:alert(1) {0} {{x}} %s %(x)s \\ \\u0041 日本 مرحبا
e\u0301 𝕏 🖥 \ufffe \uffff \x01 \x07 \x0b \x1b[31m \x7f \u202e \u200b \ufeff \u00ad CON nul .. / | * ? [a]
#NAME? NULL None nan 1e999 true
""".split()
TEXTS = st.lists(
    st.one_of(st.sampled_from([*PIECES, " ", "\t", "\n", "\0"]), st.text(max_size=4)), min_size=1, max_size=5
)
HOSTILE = TEXTS.map("".join).filter(lambda text: "\ud800" > text[:1] or text[:1] > "\udfff")
COLUMNS = ["entry_id", "ticket_id", "client", "worked_on", "hours", "work_type", "technician"]
TICKETS = ["ticket_id", "client", "type", "category", "board", "priority"]


def table(columns, rows):
    made = io.StringIO()
    csv.writer(made).writerows([columns, *rows])
    return made.getvalue().encode("utf-8", "replace")


class Tags(HTMLParser):
    """What a browser would run or fetch."""

    def __init__(self, text):
        super().__init__()
        self.bad = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        runs = [name for name, value in attrs if name.startswith("on")]
        runs += [
            value for name, value in attrs if name in ("href", "src") and "script:" in (value or "")[:30].lower()
        ]
        fetches = [value for name, value in attrs if name == "src" and not (value or "").startswith("data:")]
        if tag in ("script", "iframe", "object", "embed", "link", "base", "form", "svg") or runs or fetches:
            self.bad.append((tag, attrs))


def read(folder, client, words, head):
    """Load a workspace of these texts; return the name and the category that arrived."""
    exports = folder / "exports"
    exports.mkdir(exist_ok=True)
    (folder / "rhem.toml").write_text('name = "T"\n')
    rows = [["1", "7", client, "2026-05-04", "1.5", words, words], ["2", "", "Nord", "2026-05-05", "2", "", ""]]
    (exports / "time.csv").write_bytes(table([*COLUMNS, f"x {head}"], [[*row, head] for row in rows]))
    (exports / "tickets.csv").write_bytes(table(TICKETS, [["7", client, "incident", words, words, words]]))
    before = {path for path in folder.rglob("*") if path.is_file()}
    try:
        work = rhem.load(folder)
        entries, account = work.time_entries.df(), work.account.table["hours"]
    except RhemError as problem:
        assert str(problem)
        return shown_name(client) or "x", UNSEEN.sub("", words)  # as the import would have left it
    finally:
        assert {path for path in folder.rglob("*") if path.is_file()} == before
    assert float(account["read"]) == 3.5 and account.drop("read").sum() == account["read"]
    assert csv_text(work.quarantine).count("\n") >= 1
    first = entries[entries["ticket_id"] == "7"]
    name = first["client"].iloc[0] if len(first) else "x"
    word = first["category"].iloc[0] if len(first) else None
    return str(name), word if isinstance(word, str) else "None"


def check_package(path):
    """Every part is XML that parses, nothing comes from elsewhere, no cell is a formula."""
    with zipfile.ZipFile(path) as package:
        assert package.testzip() is None
        for part in package.namelist():
            content = package.read(part)
            if part.endswith((".xml", ".rels")):
                root = etree.fromstring(content, etree.XMLParser(resolve_entities=False, huge_tree=True))
                assert not [one for one in root.iter("{*}Relationship") if one.get("TargetMode") == "External"], (
                    part
                )
                assert not list(root.iter("{*}f")) or "/charts/" in part, part
            elif part.endswith(".xlsx"):
                check_package(io.BytesIO(content))


def walk(folder, client, words, head, msp):
    """Take the texts through import, review, figure, deck, workbook and page."""
    name, word = read(folder, client, words, head)
    panel = make_panel(name, months=12)
    entries = make_entries(panel).replace({"category": {"Printing": word or "x"}})
    given = Settings(name=shown_name(msp) or "T")
    review = make_review(panel, entries=entries, settings=given, client=name)
    deck = write(review, folder / "review.pptx")
    check_package(deck)
    book = write_numbers(review, deck)
    check_package(book)
    for row in csv.reader(io.StringIO(book.with_suffix(".csv").read_bytes().decode("utf-8-sig"))):
        assert not [cell for cell in row if re.match(r"[=+@\t\r\n＝＋－＠]|-(?![\d.e+]+$)", cell)], row
    review_causes(review).figure.canvas.draw()
    texts = {"text/html": f"<b>{head}</b>{words}", "text/plain": words}
    outputs = [v4.new_output("display_data", texts), v4.new_output("stream", text=words)]
    cells = [v4.new_markdown_cell(f"# {name}\n{head}"), v4.new_code_cell("x", outputs=outputs)]
    write_notebook(v4.new_notebook(cells=cells), folder / "n.ipynb")
    made = page.write(folder / "n.ipynb", folder / "n.html", title=name).read_text(encoding="utf-8")
    assert not Tags(made).bad


FIELDS = dict(client=HOSTILE, words=HOSTILE, head=HOSTILE, msp=HOSTILE)


def run(tmp_path_factory, examples):
    import matplotlib.pyplot as plt

    @settings(max_examples=examples, deadline=None, derandomize=True, database=None,
        phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(**FIELDS)
    def holds(client, words, head, msp):
        walk(tmp_path_factory.mktemp("h"), client, words, head, msp)
        plt.close("all")

    holds()


def test_a_few_hostile_texts_go_through_the_whole_path(tmp_path_factory):
    run(tmp_path_factory, 3)


@pytest.mark.slow
def test_many_hostile_texts_go_through_the_whole_path(tmp_path_factory):
    run(tmp_path_factory, 300)
