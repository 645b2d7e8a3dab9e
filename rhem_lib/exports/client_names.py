"""One name per client across PSA, RMM and clients.csv, and when each client began, ended and paid how."""

from dataclasses import replace
from typing import Any

import duckdb
import pandas as pd

from rhem_lib import schema
from rhem_lib.errors import InputError, SettingsError
from rhem_lib.exports.clean import Cleaned
from rhem_lib.exports.files import codes
from rhem_lib.exports.text_tables import OWN
from rhem_lib.settings import Settings, normal_name, shown_name

NAMED_TABLES = ("clients", "time_entries", "tickets", "endpoints", "agreements")
UNNAMED = "(no visible name)"
STAND_IN = "'T' || upper(substr(md5(lower(technician)), 1, 6))"


def check_aliases(settings: Settings) -> None:
    """Stop where one name is given to two clients, of which only the order of the settings would choose.

    Raises
    ------
    SettingsError
        Names both places.
    """
    owners: dict[str, str] = {}

    def refuse(name: str, places: str) -> SettingsError:
        fix = "Name it in one of the two alone; one client needs one section, with its other names as aliases."
        return SettingsError(f"'{name}' cannot be both {places}.", where="rhem.toml and clients/*.toml", fix=fix)

    for client, given in settings.clients.items():
        for name in (client, *given.aliases):
            other = owners.setdefault(normal_name(name), client)
            if other != client:
                raise refuse(name, f"a name of client '{other}' and of client '{client}'")
    for key in ("own_company", "catch_all"):
        for name in getattr(settings, key):
            other = owners.get(normal_name(name), name)
            if normal_name(other) != normal_name(name):
                raise refuse(name, f"an alias of client '{other}' and in {key}")


def unify(con: duckdb.DuckDBPyConnection, cleaned: Cleaned, settings: Settings) -> Cleaned:
    """Return the tables with one spelling per client: that of rhem.toml, else of clients.csv, else the most used.

    Names match when they differ in case, blanks and unseen characters only, or by an alias given in rhem.toml;
    nothing is guessed.
    People get pseudonyms, unless rhem.toml asks for their names.
    """
    tables = {name: getattr(cleaned, name).sql_query() for name in NAMED_TABLES}
    counted = " UNION ALL ".join(
        f"SELECT {int(name != 'clients')} AS rank, client AS spelling, count(*) AS n FROM ({rows}) "
        "WHERE client IS NOT NULL GROUP BY client"
        for name, rows in tables.items()
    )
    ranked = con.execute(
        f"SELECT spelling, sum(n) AS n FROM ({counted}) GROUP BY rank, spelling ORDER BY rank, n DESC, spelling"
    ).df()
    ranked["normal"] = [normal_name(name) for name in ranked["spelling"]]
    first = ranked.drop_duplicates("normal")
    names = {row.normal: shown_name(row.spelling) or UNNAMED for row in first.itertuples()}
    for client, given in settings.clients.items():
        names |= {normal_name(alias): client for alias in [client, *given.aliases]}
    for own in (settings.own_company, settings.catch_all):
        names |= {normal_name(name): name for name in own}
    found = ranked.drop_duplicates("spelling")
    mapping = pd.DataFrame({"spelling": found["spelling"], "canonical": found["normal"].map(names)}, dtype=str)
    con.register("found_names", mapping)
    con.execute("CREATE TABLE client_names AS FROM found_names")
    con.unregister("found_names")
    coded = codes(con, "client_names", "canonical")
    for name, rows in tables.items():
        canonical = coded if name == "time_entries" else "canonical"
        tables[name] = (
            f"SELECT t.* REPLACE (n.value AS client) FROM ({rows}) t "
            f"LEFT JOIN {_once('client_names', 'spelling', canonical)} n ON n.spelling = t.client"
        )
    if not settings.privacy.technician_names:
        tables["time_entries"] = _without_people(con, tables["time_entries"])
    renamed: dict[str, Any] = {name: con.sql(rows) for name, rows in tables.items()}
    return replace(
        cleaned, **renamed, names=sorted(set(mapping["canonical"])), spellings=sorted(set(found["normal"]))
    )


def _without_people(con: duckdb.DuckDBPyConnection, entries: str) -> str:
    """SQL of time entries with a stable pseudonym for each technician; they are few, so each is made once."""
    people = "SELECT DISTINCT technician FROM typed_time_entries"
    con.execute(f"CREATE TABLE people AS SELECT technician, {STAND_IN} AS stand_in FROM ({people})")
    return (
        f"SELECT t.* REPLACE (p.value AS technician) FROM ({entries}) t "
        f"LEFT JOIN {_once('people', 'technician', codes(con, 'people', 'stand_in'))} p "
        "ON p.technician = t.technician"
    )


def _once(table: str, key: str, value: str) -> str:
    """SQL of a value by key: grouped, so that the engine leaves out a join that nobody reads."""
    return f"(SELECT {key}, any_value({value}) AS value FROM {table} GROUP BY {key})"


def agreement_table(cleaned: Cleaned) -> pd.DataFrame:
    """Return agreements by client and start; `billing` in clients.csv stands in where a client has none."""
    agreements = cleaned.agreements.df()
    listed = cleaned.clients.df()
    if "billing" in listed:
        terms = _terms(listed)
        missing = terms[terms["billing"].isin(schema.BILLING_MODELS) & ~terms["client"].isin(agreements["client"])]
        agreements = pd.concat([agreements, missing[["client", "billing", "start", "end"]]])
    agreements = agreements.reindex(columns=schema.columns("agreements"))
    return schema.check(agreements.sort_values(["client", "start"], ignore_index=True), "agreements")


def _terms(listed: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of clients.csv with start and end: a row with a day in `from` ends the row before it."""
    start = listed["onboarded_on"]
    if "start" in listed:
        start = listed["start"].fillna(start)
    rows = listed.assign(start=start).sort_values(["client", "start"], na_position="first", kind="stable")
    clients = rows.groupby("client")
    ends = clients["start"].shift(-1).fillna(clients["ended_on"].transform("max"))
    return rows.assign(end=ends - pd.Timedelta(days=1)).sort_index()


def client_table(cleaned: Cleaned, agreements: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Return clients with their month 0: as listed, else the first agreement, else the first endpoint snapshot.

    A client whose listed date is not a date ('before tracking') stays without one: its age is unknown. Own
    company, catch-all and excluded clients are left out.

    Raises
    ------
    InputError
        A client is listed twice.
    """
    listed = cleaned.clients.df()
    if "start" in listed:  # a switch of billing is no other client
        listed = listed.sort_values("start", na_position="first", kind="stable")
        listed["ended_on"] = listed.groupby("client")["ended_on"].transform("max")
        switched = listed["start"].notna() & listed["client"].duplicated()
        listed = listed[~switched].drop(columns="start")
    twice = listed[listed["client"].duplicated(keep=False)].sort_values(["client", "source_row"])
    if len(twice):
        one = twice[twice["client"] == twice["client"].iloc[0]]
        rows = " and ".join(one["source_file"] + ", row " + one["source_row"].astype(str))
        what = f"'{one['client'].iloc[0]}' is listed more than once (case, blanks and aliases apart)."
        raise InputError(
            what, where=rows, fix="Keep one row of it, or give the day of a switch of billing in a column 'from'."
        )
    listed = listed.set_index("client")
    apart = {*settings.own_company, *settings.catch_all}
    apart |= {name for name, given in settings.clients.items() if given.exclude}
    clients = pd.DataFrame(index=pd.Index(sorted(set(cleaned.names) - apart), name="client"))
    clients = clients.join(listed.drop(columns=["source_file", "source_row", "billing", "onboarding_source"],
                                       errors="ignore"))  # fmt: skip
    clients["onboarding_source"] = "unknown"
    given = clients["onboarded_on"].notna()
    stated = clients.get(
        OWN + "onboarding_source", pd.Series("", clients.index)
    )  # of a list that `rhem new` wrote
    clients.loc[given, "onboarding_source"] = stated.where(stated.isin(schema.DATE_SOURCES), "clients")[given]
    first = cleaned.endpoints.aggregate("client, min(as_of) AS first").df().set_index("client")["first"]
    fallbacks = [("agreement", agreements.groupby("client")["start"].min()), ("first snapshot", first)]
    for source, dates in fallbacks:
        usable = clients["onboarded_on"].isna() & ~clients.index.isin(listed.index)
        filled = dates.reindex(clients.index).where(usable)
        clients.loc[filled.notna(), "onboarding_source"] = source
        clients["onboarded_on"] = clients["onboarded_on"].fillna(filled)
    clients = clients.reset_index()
    known = schema.check(clients.reindex(columns=schema.columns("clients")), "clients")
    extras = {c.removeprefix(OWN): clients[c] for c in clients.columns if c not in known.columns}
    return known.assign(**{name: column for name, column in extras.items() if name not in known.columns})
