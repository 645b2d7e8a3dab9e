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
TOKEN = "t"
MINUTES = 60_000  # in Playwright's milliseconds
MODEL = """() => jupyterapp.shell.currentWidget.content.model.sharedModel.toJSON().cells.map(cell => ({
    tags: cell.metadata.tags || [], errors: (cell.outputs || []).filter(o => o.output_type === 'error').length,
    pictures: (cell.outputs || []).filter(o => o.data && o.data['image/png']).length}))"""


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


def test_decay_notebook_in_jupyterlab(lab, browser, tmp_path):
    page = browser.new_page(viewport={"width": 1300, "height": 1000})
    page.set_default_timeout(4 * MINUTES)
    page.goto(f"{lab}/lab/tree/notebooks/03_onboarding_decay.ipynb?token={TOKEN}")
    kernel = "window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
    page.wait_for_function(kernel)
    page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(f"{kernel} && jupyterapp.shell.currentWidget.content.activeCell !== null")
    cells = page.evaluate(MODEL)
    assert sum(cell["errors"] for cell in cells) == 0
    assert sum(cell["pictures"] for cell in cells) >= 6
    place = next(i for i, c in enumerate(cells) if "explore" in c["tags"] and cells[i + 1]["tags"] != ["explore"])
    page.evaluate(f"jupyterapp.shell.currentWidget.content.scrollToItem({place}, 'start')")
    figure = page.locator(".jupyter-widgets img").first
    figure.scroll_into_view_if_needed()
    wait = "([image, before]) => image.complete && image.naturalWidth > 300 && image.src !== before"
    page.wait_for_function(wait, arg=[figure.element_handle(), ""])
    before = figure.get_attribute("src")
    page.locator(".jupyter-widgets select").first.select_option(index=1)
    page.wait_for_function(wait, arg=[figure.element_handle(), before])
    shot = Path(os.environ.get("RHEM_SCREENSHOTS", tmp_path)) / "lab.png"
    page.screenshot(path=shot)
    assert shot.stat().st_size > 30_000


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
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(here)
    assert {url for url in asked if not url.startswith("data:")} == {here}
    assert said == []
    broken = "images => images.filter(image => !image.naturalWidth || !image.alt).length"
    assert page.eval_on_selector_all("img", broken) == 0
    levels = page.eval_on_selector_all("h1,h2,h3,h4", "heads => heads.map(head => +head.tagName[1])")
    assert levels[0] == 1 and all(b <= a + 1 for a, b in pairwise(levels)), path
    page.close()
