"""What a person sees in a browser: JupyterLab with the knobs, and the pages. Skipped without Chromium."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
from conftest import ROOT

from rhem_lib.runs import edition
from rhem_lib.simulate.sample import write_sample

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium"),
]
AXE = ROOT / "node_modules/axe-core/axe.min.js"  # npm install --no-save axe-core
TOKEN = "t"
MINUTES = 60_000  # in Playwright's milliseconds
MODEL = """() => jupyterapp.shell.currentWidget.content.model.sharedModel.toJSON().cells.map(cell => ({
    tags: cell.metadata.tags || [], errors: (cell.outputs || []).filter(o => o.output_type === 'error').length,
    pictures: (cell.outputs || []).filter(o => o.data && o.data['image/png']).length}))"""

DRAWN = "([image, before]) => image.complete && image.naturalWidth > 300 && image.src !== before"
SITES = {
    "rhem.toml": 'name = "Sites"\n[keep]\nsite = "Site Name"\n',
    "exports/tickets.csv": "ticket_id,client,opened_at,type,Site Name\n1,Nord,2026-01-05,incident,Berlin\n"
    "2,Nord,2026-02-05,incident,Kiel\n3,Nord,2026-02-06,incident,Berlin\n",
    "exports/time.csv": "entry_id,ticket_id,client,worked_on,hours\na,1,Nord,2026-01-05,1.5\n"
    "b,2,Nord,2026-02-05,3\nc,3,Nord,2026-02-06,0.5\n",
    "exports/pcs.csv": "client,as_of,count\nNord,2026-01-31,10\nNord,2026-02-28,10\n",
    "clients.csv": "client,onboarded_on\nNord,2025-01-01\n",
}
QUESTION = [
    'import rhem_lib as rhem\n\nwork = rhem.load("../data/sites")',
    'sites = rhem.measure(work, by="site")\nsites.pivot(index="month", columns="site", values="reactive_hours")',
    'rhem.write_tables("sites.xlsx", sites=sites)\n'
    'rhem.pooled_rhem(sites, by=["month", "client", "site"])[["month", "site", "reactive_hours", "rhem_h"]]',
]


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield opened
        opened.close()


@pytest.fixture
def lab(tmp_path):
    """JupyterLab on a copy of the notebooks and the sample, with settings of its own; gives its address."""
    for name in ("notebooks", "data/sample"):
        shutil.copytree(ROOT / name, tmp_path / name)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    names = "JUPYTER_CONFIG_DIR JUPYTER_RUNTIME_DIR JUPYTERLAB_SETTINGS_DIR JUPYTERLAB_WORKSPACES_DIR IPYTHONDIR"
    own = {name: str(tmp_path / name.lower()) for name in names.split()}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser"]
    command += [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.port={port}", "--LabApp.news_url=None"]
    log = (tmp_path / "lab.log").open("w")
    server = subprocess.Popen(command, cwd=tmp_path, env=os.environ | own, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    until = time.monotonic() + 120
    while time.monotonic() < until and server.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/api?token={TOKEN}").close()
            break
        except OSError:
            time.sleep(0.5)
    yield address
    server.terminate()
    server.wait(30)


def run_all(browser, lab, name):
    """Open a notebook of the lab, run all of its cells, and return the page."""
    page = browser.new_page(viewport={"width": 1300, "height": 1000})
    page.set_default_timeout(4 * MINUTES)
    page.goto(f"{lab}/lab/tree/notebooks/{name}.ipynb?token={TOKEN}")
    kernel = "window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
    page.wait_for_function(kernel)
    page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(f"{kernel} && jupyterapp.shell.currentWidget.content.activeCell !== null")
    return page


def shoot(page, tmp_path, name):
    shot = Path(os.environ.get("RHEM_SCREENSHOTS", tmp_path)) / f"{name}.png"
    page.screenshot(path=shot)
    assert shot.stat().st_size > 30_000


def test_every_knob_of_the_rhem_notebook_moves_its_figure(lab, browser, tmp_path):
    page = run_all(browser, lab, "02_rhem")
    assert sum(cell["errors"] for cell in page.evaluate(MODEL)) == 0
    figure = page.locator(".jupyter-widgets img").first
    figure.scroll_into_view_if_needed()
    knobs = page.locator(".jupyter-widgets select")
    assert knobs.count() == 5  # client, category, period, preset, server
    for number in (3, 4, 0, 1, 2):  # the preset first: it moves no cause that is never scheduled
        before = figure.get_attribute("src")
        knobs.nth(number).select_option(index=2)
        page.wait_for_function(DRAWN, arg=[figure.element_handle(), before])
        shoot(page, tmp_path, f"knob-{number}")


def test_hours_by_site_over_time_in_a_fresh_notebook(lab, browser, tmp_path):
    """A question of one's own, with the public door alone."""
    folder = tmp_path / "data" / "sites"
    (folder / "exports").mkdir(parents=True)
    for name, text in SITES.items():
        (folder / name).write_text(text)
    mine = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in QUESTION])
    mine.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(mine, tmp_path / "notebooks" / "mine.ipynb")
    page = run_all(browser, lab, "mine")
    shown = "() => document.querySelector('.jp-Notebook').innerText.includes('Kiel')"
    page.wait_for_function(shown)
    assert sum(cell["errors"] for cell in page.evaluate(MODEL)) == 0
    table = page.locator(".jp-RenderedHTMLCommon table").last.inner_text()
    assert "Berlin" in table and "2026-02" in table and "3.0" in table
    assert (tmp_path / "notebooks" / "sites.xlsx").is_file()
    shoot(page, tmp_path, "sites")


def test_decay_notebook_in_jupyterlab(lab, browser, tmp_path):
    page = run_all(browser, lab, "03_onboarding_decay")
    cells = page.evaluate(MODEL)
    assert sum(cell["errors"] for cell in cells) == 0
    assert sum(cell["pictures"] for cell in cells) >= 6
    place = next(i for i, c in enumerate(cells) if "explore" in c["tags"] and cells[i + 1]["tags"] != ["explore"])
    page.evaluate(f"jupyterapp.shell.currentWidget.content.scrollToItem({place}, 'start')")
    figure = page.locator(".jupyter-widgets img").first
    figure.scroll_into_view_if_needed()
    page.wait_for_function(DRAWN, arg=[figure.element_handle(), ""])
    before = figure.get_attribute("src")
    page.locator(".jupyter-widgets select").first.select_option(index=1)
    page.wait_for_function(DRAWN, arg=[figure.element_handle(), before])
    shoot(page, tmp_path, "lab")


def test_pages_ask_for_nothing_and_say_nothing_on_the_console(browser, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_sample(Path("data/small"), clients=5, months=14, seed=11)
    made = edition.review(Path("data/small"), "2026Q2", workers=1, tell=lambda *_: None)
    assert made.failed == ()
    pages = [made.folder / "index.html", *made.folder.rglob("*/*.html")]
    assert len(pages) >= 8
    for path in pages:
        check_page(browser, path)
    sorted_names(browser, pages[0])


def sorted_names(browser, index):
    """The table of clients sorts, up and down, without a network."""
    page = browser.new_page()
    page.goto(index.resolve().as_uri())
    names = "rows => rows.map(row => row.cells[0].textContent)"
    page.click("#clients th button")
    up = page.eval_on_selector_all("#clients tbody tr", names)
    page.click("#clients th button")
    assert page.eval_on_selector_all("#clients tbody tr", names) == up[::-1] != up
    page.close()


def check_page(browser, path):
    page, here = browser.new_page(), path.resolve().as_uri()
    asked, wording = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: wording.append(message.text))
    page.on("pageerror", lambda error: wording.append(str(error)))
    page.goto(here)
    assert {url for url in asked if not url.startswith("data:")} == {here}
    assert wording == []
    broken = "images => images.filter(image => !image.naturalWidth || !image.alt).length"
    assert page.eval_on_selector_all("img", broken) == 0
    levels = page.eval_on_selector_all("h1,h2,h3,h4", "heads => heads.map(head => +head.tagName[1])")
    assert levels[0] == 1 and all(b <= a + 1 for a, b in pairwise(levels)), path
    if AXE.is_file():
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("async () => (await axe.run()).violations.map(v => [v.id, v.nodes[0].html])")
        assert found == [], path
    page.close()
