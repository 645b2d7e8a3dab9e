"""Small hand-made panels, entries and a fit for the tests of review, plots, deck and page."""

import re
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pandas as pd

from rhem_lib.review.facts import Fits, gather
from rhem_lib.review.review import Review, compose
from rhem_lib.settings import Settings, Target

QUARTER = "2026Q2"
LAST = pd.Timestamp("2026-06-01")
CATEGORIES = ("Printing", "Email", "Network", "Accounts", "Hardware")

JARGON = re.compile(
    r"\b(RHEM|endpoints?|p-values?|SLA|MTTR|confidence|intervals?|asymptote|half-life|floor|posterior|pooled|exposure|"
    r"reactive|quantile|regression|significant|standard error|variance|decay|decaying|fit|fitted)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Fit:
    """What the review reads of a DecayFit, with the curve start -> floor known."""

    clients: pd.DataFrame
    usable: bool = True
    target: Target = field(default_factory=Target)
    gate: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(declines=True))
    calendar: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(verdict="unknown"))
    population: pd.DataFrame = field(default_factory=pd.DataFrame)
    fades: bool = False

    def month_draws(self, client, age_start, age_end, exposure):
        """Months around the curve, a fifth of it either way."""
        middle = (np.asarray(age_start) + np.asarray(age_end)) / 2
        path = self.predict(client, age_months=middle)["estimate"].to_numpy()
        return path * np.random.default_rng(0).lognormal(0, 0.2, (2000, len(path)))

    def predict(self, client=None, age_months=()):
        age = np.atleast_1d(np.asarray(age_months, float))
        row = self.clients.loc[client] if client is not None else self.clients.median(numeric_only=True)
        h = row["floor_h"] + (row["start_h"] - row["floor_h"]) * 0.5 ** (age / row["half_life_months"])
        return pd.DataFrame({"age_months": age, "estimate": h, "low": h * 0.85, "high": h * 1.15})


def make_fit(clients=("Harbour Dental",), **changes) -> Fit:
    row = {
        "start_h": 1.0,
        "floor_h": 0.2,
        "half_life_months": 5.0,
        "rhem_12_h": 0.35,
        "months_to_target": 20.0,
        "rhem_now_h": 0.3,
        "p_target_24": 0.85,
        "follows": "decaying",
    } | changes
    table = pd.DataFrame([row] * len(clients), index=pd.Index(clients, name="client"))
    for name in ("start_h", "floor_h", "half_life_months", "rhem_12_h", "months_to_target", "rhem_now_h"):
        table[f"{name}_low"], table[f"{name}_high"] = table[name] * 0.8, table[name] * 1.2
    population = pd.DataFrame(
        {
            "estimate": [1.0, 0.2, 5.0, 0.35, 20.0],
            "low": [0.9, 0.17, 4.0, 0.3, 15.0],
            "high": [1.1, 0.24, 6.5, 0.4, 30.0],
        },
        index=["start_h", "floor_h", "half_life_months", "rhem_12_h", "months_to_target"],
    )
    return Fit(table, population=population)


def make_panel(
    client="Harbour Dental", months=18, endpoints=40.0, last=LAST, seed=1, start_h=1.0, floor_h=0.2
) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    month = pd.date_range(end=last, periods=months, freq="MS")
    age = np.arange(months, dtype=float)
    rhem = (floor_h + (start_h - floor_h) * 0.5 ** (age / 5)) * rng.gamma(20, 1 / 20, months)
    hours = rhem * endpoints
    return pd.DataFrame(
        {
            "client": client, "month": month.astype("datetime64[us]"), "endpoints": endpoints,
            "exposure": endpoints, "age_start": age, "age_end": age + 1, "age_months": age + 0.5,
            "reactive_hours": hours,
            "reactive_tickets": np.round(hours / 0.5), "unclassified_hours": 0.0,
            "rhem_h": hours / endpoints,
            "billing": "fixed-fee", "flags": "", "outside_hours": 0.0,
            "squared_hours": hours, "rhem_high_h": hours / endpoints,
        }
    )  # fmt: skip


def make_entries(panel: pd.DataFrame, seed=2) -> pd.DataFrame:
    """One entry per ticket; the hours of a month add up to the panel's."""
    rng = np.random.default_rng(seed)
    rows = []
    for _, row in panel.iterrows():
        n = int(row["reactive_tickets"]) if row["exposure"] > 0 else 0
        weights = rng.gamma(1.0, 1.0, n)
        for k in range(n):
            day = row["month"] + pd.Timedelta(days=int(rng.integers(28)))
            rows.append(
                (day, day + pd.Timedelta(hours=10), row["reactive_hours"] * weights[k] / weights.sum(),
                 f"T{row['month']:%y%m}-{k}", "incident", CATEGORIES[int(rng.integers(5))], None,
                 f"PC-{int(rng.zipf(1.7)) % 40:02d}", "phone")
            )  # fmt: skip
    columns = [
        "worked_on",
        "started_at",
        "hours",
        "ticket_id",
        "type",
        "category",
        "subcategory",
        "device_id",
        "source",
    ]
    frame = pd.DataFrame(rows, columns=columns).assign(first=True)
    for column in ("worked_on", "started_at"):
        frame[column] = pd.to_datetime(frame[column]).astype("datetime64[us]")
    return frame


def make_facts(panel=None, fit=None, entries=None, settings=None, client="Harbour Dental", quarter=QUARTER):
    panel = make_panel(client) if panel is None else panel
    entries = make_entries(panel[panel["client"] == client]) if entries is None else entries
    fit = make_fit((client,)) if fit is None else fit
    settings = settings or Settings(name="Northwind IT")
    return gather(settings, panel, Fits(fit, fit), entries, client=client, quarter=quarter)


def make_review(
    panel=None, fit=None, entries=None, settings=None, client="Harbour Dental", quarter=QUARTER
) -> Review:
    return compose(make_facts(panel, fit, entries, settings, client, quarter))


def main_text(review):
    parts = [s for s in review.sections if not s.appendix]
    return [t for s in parts for t in (s.title, *s.paragraphs)]
