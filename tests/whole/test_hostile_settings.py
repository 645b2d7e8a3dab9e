"""Settings, profiles and headers from strangers: they are data, never SQL; the engine reaches its inputs alone."""

from pathlib import Path

import duckdb
import pandas as pd
import pytest

import rhem_lib as rhem
from rhem_lib.errors import SettingsError, toml_text
from rhem_lib.exports import connect, inline, lock, read_profiles
from rhem_lib.settings import read_settings

ENTRIES = "id,kunde,tag,std,art\n1,Nord,03.06.2026,1.5,Störung\n2,Süd,04.06.2026,2,Projekt\n"
HOSTILE = {
    "quote": "x' < (SELECT content FROM read_text('/etc/hostname')) OR 'x' > '",
    "double": "x\" FROM t; COPY (SELECT 1) TO '{out}'; --",
    "statement": "'); COPY (SELECT 1) TO '{out}'; --",
    "list": "%Y'], ['x']); COPY (SELECT 42) TO '{out}' --",
    "dollar": "$$; COPY (SELECT 1) TO '{out}'; $$",
    "comment": "x /* */ -- y\n; DROP TABLE client_names",
    "unicode": "x\u2019; \u02bc\uff07\uff02 COPY\u00a0x",
    "newline": "x\n' ; COPY (SELECT 1) TO '{out}' ;\n",
    "backslash": "x\\' ; \\\" \\",
    "brace": "{0} {} {{x}} %s %(x)s *?[a]",
}
PROFILE = """
name = {name}
title = {title}
[[tables]]
table = "time_entries"
requires = ["client", "worked_on", "hours"]
dates = [{dates}]
utc = [{utc}]
missing = [{missing}]
note = {note}
changed = [{changed}]
extras = true
[tables.columns]
entry_id = ["id", {option}]
client = "kunde"
worked_on = "tag"
hours = "std"
work_type = ["art", {constant}]
[tables.values.work_type]
{value} = {canonical}
[[tables.aside]]
reason = "hidden-entry"
header = {aside}
values = [{asides}]
[[tables]]
table = "names"
requires = ["id", "name"]
names_of = ["work_type"]
names_by = [{names_by}]
[tables.columns]
id = "nummer"
name = "bezeichnung"
[[rules]]
when = {{ work_type = {rule} }}
work_class = "project"
"""
PLAIN = dict(name='"own"', title='"Own"', dates='"%d.%m.%Y"', utc="", missing='"?"', note='""', changed='"wann"',
             option='"nr"', constant='"=offen"', value='"Störung"', canonical='"incident"', aside='"weg"',
             asides="", names_by='"work_type"', rule='"Projekt"')  # fmt: skip
SETTINGS = """
name = {name}
time_zone = "Europe/Berlin"
hours_are = {hours_are}
own_company = [{own_company}]
catch_all = [{catch_all}]
patch_categories = [{patch}]
[[rules]]
when = {{ work_type = {rule} }}
work_class = "reactive"
[clients.{client}]
aliases = [{alias}]
"""
GIVEN = dict(name='"T"', hours_are='"hours"', own_company='"T"', catch_all='"C"', patch='"P"', rule='"x*"',
             client='"Nord"', alias='"N"')  # fmt: skip


@pytest.fixture
def hostile(workspace, tmp_path):
    """Write a workspace with a profile of its own and a list of names; return the values of HOSTILE."""

    def write(settings=GIVEN, profile=PLAIN, entries=ENTRIES, clients=None):
        files = {"zeit.csv": entries, "arten.csv": "nummer,bezeichnung\nStörung,Störung groß\n"}
        folder = workspace(files | ({"clients.csv": clients} if clients else {}), SETTINGS.format(**settings))
        (folder / "profiles").mkdir(exist_ok=True)
        (folder / "profiles/own.toml").write_text(PROFILE.format(**profile))
        return folder

    return write, {name: text.replace("{out}", str(tmp_path / "out.csv")) for name, text in HOSTILE.items()}


def entries_of(folder, what):
    """Return the entries of a workspace; reading it writes no file and shows none from elsewhere."""
    before = {path for path in folder.rglob("*") if path.is_file()}
    entries = rhem.load(folder).time_entries.df()
    assert {path for path in folder.rglob("*") if path.is_file()} == before, what
    hostname = Path("/etc/hostname").read_text().strip()
    assert not (entries == hostname).any(axis=None), what
    return entries


def quoted(text, mark='"'):
    """A text as a cell of CSV."""
    return mark + text.replace(mark, 2 * mark) + mark


@pytest.mark.many_cases
@pytest.mark.parametrize("turn", range(len(HOSTILE)))
def test_text_of_settings_profiles_headers_and_cells_is_never_run(hostile, turn):
    write, texts = hostile
    order = list(texts.values())[turn:] + list(texts.values())[:turn]  # each field sees each text once
    free = [name for name in PLAIN if name not in ("dates", "names_by", "title")]
    profile = {name: toml_text(order[i % len(order)]) for i, name in enumerate(free)}
    settings = {name: toml_text(order[i % len(order)]) for i, name in enumerate(GIVEN)}
    head, cell = quoted(order[0].replace("\n", " ")), quoted(order[1])
    entries = (
        f"id,kunde,tag,std,art,{head}\n1,Nord,03.06.2026,1.5,Störung,{cell}\n2,Süd,04.06.2026,2,{cell},{head}\n"
    )
    clients = f"client,onboarded_on,{head}\nNord,2026-01-01,{cell}\n{cell},2026-01-01,x\n"
    found = entries_of(write(GIVEN | settings, PLAIN | profile, entries, clients), order[0])
    assert found["hours"].tolist() == [1.5, 2.0]


@pytest.mark.parametrize(
    "way",
    [
        "%Y'], [SELECT 1",
        "%q",
        "%",
        "%Y%",
        "% Y",
        "%d.%m.%Y'",
        "%d\n%m",
        "%Y-%m-%d; x",
        "%Y\u2019",
        "%-Q",
        "%Y" * 40 + "'",
    ],
)
def test_ways_of_writing_dates_are_a_closed_list(hostile, way):
    write, _ = hostile
    with pytest.raises(SettingsError, match="there is no way of writing"):
        read_profiles(write(profile=PLAIN | {"dates": toml_text(way)}))


def test_names_by_are_columns_of_a_table(hostile):
    write, _ = hostile
    injected = """client = k.key) k ON true; COPY (SELECT 1) TO 'x'; --"""
    for name in (injected, "", "client || client", "Client", "rowid", "work_type, client"):
        with pytest.raises(SettingsError, match="has no column"):
            read_profiles(write(profile=PLAIN | {"names_by": toml_text(name)}))


@pytest.mark.parametrize("text", [r"\u0000", r"\u0007", r"\u007F", r"\u0085", r"\uFFFF", r"\u001b[31m"])
@pytest.mark.parametrize("where", ["value", "key", "list", "profile"])
def test_control_characters_in_settings_are_named(hostile, text, where):
    write, _ = hostile
    given = {"value": {"name": f'"T{text}"'}, "key": {"client": f'"N{text}"'}, "list": {"alias": f'"N{text}"'}}
    folder = write(settings=GIVEN | given.get(where, {}))
    if where == "profile":
        (folder / "profiles/own.toml").write_text(PROFILE.format(**PLAIN | {"note": f'"x{text}"'}))
    with pytest.raises(SettingsError, match=r"the control character U\+.{4} is in this value. Take it out"):
        read_settings(folder)
        read_profiles(folder)


def test_a_locked_connection_reaches_its_inputs_and_its_scratch_alone(tmp_path):
    there, link = tmp_path / "in.csv", tmp_path / "link.csv"
    there.write_text("a\n1\n")
    (tmp_path / "other.csv").write_text("a\n2\n")
    con, scratch = connect()
    link.symlink_to("/etc/hostname")
    (scratch / "link").symlink_to("/etc/hostname")
    lock(con, [there])
    assert con.execute(f"FROM read_csv('{there}')").fetchall() == [(1,)]
    con.execute(f"COPY (SELECT 1 AS a) TO '{scratch}/x.parquet' (FORMAT parquet)")
    assert con.execute(f"FROM '{scratch}/x.parquet'").fetchall() == [(1,)]
    for sql in (
        "FROM read_text('/etc/hostname')",
        f"FROM read_text('{scratch}/../../etc/hostname')",
        f"FROM read_text('{scratch}/link')",
        f"FROM read_text('{link}')",
        f"FROM read_csv('{tmp_path}/other.csv')",
        f"FROM read_csv('{tmp_path}/*.csv')",
        "FROM glob('/etc/*')",
        f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
        f"EXPORT DATABASE '{tmp_path}/out'",
        f"ATTACH '{tmp_path}/out.db' AS o",
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
        "INSTALL httpfs",
        "LOAD httpfs",
        "FROM read_csv('https://example.org/x.csv')",
    ):
        with pytest.raises(duckdb.Error):
            con.execute(sql).fetchall()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "link.csv", "other.csv"]


def test_relations_of_a_workspace_come_from_a_locked_connection(sample_work, tmp_path):
    for relation in (sample_work.time_entries, sample_work.endpoints):
        for sql in ("SELECT * FROM read_text('/etc/hostname')", f"COPY (SELECT 1) TO '{tmp_path}/x.csv'"):
            with pytest.raises(duckdb.Error, match="disabled"):
                relation.query("x", sql).fetchall()


def test_a_small_frame_reaches_a_locked_connection_unchanged():
    con, _ = connect()
    lock(con, [])
    when = pd.to_datetime(["2026-01-01 10:00", None])
    given = pd.DataFrame(
        {"a": [1, 2], 'b"; --': ["'; DROP", None], "c": [0.1 + 0.2, None], "d": when, "e": [True, False]}
    )
    found = con.sql(inline(given)).df()
    assert list(found) == list(given)
    assert found["c"].tolist()[0] == 0.1 + 0.2 and found["c"].isna().tolist() == [False, True]
    assert found['b"; --'].tolist()[0] == "'; DROP" and found["d"].tolist()[0] == when[0]
    assert len(con.sql(inline(given.head(0))).df()) == 0
