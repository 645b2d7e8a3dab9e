"""The `rhem` command: the only module that talks to the terminal.

Exit codes: 0 done, 1 done but some clients failed (named), 2 bad usage or input (nothing written).
"""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from rhem_lib.errors import RhemError, Stopped

app = typer.Typer(
    help="Reactive hours per endpoint per month: check exports, measure, study, and review clients.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="workspace: a folder with rhem.toml and exports/")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="say only what went wrong")]
Workers = Annotated[int, typer.Option(min=1, help="worker processes")]
Cluster = Annotated[str, typer.Option(metavar="ADDRESS", help="Dask scheduler, such as tcp://host:8786")]
Force = Annotated[bool, typer.Option("--force", help="run everything again, changed or not")]


@app.command()
def sample(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="folder to write")],
    clients: Annotated[int, typer.Option(min=1)] = 30,
    months: Annotated[int, typer.Option(min=3)] = 30,
    seed: Annotated[int, typer.Option(min=0)] = 2026,
    dirt: Annotated[str, typer.Option(help="none, some or much")] = "some",
    source: Annotated[str, typer.Option(help="whose export files")] = "connectwise",
) -> None:
    """Write the exports of a made-up MSP, with the truth beside them."""
    from rhem_lib.simulate import write_sample

    write_sample(folder, clients=clients, months=months, seed=seed, dirt=dirt, source=source)  # type: ignore[arg-type]
    typer.echo(f"Wrote {folder}: {clients} clients, {months} months. Next: rhem check {folder}")


@app.command()
def check(
    folder: Folder,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object instead of text")] = False,
) -> None:
    """What arrived, what was kept, set aside and why; hours reconciled; suggestions."""
    from rhem_lib.workspace import load

    work = load(folder)
    account = work.account
    if as_json:
        typer.echo(json.dumps(account.as_json(), indent=1))
        return
    typer.echo(account.text + "\n")
    typer.echo(account.received().to_string(index=False) + "\n")
    typer.echo(account.summary().to_string() + "\n")
    hours = account.table["hours"]
    parts = " + ".join(f"{hours[name]:,.6f} {name}" for name in hours.index if name != "read" and hours[name])
    typer.echo(f"{hours['read']:,.6f} hours read = {parts or '0'}\n")
    if len(account.quarantine):
        shown = account.quarantine.drop(columns="see").round(2)
        typer.echo("Set aside:\n" + shown.to_string(index=False))
        typer.echo(f"Every row of it: {_write_quarantine(work)}\n")
    for row in account.warnings.itertuples():
        typer.echo(f"Warning ({row.code}): {row.text}")
    for row in account.suggestions.itertuples():
        typer.echo(f"\nSuggestion: {row.text} In rhem.toml:\n{row.toml}")


def _write_quarantine(work: Any) -> Path:
    """Write all rows set aside beside the reports, safe to open in a spreadsheet."""
    path = Path("reports") / work.folder.resolve().name / "quarantine.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = work.quarantine
    rows.assign(value=rows["value"].str.replace(r"^([=+@-])", r"'\1", regex=True)).to_csv(path, index=False)
    return path


@app.command()
def profiles(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="workspace with profiles of its own")
    ] = None,
) -> None:
    """Systems whose exports are recognised, and the columns each needs."""
    from rhem_lib.profiles import read_profiles

    for profile in read_profiles(folder).values():
        typer.echo(f"{profile.name}: {profile.title}")
        for table in profile.tables:
            needs = ", ".join(f"{column} ({' or '.join(table.headers(column)[:2])})" for column in table.requires)
            typer.echo(f"  {table.table} needs {needs}" + (f". {table.note}" if table.note else ""))


@app.command()
def measure(
    folder: Folder,
    out: Annotated[Path | None, typer.Option(help="file to write, .csv or .parquet")] = None,
) -> None:
    """The client-month panel."""
    from rhem_lib.measure import measure as measure_panel
    from rhem_lib.workspace import load

    if out is not None and out.suffix not in (".csv", ".parquet"):
        raise typer.BadParameter("the file must end in .csv or .parquet", param_hint="--out")
    panel = measure_panel(load(folder))
    if out is None:
        panel.to_csv(sys.stdout, index=False)
    elif out.suffix == ".csv":
        panel.to_csv(out, index=False)
    else:
        panel.to_parquet(out, index=False)


@app.command()
def study(
    folder: Folder, workers: Workers = 2, cluster: Cluster = "", force: Force = False, quiet: Quiet = False
) -> None:
    """Portfolio notebooks: data, RHEM, decay, billing, known truth."""
    from rhem_lib import run

    _finish(run.study(folder, workers=workers, cluster=cluster, force=force, tell=_teller(quiet)))


@app.command()
def review(
    folder: Folder,
    quarter: Annotated[str, typer.Option(help="such as 2026Q2")],
    client: Annotated[list[str] | None, typer.Option(help="only this client; may be repeated")] = None,
    workers: Workers = 2,
    cluster: Cluster = "",
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Everything: the study, and one notebook, page and deck per client."""
    from rhem_lib import run

    given = {"workers": workers, "cluster": cluster, "force": force, "tell": _teller(quiet)}
    _finish(run.review(folder, quarter, clients=client or [], **given))


@app.command()
def notebooks() -> None:
    """The notebooks: their questions, and the parameters of each with type, default and help."""
    from rhem_lib.notebooks import names, parameters_of, title_of

    for name in names():
        typer.echo(f"{name}: {title_of(name)}")
        for key, parameter in parameters_of(name).items():
            typer.echo(f"  {key}: {parameter.kind} = {parameter.default!r}  {parameter.help}")


@app.command()
def lab(folder: Annotated[Path, typer.Argument(metavar="[DIR]")] = Path("data/sample")) -> None:
    """Open JupyterLab on the notebooks."""
    from rhem_lib.notebooks import NOTEBOOKS

    here = os.path.relpath(folder, NOTEBOOKS)
    typer.echo(f'Opening {NOTEBOOKS.name}/. In the parameters cell of a notebook: workspace = "{here}"')
    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", f"--notebook-dir={NOTEBOOKS.parent}"])  # noqa: S606


def _teller(quiet: bool) -> Any:
    """Lines in a pipe; on a terminal, a bar for what is counted."""
    if quiet:
        return lambda *_: None
    if not sys.stderr.isatty():
        return lambda line, *_: typer.echo(line, err=True)
    from tqdm import tqdm

    bar: list[Any] = []

    def tell(line: str, number: int = 0, total: int = 0) -> None:
        if not total:
            typer.echo(line, err=True)
            return
        if not bar:
            bar.append(tqdm(total=total, unit="notebook", dynamic_ncols=True))
        bar[0].set_postfix_str(line.split("] ", 1)[-1][:60])
        bar[0].update(number - bar[0].n)
        if number == total:
            bar.pop().close()

    return tell


def _finish(made: Any) -> None:
    typer.echo(made.text)
    if made.failed:
        raise typer.Exit(1)


def main() -> None:
    """Run the command; a problem the user can mend is one message and exit code 2; Ctrl-C gives 130."""
    try:
        app(standalone_mode=True)
    except RhemError as problem:
        typer.echo(f"rhem: {problem}", err=True)
        sys.exit(130 if isinstance(problem, Stopped) else 2)


if __name__ == "__main__":
    main()
