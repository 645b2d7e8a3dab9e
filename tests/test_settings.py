"""rhem.toml: defaults, and errors by their text."""

import errno
import os
import tomllib
from pathlib import Path

import pytest

import rhem_lib as rhem
from rhem_lib.errors import InputError, ParameterError, SettingsError, toml_text
from rhem_lib.exports.client_names import check_aliases
from rhem_lib.settings import Target, as_target, read_settings


def settings_of(folder, text):
    (folder / "rhem.toml").write_text(text)
    return read_settings(folder)


def test_a_name_is_enough_and_the_defaults_are_those_of_the_claim(tmp_path):
    settings = settings_of(tmp_path, 'name = "Acme"\n')
    assert (settings.targets.start_h, settings.targets.target_h, settings.targets.months) == (1.0, 0.25, 12)
    assert settings.preset == "unscheduled"
    assert settings.limits.seen_within_days == 30


@pytest.mark.parametrize(
    ("text", "wording"),
    [
        ('name = "A"\n[targets]\nstrat_h = 1', "'targets.strat_h' is not a setting. Did you mean 'start_h'?"),
        ('name = "A"\n[clients."Foo"]\nalias = ["x"]', "Did you mean 'aliases'?"),
        ('nme = "A"', "'nme' is not a setting. Did you mean 'name'?"),
        ('name = "A"\ntime_zone = "America/NewYork"', "Did you mean 'America/New_York'?"),
        ('name = "A"\npreset = "everything"', "'preset' cannot be used"),
        ('name = "A', "this is not valid TOML"),
        ('name = "A"\n[[rules]]\nwhen = {}\nwork_class = "project"', "'rules.0.when' cannot be used"),
        (
            'name = "A"\n[[rules]]\nwhen = { type = "x", work_type = [] }\nwork_class = "project"',
            "'rules.0.when' cannot be used: no value is given for work_type; write one or take work_type out.",
        ),
    ],
)
def test_errors_name_the_key_and_the_nearest_known_one(tmp_path, text, wording):
    with pytest.raises(SettingsError) as raised:
        settings_of(tmp_path, text)
    assert wording in str(raised.value)
    assert "rhem.toml" in str(raised.value)


@pytest.mark.parametrize(
    ("text", "wording"),
    [
        (
            '[clients.A]\naliases = ["X"]\n[clients.B]\naliases = ["x "]',
            "'x ' cannot be both a name of client 'A' and",
        ),
        ('[clients.A]\naliases = ["B"]\n[clients.B]\naliases = ["C"]', "a name of client 'A' and of client 'B'"),
        ('[clients.A]\naliases = ["B"]\n[clients.b]', "a name of client 'A' and of client 'b'"),
        (
            'own_company = ["Us  Ltd"]\n[clients.A]\naliases = ["us ltd"]',
            "an alias of client 'A' and in own_company",
        ),
        ('catch_all = ["Z"]\n[clients.A]\naliases = ["Z"]', "an alias of client 'A' and in catch_all"),
    ],
)
def test_one_name_is_not_two_clients(tmp_path, text, wording):
    with pytest.raises(SettingsError) as raised:
        check_aliases(settings_of(tmp_path, f'name = "A"\n{text}\n'))
    assert wording in str(raised.value)
    assert "rhem.toml" in str(raised.value)


def test_a_name_given_twice_to_one_client_is_harmless(tmp_path):
    text = (
        'name = "A"\nown_company = ["Us"]\n[clients.A]\naliases = ["a", "X", "x"]\n[clients.us]\naliases = ["We"]'
    )
    check_aliases(settings_of(tmp_path, text))


def test_a_workspace_is_not_read_while_a_name_is_two_clients(workspace):
    text = 'name = "A"\n[clients.A]\naliases = ["X"]\n[clients.B]\naliases = ["X"]\n'
    with pytest.raises(SettingsError, match="'X' cannot be both a name of client 'A' and of client 'B'"):
        rhem.load(workspace({"time.csv": TIME + "X,2026-01-02,1\n"}, text))


def test_a_folder_without_settings_says_what_to_do(tmp_path):
    with pytest.raises(SettingsError, match=r"is not a workspace\. Make it one with `rhem new DIR`"):
        read_settings(tmp_path)


TIME = "client,worked_on,hours\n"
OWN = """name = "{name}"\ntitle = "{name}"\n[[tables]]\ntable = "time_entries"\nrequires = ["client"]
[tables.columns]\nclient = "Kunde"\nworked_on = "Tag"\nhours = "Stunden"
"""


def settled(folder):
    """Every question of a workspace, each answered by pasting what the message says below rhem.toml."""
    asked = []
    while len(asked) < 5:
        try:
            rhem.load(folder)
            return asked
        except InputError as question:
            asked.append(str(question))
            with (folder / "rhem.toml").open("a") as settings:
                settings.write("\n" + asked[-1][asked[-1].index("[[files]]") :])
    raise AssertionError(asked)


@pytest.mark.many_cases
@pytest.mark.parametrize(
    ("files", "questions"),
    [
        ({"time.csv": TIME + "Nord,01/02/2026,1\n"}, ["day and month cannot be told apart"]),
        ({"time.csv": TIME + 'Nord,2026-01-02,"1,250"\n'}, ["a comma may be a decimal"]),
        (
            {"time.csv": TIME + 'Nord,01/02/2026,"1,250"\n'},
            ["day and month cannot be told apart", "a comma may be a decimal"],
        ),
        ({"zeiten.csv": "Kunde,Tag,Stunden\nNord,2026-01-02,1\n"}, ["these columns fit one and two alike"]),
        ({'in "x".csv': "Invoice,Sum\n1,2\n", "time.csv": TIME}, ["no profile knows these columns"]),
        ({"pcs.csv": "client,device_id\nNord,pc1\n", "time.csv": TIME}, ["a list of endpoints, but not of which"]),
        (
            {"t.csv": "Ticket,Client,Date,Time Spent\n1,Nord,2026-01-02,30\n"},
            ["does not say in which unit time is written"],
        ),
    ],
    ids=["date", "decimal", "both", "profile", "skip", "as_of", "unit"],
)
def test_what_a_message_says_to_add_settles_it_when_it_is_pasted(workspace, files, questions):
    folder = workspace(files)
    (folder / "profiles").mkdir()
    for name in ("one", "two"):
        (folder / "profiles" / f"{name}.toml").write_text(OWN.format(name=name))
    unit = 'name = "u"\ntitle = "U"\n[[tables]]\ntable = "time_entries"\nrequires = ["hours"]\n'
    columns = 'hours_unit = "ask"\n[tables.columns]\nclient = "Client"\nworked_on = "Date"\nhours = "Time Spent"\n'
    (folder / "profiles" / "u.toml").write_text(unit + columns)
    asked = settled(folder)
    assert len(asked) == len(questions)
    assert all(part in wording for part, wording in zip(questions, asked, strict=True))


def test_any_text_is_written_as_toml_that_reads_back():
    text = "".join(map(chr, range(0xD7FF))) + "\U0001f600"
    assert tomllib.loads(f"text = {toml_text(text)}") == {"text": text}


def test_of_entries_that_speak_of_one_file_the_first_that_has_a_key_counts(workspace):
    given = '[[files]]\npath = "exports"\ndate_order = "{}"\n[[files]]\npath = "exports/time.csv"\n{}\n'
    folder = workspace({"time.csv": TIME + 'Nord,01/02/2026,"1,250"\n'})
    answers = {("day-first", 'date_order = "month-first"\ndecimal = ","'): ("2026-02-01", 1.25),
               ("month-first", 'decimal = "."'): ("2026-01-02", 1250)}  # fmt: skip
    for parts, expected in answers.items():
        limits = "[limits]\nmax_hours_per_entry = 9999\n"
        (folder / "rhem.toml").write_text('name = "T"\n' + limits + given.format(*parts))
        entry = rhem.load(folder).time_entries.df().iloc[0]
        assert (str(entry["worked_on"].date()), entry["hours"]) == expected


@pytest.mark.parametrize("value", [0.0, -0.25, float("nan"), float("inf"), True, "0.25", None])
def test_refuses_what_is_no_target(value):
    with pytest.raises(ParameterError, match="target"):
        as_target(value)


def test_names_columns_by_the_months_of_the_target():
    assert (Target().level_column, Target().chance_column) == ("rhem_12_h", "p_target_24")
    assert (Target(months=18).level_column, Target(months=18).chance_column) == ("rhem_18_h", "p_target_36")
    assert as_target(0.5) == Target(target_h=0.5)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("nowhere")])
@pytest.mark.parametrize("place", ["clients", "profiles"])
def test_what_is_no_file_among_settings_is_named(workspace, place, make):
    folder = workspace({"t.csv": "client,worked_on,hours\nNord,2026-01-05,1\n"})
    (folder / place).mkdir()
    make(folder / place / "x.toml")
    with pytest.raises(SettingsError, match=r"x\.toml: this (is not a file|file cannot be read)"):
        rhem.load(folder)


def test_a_folder_of_settings_that_may_not_be_read_is_named(workspace, monkeypatch):
    folder = workspace({})
    problem = PermissionError(errno.EACCES, "Permission denied")
    monkeypatch.setattr(Path, "iterdir", lambda _: (_ for _ in ()).throw(problem))
    with pytest.raises(SettingsError, match="clients: this folder cannot be read: Permission denied"):
        read_settings(folder)
