"""The command as a person types it: what it prints, its exit codes, how quickly it answers."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from rhem_lib.cli import app, main
from rhem_lib.errors import OutputError
from rhem_lib.schema import METRIC_VERSION
from rhem_lib.simulate.sample import write_sample
from rhem_lib.storage import own_reports, reports_of

runner = CliRunner()


def test_help_names_every_command():
    shown = runner.invoke(app, ["--help"]).stdout
    for command in ("sample", "check", "measure", "study", "review", "lab"):
        assert command in shown


def test_check_prints_the_reconciliation(sample_folder):
    shown = runner.invoke(app, ["check", str(sample_folder)])
    assert shown.exit_code == 0
    line = next(line for line in shown.stdout.splitlines() if " hours read = " in line)
    whole, parts = line.replace(",", "").split(" hours read = ")
    assert round(sum(float(part.split()[0]) for part in parts.split(" + ")), 6) == float(whole)
    assert "Every entry is accounted for" in shown.stdout
    assert 'when = { board = "Triage"' in shown.stdout


def test_check_json_is_one_object(sample_folder):
    made = json.loads(runner.invoke(app, ["check", str(sample_folder), "--json"]).stdout)
    assert made["hours"]["read"] == pytest.approx(sum(v for k, v in made["hours"].items() if k != "read"))


def test_a_number_without_end_is_set_aside_with_hours_unknown(workspace):
    time = "client,worked_on,hours\nNord,2026-01-05,1\nNord,2026-01-05,inf\nNord,2026-01-05,nan\n"
    folder = workspace({"time.csv": time, "pcs.csv": "client,as_of,count\nNord,2026-01-31,inf\n"})
    shown = runner.invoke(app, ["check", str(folder), "--json"]).stdout
    made = json.loads(shown, parse_constant=pytest.fail)
    found = {row["reason"]: (row["rows"], row["hours"]) for row in made["quarantine"]}
    assert found == {"impossible-hours": (2, 0), "no-count": (1, 0)}
    assert made["hours"]["read"] == 1 and made["rows"]["read"] == 3


@pytest.mark.many_cases
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_measure_writes_the_panel(sample_folder, sample_panel, tmp_path, suffix):
    out = tmp_path / f"panel.{suffix}"
    assert runner.invoke(app, ["measure", str(sample_folder), "--out", str(out)]).exit_code == 0
    made = pd.read_csv(out) if suffix == "csv" else pd.read_parquet(out)
    assert made["reactive_hours"].sum() == pytest.approx(sample_panel["reactive_hours"].sum())
    assert list(made.columns) == list(sample_panel.columns)


@pytest.mark.parametrize(
    ("args", "wording"),
    [
        (["check", "nowhere"], "rhem: nowhere: there is no rhem.toml here"),
        (["review", "data/sample", "--quarter", "Q2"], "--quarter: 'Q2' is not a quarter. Write it like 2026Q2."),
        (["review", "data/sample", "--quarter", "0000Q1"], "'0000Q1' is not a quarter"),
        (["review", "data/sample", "--quarter", "9999Q4"], "'9999Q4' is not a quarter"),
        (["sample", "x", "--dirt", "abacus"], "none, some, much"),
        (["profiles", "nowhere"], "'nowhere' does not exist"),
    ],
)
def test_what_the_user_can_mend_is_one_message_and_exit_code_2(args, wording, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["rhem", *args])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    shown = capsys.readouterr().err
    assert wording in shown
    assert "Traceback" not in shown
    assert list(tmp_path.iterdir()) == []


def test_a_sample_replaces_an_earlier_sample_and_nothing_else(tmp_path):
    small = {"clients": 1, "months": 3}
    write_sample(tmp_path / "new", **small)
    write_sample(tmp_path / "new", **small)
    mine = tmp_path / "mine" / "rhem.toml"
    mine.parent.mkdir()
    mine.write_text('name = "Mine"')
    with pytest.raises(OutputError, match="mine: this folder is not empty, and no earlier sample"):
        write_sample(mine.parent, **small)
    assert mine.read_text() == 'name = "Mine"'
    with pytest.raises(OutputError, match="There is a file where a folder is needed"):
        write_sample(mine, **small)


def test_a_file_in_the_place_of_reports_is_one_sentence_and_the_advice_stays(
    workspace, tmp_path, monkeypatch, capsys
):
    folder = workspace({"time.csv": "client,worked_on,hours\nNord,2026-01-05,1\nNord,someday,1\n"})
    (tmp_path / "reports").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["rhem", "check", str(folder)])
    with pytest.raises(SystemExit) as stopped:
        main()
    shown = capsys.readouterr().out
    assert not stopped.value.code and "cannot be written" in shown and "No file lists endpoints" in shown


def test_bad_usage_is_exit_code_2():
    assert runner.invoke(app, ["review"]).exit_code == 2
    assert runner.invoke(app, ["measure", "data/sample", "--out", "x.docx"]).exit_code == 2


def test_importing_loads_no_heavy_package_and_changes_nothing():
    code = (
        "import sys, warnings; before = list(warnings.filters); import rhem_lib; "
        "heavy = {'matplotlib', 'pandas', 'duckdb', 'statsmodels'} & set(sys.modules); "
        "assert not heavy, heavy; assert warnings.filters == before; import rhem_lib.cli; "
        "assert not {'matplotlib', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_two_workspaces_of_one_name_do_not_share_a_reports_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for place in ("a/mine", "b/mine"):
        Path(place).mkdir(parents=True)
        Path(place, "rhem.toml").write_text('name = "M"\n')
    first = reports_of(Path("a/mine"))
    own_reports(first, Path("a/mine"))
    second = reports_of(Path("b/mine"))
    assert (first, second.parent) == (Path("reports/mine"), Path("reports"))
    assert second.name.startswith("mine-") and reports_of(Path("b/mine")) == second
    assert reports_of(Path("a/mine")) == first
    Path("a/mine").rename("moved")  # nobody is left to claim the folder
    assert reports_of(Path("b/mine")) == first


def test_check_writes_beside_the_reports_of_the_workspace(workspace, tmp_path, monkeypatch):
    bad = "entry_id,ticket_id,client,worked_on,hours\n1,,Nord,2026-01-05,48\n"
    folder = workspace({"time.csv": bad})
    own_reports(tmp_path / "reports" / folder.name, folder)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    shown = CliRunner().invoke(app, ["check", str(folder)])
    assert shown.exit_code == 0, shown.output
    assert (tmp_path / "reports" / folder.name / "quarantine.csv").is_file()
    assert not (tmp_path / "elsewhere" / "reports").exists()


def test_the_version_names_the_metric_as_well():
    shown = CliRunner().invoke(app, ["--version"])
    assert shown.exit_code == 0
    assert f"metric version {METRIC_VERSION}" in shown.output


def test_lab_listens_on_localhost_alone(workspace, monkeypatch):
    given = []
    monkeypatch.setattr("os.execv", lambda program, command: given.extend(command))
    monkeypatch.setattr("rhem_lib.runs.working_copies", lambda folder, tell: folder / "notebooks")
    CliRunner().invoke(app, ["lab", str(workspace({}))])
    assert "--ServerApp.ip=localhost" in given and "--ServerApp.allow_remote_access=False" in given
    assert not [one for one in given if "token" in one.lower()], "JupyterLab makes a token of its own"


def test_a_folder_in_the_place_of_the_output_is_named(workspace, monkeypatch, tmp_path, capsys):
    folder = workspace({"t.csv": "client,worked_on,hours\nNord,2026-01-05,1\n"})
    (tmp_path / "panel.csv").mkdir()
    monkeypatch.setattr(sys, "argv", ["rhem", "measure", str(folder), "--out", str(tmp_path / "panel.csv")])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert "panel.csv: cannot be read or written: Is a directory." in capsys.readouterr().err


def test_a_closed_output_is_no_fault(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["rhem", "--version"])
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 0
