"""The `rhem` command: the only module that talks to the terminal.

Exit codes: 0 done, 1 done but some clients failed (named), 2 bad usage or input (nothing written).
"""

import datetime as dt
import errno
import json
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from rhem_lib.errors import OutputError, ParameterError, RhemError, Stopped, one_of

app = typer.Typer(
    help="Reactive hours per endpoint per month: check exports, measure, study, and review clients.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        from rhem_lib import __version__
        from rhem_lib.schema import METRIC_VERSION

        typer.echo(f"rhem {__version__}, metric version {METRIC_VERSION}")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option("--version", callback=_version, is_eager=True, help="versions of the package and the metric"),
]


@app.callback()
def _options(version: Version = False) -> None: ...


Folder = Annotated[Path, typer.Argument(metavar="DIR", help="workspace: a folder with rhem.toml and exports/")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="say only what went wrong")]
Workers = Annotated[
    str,
    typer.Option(metavar="N", help="worker processes, or the address of a Dask scheduler (tcp://host:8786)"),
]
Force = Annotated[bool, typer.Option("--force", help="run everything again, changed or not")]


@app.command()
def sample(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="folder to write")],
    clients: Annotated[int, typer.Option(min=1)] = 30,
    months: Annotated[int, typer.Option(min=3)] = 30,
    seed: Annotated[int, typer.Option(min=0)] = 2026,
    dirt: Annotated[str, typer.Option(help="none, some or much")] = "some",
) -> None:
    """Write the exports of a made-up MSP, with the truth beside them."""
    from rhem_lib.simulate import write_sample

    write_sample(folder, clients=clients, months=months, seed=seed, dirt=dirt)  # type: ignore[arg-type]
    typer.echo(f"Wrote {folder}: {clients} clients, {months} months. Next: rhem check {folder}")


@app.command()
def check(
    folder: Folder,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object instead of text")] = False,
) -> None:
    """What arrived, what was kept, set aside and why; hours reconciled; suggestions; what is still missing."""
    from rhem_lib.routine import still_missing
    from rhem_lib.settings import check_names
    from rhem_lib.workspace import load

    work = load(folder)
    check_names(work.settings, work.clients["client"])
    account, missing = work.account, still_missing(work)
    if as_json:
        rows = missing.table.drop(columns="clients").to_dict("records")
        typer.echo(json.dumps(account.as_json() | {"missing": rows}, indent=1))
        return
    typer.echo(account.text + "\n")
    typer.echo(account.received().to_string(index=False) + "\n")
    typer.echo(account.summary().to_string(na_rep="-") + "\n")
    typer.echo(account.balance + "\n")
    typer.echo("Set aside, most hours first:\n" + account.set_aside)
    if len(account.quarantine):
        load_line = f'import rhem_lib; work = rhem_lib.load("{folder.as_posix()}")'
        try:
            typer.echo(f"Every row of it is in {_write_quarantine(work)}; or in Python: {load_line}")
        except OutputError as problem:  # the advice does not depend on it
            typer.echo(f"Every row of it, in Python: {load_line}. {problem}")
    typer.echo("\n" + account.advice)
    typer.echo("\nStill missing, most costly first:\n" + missing.text)


def _write_quarantine(work: Any) -> Path:
    """Write all rows set aside beside the reports, safe to open in a spreadsheet."""
    from rhem_lib.deck import csv_text
    from rhem_lib.storage import find_reports, own_reports, write_whole, writing

    home = find_reports(work.folder)
    with writing(home):
        own_reports(home, work.folder)
        write_whole(home / "quarantine.csv", csv_text(work.quarantine))
    return home / "quarantine.csv"


@app.command()
def pull(
    folder: Folder,
    only: Annotated[str, typer.Option(metavar="TABLE", help="one table, such as endpoints")] = "",
    full: Annotated[bool, typer.Option("--full", help="everything again, in place of what is stored")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object instead of text")] = False,
    quiet: Quiet = False,
) -> None:
    """Fetch what changed since the last pull from the systems that rhem.toml names."""
    from rhem_lib.pull import pull_sources

    try:
        pulled = pull_sources(folder, only=only, full=full, tell=_pull_teller(quiet))
    except KeyboardInterrupt:
        raise Stopped("stopped; the same command goes on where this one was.") from None
    if as_json or pulled.failed or not quiet:
        typer.echo(json.dumps(pulled.as_json(), indent=1) if as_json else pulled.text)
    raise typer.Exit(1 if pulled.failed else 0)


def _pull_teller(quiet: bool) -> Any:
    """A bar of records on a terminal, a line per list in a pipe."""
    seen: dict[str, Any] = {}

    def tell(system: str, name: str, number: int, total: int) -> None:
        if quiet:
            return
        label = f"{system} {name}"
        if label not in seen and not sys.stderr.isatty():
            typer.echo(f"Reading {label}", err=True)
            seen[label] = None
        elif sys.stderr.isatty():
            from tqdm import tqdm

            bar = seen.setdefault("bar", tqdm(unit=" records", dynamic_ncols=True))
            bar.set_description(label, refresh=False)
            bar.n, bar.total = number, total or None
            bar.refresh()

    return tell


@app.command()
def profiles(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", exists=True, file_okay=False, help="workspace with profiles of its own"),
    ] = None,
) -> None:
    """Systems whose exports are recognised, and the columns each needs."""
    from rhem_lib.exports import read_profiles

    for profile in read_profiles(folder).values():
        typer.echo(f"{profile.name}: {profile.title}")
        for table in profile.tables:
            needs = ", ".join(f"{column} ({' or '.join(_sources(table, column))})" for column in table.requires)
            typer.echo(f"  {table.table} needs {needs}" + (f". {table.note}" if table.note else ""))


@app.command()
def profile(file: Annotated[Path, typer.Argument(metavar="FILE", help="an export that no profile knows")]) -> None:
    """Skeleton of a profile for FILE: guessed columns, values of each, and the unit to write in."""
    from rhem_lib.exports import profile_skeleton

    typer.echo(profile_skeleton(file))


def _sources(table: Any, column: str) -> list[str]:
    """Where a column is found: its first headers, or the day in the name of the file."""
    dated = ["the day in the file's name"] if "@as_of" in table.specs(column) else []
    return table.headers(column)[:3] + dated


@app.command()
def measure(
    folder: Folder,
    out: Annotated[Path | None, typer.Option(help="file to write, .csv or .parquet")] = None,
) -> None:
    """The client-month panel; from Spark where rhem.toml names an [engine]."""
    from rhem_lib.deck import csv_text
    from rhem_lib.metric import measure as measure_panel
    from rhem_lib.storage import write_whole, writing
    from rhem_lib.workspace import load

    if out is not None and out.suffix not in (".csv", ".parquet"):
        raise typer.BadParameter("the file must end in .csv or .parquet", param_hint="--out")
    if out is not None and not out.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {out.parent}", param_hint="--out")
    panel = measure_panel(load(folder))
    if out is None:
        typer.echo(csv_text(panel), nl=False)
        return
    with writing(out):
        write_whole(out, panel.to_parquet(index=False) if out.suffix == ".parquet" else csv_text(panel))


@app.command()
def study(folder: Folder, workers: Workers = "2", force: Force = False, quiet: Quiet = False) -> None:
    """Portfolio notebooks: data, RHEM, decay, billing, known truth."""
    from rhem_lib import runs

    _finish(runs.study(folder, workers=_workers(workers), force=force, tell=_teller(quiet)))


@app.command()
def review(  # noqa: PLR0913  each is an option of the command
    folder: Folder,
    quarter: Annotated[str, typer.Option(help="such as 2026Q2; by default the last complete one")] = "last",
    client: Annotated[list[str] | None, typer.Option(help="only this client; may be repeated")] = None,
    workers: Workers = "2",
    force: Force = False,
    pdf: Annotated[bool, typer.Option("--pdf", help="also a PDF of every deck (needs LibreOffice)")] = False,
    notes: Annotated[str, typer.Option(help="speaker notes: evidence, or none for decks to send")] = "evidence",
    quiet: Quiet = False,
) -> None:
    """Everything: the study, the portfolio deck, and one notebook, page and deck per client."""
    from rhem_lib import runs

    spoken = one_of(notes, ("evidence", "none"), "--notes") == "evidence"
    given = {"workers": _workers(workers), "force": force, "pdf": pdf, "notes": spoken, "tell": _teller(quiet)}
    _finish(runs.review(folder, quarter, clients=client or [], **given))


@app.command()
def changes(
    folder: Folder,
    since: Annotated[str, typer.Option(help="first edition to look at, such as 2026Q1")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a line instead of text")] = False,
) -> None:
    """What moved between editions: restated figures, forecasts against what came, promises."""
    from rhem_lib import runs

    found = runs.changes(folder, since)
    typer.echo(found.table.to_json(orient="records", lines=True).rstrip() if as_json else found.text)


@app.command()
def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="folder of the workspace, made if need be")],
    name: Annotated[str, typer.Option(help="of your company")] = "",
    time_zone: Annotated[str, typer.Option(help="such as America/New_York")] = "",
    system: Annotated[
        list[str] | None, typer.Option(help="a system in use (`rhem profiles`), or NAME=ADDRESS; repeated")
    ] = None,
) -> None:
    """Begin a workspace, or complete one with clients.csv once exports are there; nothing is written over."""
    from rhem_lib import routine

    own = folder.resolve().name.replace("-", " ").replace("_", " ").title()
    if _attended() and not (folder / "rhem.toml").exists():
        name = name or typer.prompt("Name of your company", default=own)
        time_zone = time_zone or typer.prompt("Time zone", default=routine.local_zone())
        if system is None:
            given = typer.prompt("Systems in use, as in `rhem profiles`, with commas between", default="none")
            system = [one.strip() for one in given.split(",") if one.strip() not in ("", "none")]
    typer.echo(routine.start(folder, name or own, time_zone or routine.local_zone(), system or []).text)


@app.command()
def due(
    folder: Folder,
    on: Annotated[str, typer.Option(metavar="DAY", help="as of a day such as 2026-07-03; today by default")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object instead of text")] = False,
) -> None:
    """What should have arrived or been done and has not; exit code 1 if anything is due."""
    from rhem_lib import routine

    try:
        found = routine.due(folder, dt.date.fromisoformat(on) if on else None)
    except ValueError:
        raise ParameterError(f"'{on}' is not a day.", where="--on", fix="Write it like 2026-07-03.") from None
    typer.echo(json.dumps(found.as_json(), indent=1) if as_json else found.text)
    if len(found.table):
        raise typer.Exit(1)


@app.command()
def alerts(
    folder: Folder,
    month: Annotated[str, typer.Option(help="such as 2026-06; by default the last whole one of the data")] = "",
    notify: Annotated[
        bool, typer.Option("--notify", help="also to [notify] of rhem.toml, if there are any")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object instead of text")] = False,
) -> None:
    """Between quarters: clients clearly above their expected path, a cause that rose, data that stopped."""
    from rhem_lib import routine
    from rhem_lib.review import find_alerts
    from rhem_lib.workspace import load

    work = load(folder)
    found = find_alerts(work, month)
    typer.echo(json.dumps(found.as_json(), indent=1, allow_nan=False) if as_json else found.text)
    if notify and len(found.table):
        went = routine.notify(work.settings, f"{work.settings.name}: {found.title}", found.table["text"].tolist())
        typer.echo(f"Sent to {', '.join(went)}", err=True)


Quarter = Annotated[str, typer.Option(help="such as 2026Q2; by default the last one that has decks")]


@app.command()
def approve(
    folder: Folder,
    clients: Annotated[
        list[str] | None, typer.Argument(metavar="[CLIENT]...", help="whose decks were read")
    ] = None,
    quarter: Quarter = "last",
    by: Annotated[str, typer.Option(help="who read them; by default the name of this user")] = "",
) -> None:
    """Mark decks as proof-read, as they are now; without a client, list what is approved."""
    from rhem_lib import routine

    typer.echo(routine.approve(folder, clients or [], quarter=quarter, by=by).text)


@app.command()
def deliver(
    folder: Folder,
    quarter: Quarter = "last",
    client: Annotated[list[str] | None, typer.Option(help="only this client; may be repeated")] = None,
    send: Annotated[
        bool, typer.Option("--send", help="send, after the list of what goes to whom is confirmed")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="with --send: confirmed already, as for a scheduler")] = False,
    again: Annotated[bool, typer.Option("--again", help="also decks that were sent already")] = False,
    quiet: Quiet = False,
) -> None:
    """One draft per client with its approved deck and PDF, to open in a mail program; nothing is sent unasked."""
    from rhem_lib import routine

    made = routine.draft(folder, quarter, client or [], again=again, tell=_teller(quiet))
    typer.echo(made.text)
    ready = int((made.table["state"] == "ready").sum())
    if send and ready:
        if not yes and not _attended():
            raise ParameterError("nobody is here to confirm it, so nothing was sent.", fix="Add --yes to send.")
        if yes or typer.confirm(f"Send {ready} mails?"):
            made = routine.send(folder, made, _teller(quiet))
            sent = int((made.table["state"] == "sent").sum())
            typer.echo(f"{sent} sent, {int((made.table['state'] == 'failed').sum())} failed.")
        else:
            typer.echo("Nothing was sent.")
    if not made.complete:
        raise typer.Exit(1)


def _attended() -> bool:
    return sys.stdin.isatty()


@app.command()
def notebooks() -> None:
    """The notebooks: their questions, and the parameters of each with type, default and help."""
    from rhem_lib.runs import names, parameters_of, title_of

    for name in names():
        typer.echo(f"{name}: {title_of(name)}")
        for key, parameter in parameters_of(name).items():
            typer.echo(f"  {key}: {parameter.kind} = {parameter.default!r}  {parameter.help}")


@app.command("help")
def help_(
    topic: Annotated[str, typer.Argument(metavar="[TOPIC]", help="a warning, a key of rhem.toml, a page")] = "",
) -> None:
    """What the guide says of TOPIC; without one, its pages."""
    from rhem_lib.runs import GUIDE, help_on

    pages = ", ".join(path.stem for path in sorted(GUIDE.rglob("*.md")) if path.stem != "index")
    typer.echo(
        help_on(topic)
        if topic
        else f"Pages: {pages}.\nAlso each warning of `rhem check`, and each key of rhem.toml."
    )


@app.command()
def lab(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]")] = Path("data/sample"),
    port: Annotated[int, typer.Option(help="port of the server; the next free one if it is taken")] = 8888,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="print the address only")] = False,
) -> None:
    """Open JupyterLab on working copies of the notebooks, in DIR/notebooks."""
    from rhem_lib.runs import working_copies

    copies = working_copies(folder, typer.echo)
    typer.echo(f"Opening {copies}")
    alone = ["--ServerApp.ip=localhost", "--ServerApp.allow_remote_access=False"]  # JupyterLab makes a token
    options = [
        *alone,
        f"--notebook-dir={folder}",
        f"--LabApp.default_url=/lab/tree/{copies.name}",
        f"--port={port}",
    ]
    command = [sys.executable, "-m", "jupyterlab", *options, *(["--no-browser"] if no_browser else [])]
    os.execv(sys.executable, command)  # noqa: S606


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


def _workers(given: str) -> int | str:
    """A number of processes, or an address."""
    if given.isdecimal() and int(given) > 0:
        return int(given)
    if "://" in given:
        return given
    what = f"'{given}' is neither a number of processes nor an address."
    raise ParameterError(what, where="--workers", fix="Give 2, or tcp://host:8786.")


def _finish(made: Any) -> None:
    typer.echo(made.text)
    if made.failed or made.without_pdf:
        raise typer.Exit(1)


def main() -> None:
    """Run the command; a problem the user can mend is one message and exit code 2; Ctrl-C gives 130."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # small matrices: threads cost more than they save
    # nbformat asks jsonschema for all formats; the grammar of one that no notebook has takes a second to build.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    for name in ("SIGTERM", "SIGHUP"):  # as Ctrl-C: what is finished is kept, and temporary folders go
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) == signal.SIG_DFL:
            signal.signal(getattr(signal, name), signal.default_int_handler)
    try:
        try:
            app(standalone_mode=True)
        finally:
            if sys.stdout:  # else it was closed before we began
                sys.stdout.flush()
    except RhemError as problem:
        typer.echo(f"rhem: {problem}", err=True)
        sys.exit(130 if isinstance(problem, Stopped) else 2)
    except MemoryError:
        _end("the memory of this computer ran out: close other programs, or review fewer clients at once.")
    except OSError as problem:
        if problem.errno not in (errno.ENOSPC, errno.EPIPE, errno.EIO):
            if problem.filename is None:
                raise
            _end(f"{problem.filename2 or problem.filename}: cannot be read or written: {problem.strerror}.")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left in it has nowhere to go
        _end(f"the output cannot be written: {problem.strerror}.")


def _end(message: str) -> NoReturn:
    typer.echo(f"rhem: {message}", err=True)
    sys.exit(2)


if __name__ == "__main__":
    main()
