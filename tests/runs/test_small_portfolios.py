"""Studies of small portfolios, and of time without ticket numbers, end with sentences and never with an error."""

import contextlib
import io

import matplotlib.pyplot as plt
import nbformat
import pytest
from conftest import ROOT

STUDIES = ("01_data_account", "02_rhem", "03_onboarding_decay", "04_fixed_fee", "06_portfolio")
SETTINGS = 'name = "T"\n[[rules]]\nwhen = { work_type = "*" }\nwork_class = "reactive"\n'


def portfolio(clients, months, *, keyed):
    """A few entries and computers of each client and month of 2026, with or without ticket numbers."""
    names = [f"Client {n}" for n in range(1, clients + 1)]
    spans = [(name, month) for name in names for month in range(1, months + 1)]
    rows = [
        f"{name},2026-{month:02d}-{day:02d},{1.5 / month:.2f},Remote" + (f",{name}{month}{day}" if keyed else "")
        for name, month in spans
        for day in (2, 9, 16, 23, 27)
    ]
    pcs = [f"{name},2026-{month:02d}-28,{8 + len(name) % 3}" for name, month in spans]
    terms = [f"{name},2026-01-01,{'fixed-fee' if n % 2 else 'hourly'}" for n, name in enumerate(names)]
    head = "client,worked_on,hours,work_type" + ",ticket_id" * keyed
    tables = {
        "time.csv": [head, *rows],
        "pcs.csv": ["client,as_of,count", *pcs],
        "clients.csv": ["client,onboarded_on,billing", *terms],
    }
    return {name: "\n".join(lines) + "\n" for name, lines in tables.items()}


def run(name, folder):
    """Return what a notebook prints, its cells run in this process with the workspace as parameter."""
    cells = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4).cells
    wording, names = io.StringIO(), {"display": lambda *_: None}
    with contextlib.redirect_stdout(wording):
        for cell in (cell for cell in cells if cell.cell_type == "code"):
            tags = cell.metadata.get("tags", [])
            if "explore" not in tags:
                exec(cell.source, names)
            if "parameters" in tags:
                names |= {"workspace": str(folder)} | ({"quarter": "2026Q1"} if name == "06_portfolio" else {})
    plt.close("all")
    return wording.getvalue()


def check_sentences(folder):
    for name in STUDIES:
        last = run(name, folder).strip().splitlines()[-1]
        assert last.rstrip(" \"'")[-1] in ".!?)", (name, last)


@pytest.mark.slow
def test_every_notebook_of_one_client_and_month_ends_with_a_sentence(workspace):
    check_sentences(workspace(portfolio(1, 1, keyed=False), SETTINGS))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("clients", "months", "keyed"),
    [(6, 8, False), (2, 3, True), (2, 3, False), (1, 6, True), (1, 1, True)],
)
def test_every_notebook_of_a_small_portfolio_ends_with_a_sentence(workspace, clients, months, keyed):
    check_sentences(workspace(portfolio(clients, months, keyed=keyed), SETTINGS))
