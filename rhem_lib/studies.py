"""A workspace -> its study: everything that one edition says of all clients together, made once."""

import datetime as dt
import io
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel

from rhem_lib.billing import BillingComparison, compare_billing
from rhem_lib.decay import DecayFit, fit_decay
from rhem_lib.metric import (
    PatchEffect,
    cause_months,
    last_periods,
    measure,
    patch_effect,
    pooled_rhem,
    why_moved,
    why_unmeasured,
)
from rhem_lib.schema import FLAGS, flagged
from rhem_lib.settings import Target
from rhem_lib.storage import write_whole
from rhem_lib.workspace import Workspace

FILE = "study.pickle"  # beside the prepared tables
# What pandas and NumPy rebuild frames and arrays from; nothing else but results of this library is opened.
REBUILT = {
    "builtins": {"bytearray", "slice"},
    "datetime": {"date"},
    "numpy": {"dtype", "ndarray"},
    "numpy._core.multiarray": {"_reconstruct", "scalar"},
    "numpy._core.numeric": {"_frombuffer"},
    "pandas": {"DataFrame", "Index", "MultiIndex", "RangeIndex", "Series", "StringDtype", "Timestamp"},
    "pandas._libs.arrays": {"__pyx_unpickle_NDArrayBacked"},
    "pandas._libs.internals": {"_unpickle_block"},
    "pandas._libs.tslibs.timestamps": {"_unpickle_timestamp"},
    "pandas.arrays": {"ArrowStringArray", "DatetimeArray"},
    "pandas.core.indexes.base": {"_new_Index"},
    "pandas.core.internals.managers": {"BlockManager", "SingleBlockManager"},
    "pyarrow.lib": {"_restore_array", "py_buffer", "type_for_alias"},
}


@dataclass(frozen=True)
class Study:
    """What one edition says of all clients together.

    Attributes
    ----------
    panel : DataFrame, one row per client and month (schema.Panel)
    fit : DecayFit
        How fast RHEM falls after onboarding.
    comparison : BillingComparison
        Fixed-fee against hourly clients.
    patches : PatchEffect
        Reactive work after patch windows.
    target : Target
        The claim under test, from `[targets]` of rhem.toml.
    causes : DataFrame
        The panel's hours and tickets by cause (`metric.cause_months`).
    before : DecayFit
        The fit without the panel's last quarter: what was expected of that quarter before it began.
    until : date, optional
        The last day that was used, where the workspace was cut (`Workspace.as_of`).
    """

    panel: pd.DataFrame
    fit: DecayFit
    comparison: BillingComparison
    patches: PatchEffect
    target: Target
    causes: pd.DataFrame
    before: DecayFit
    until: dt.date | None = None

    @property
    def text(self) -> str:
        """The findings on decay, billing and patch windows, a paragraph each."""
        return "\n\n".join((self.fit.text, self.comparison.text, self.patches.text))

    def summary(self) -> pd.DataFrame:
        """Return the typical client's numbers and the two ratios, with 95% intervals, rounded."""
        table = self.fit.population[["estimate", "low", "high"]].copy()
        for name, found in (("fixed_fee_half_life_ratio", self.comparison), ("patch_ratio", self.patches)):
            table.loc[name] = (found.ratio, found.low, found.high)
        return table.round(3)

    def questions(self) -> pd.DataFrame:
        """Return what in this portfolio deserves a look, most hours at stake in the last year first.

        Returns
        -------
        DataFrame
            question; client, where it is about one; hours that are at stake; and the call that shows it, in which
            `work` is the workspace and `study` this study. It asks about clients that are off their path or surely
            above the target, months out of line, causes whose tickets rose beyond chance, and data that are thin.
            `.style` shows the cells whole in a notebook.

        Examples
        --------
        >>> import rhem_lib as rhem
        >>> rhem.study(rhem.load("data/sample")).questions().columns.tolist()
        ['question', 'client', 'hours', 'call']
        """
        year = self.panel["month"] > self.panel["month"].max() - pd.DateOffset(months=12)
        recent = self.panel[year]
        found = [*_left_path(self, recent), *_above_target(self, recent), *_odd_months(self, recent)]
        found += [*_risen(self), *_thin_data(recent)]
        table = pd.DataFrame(found, columns=["question", "client", "hours", "call"])
        table = table.sort_values("hours", ascending=False, ignore_index=True)
        return table.set_index(pd.RangeIndex(1, len(table) + 1, name="rank"))


Question = tuple[str, str, float, str]
FAR = 2.0  # times its curve, which the whole interval of a month must be beyond
SMALL_SHARE = 0.02  # of unclassified hours, below which they decide little


def _left_path(made: Study, recent: pd.DataFrame) -> Iterator[Question]:
    for row in made.fit.changes.itertuples():
        hours = recent.loc[
            (recent["client"] == row.client) & (recent["month"] >= row.month), "reactive_hours"
        ].sum()
        text = (
            f"What happened at {row.client} in {row.month:%Y-%m}? Since then it takes {row.ratio:.1f} times the "
        )
        call = f"rhem.figures.paths(study.fit, study.panel, [{row.client!r}])"
        yield text + "hours that its months before pointed to.", row.client, hours * abs(1 - 1 / row.ratio), call


def _above_target(made: Study, recent: pd.DataFrame) -> Iterator[Question]:
    """Clients with time to come down, whose last quarter is above the target with its whole interval."""
    quarter = recent[recent["month"] > recent["month"].max() - pd.DateOffset(months=3)]
    goal = made.target.target_h
    exposure, ages = (recent.groupby("client")[name] for name in ("exposure", "age_end"))
    for row in pooled_rhem(quarter, by="client").itertuples():
        if row.low > goal and not ages.max()[row.client] < made.target.months:
            follows = made.fit.clients["follows"].get(row.client, "too-early")
            text = f"Why is {row.client} at {60 * row.rhem_h:.0f} minutes, above {60 * goal:.0f}? It is {follows}."
            call = f"rhem.metric.reactive_entries(work, {row.client!r}).groupby('category')['hours'].sum()"
            yield text, row.client, (row.rhem_h - goal) * exposure.sum()[row.client], call


def _odd_months(made: Study, recent: pd.DataFrame) -> Iterator[Question]:
    """Months whose interval is above or below the client's curve by far."""
    months = pooled_rhem(recent, by=["client", "month"]).merge(recent[["client", "month", "age_months"]])
    for client, own in months[months["client"].isin(made.fit.clients.index)].groupby("client"):
        curve = made.fit.predict(client, age_months=own["age_months"].tolist())["estimate"].to_numpy()
        for row, usual in zip(own.itertuples(), curve, strict=True):
            if row.low > FAR * usual or row.high < usual / FAR:
                text = (
                    f"What was {row.month:%Y-%m} at {client}? {row.reactive_hours:.1f} hours, where its curve has "
                )
                end = row.month + pd.offsets.MonthBegin(1)
                span = f"worked_on >= '{row.month:%F}' and worked_on < '{end:%F}'"
                call = f'rhem.metric.reactive_entries(work, {client!r}).query("{span}")'
                usual_hours = usual * row.exposure
                yield f"{text}{usual_hours:.1f}.", client, abs(row.reactive_hours - usual_hours), call


def _risen(made: Study) -> Iterator[Question]:
    if not (made.panel["exposure"] > 0).any():
        return
    before, after = last_periods(made.panel)
    moved = why_moved(made.panel, made.causes, before=before, after=after)
    for name, row in moved.causes[moved.causes["rise_p"] <= 0.05].iterrows():
        text = f"Why did tickets of {name} rise from {before} to {after}, beyond chance?"
        call = f"rhem.metric.why_moved(study.panel, study.causes, before={before!r}, after={after!r}).summary()"
        yield text, "", abs(row["change"]) * moved.table["exposure"].iloc[1], call


def _thin_data(recent: pd.DataFrame) -> Iterator[Question]:
    """What is not covered, not divided or not classified."""
    usual = recent.groupby("month")["reactive_hours"].sum().median()
    for flag in ("coverage-gap", "thin-month"):
        months = flagged(recent, flag)["month"].drop_duplicates().dt.strftime("%Y-%m")
        if len(months):
            text = f"Is the export whole? {', '.join(months)}: {FLAGS[flag]}"
            yield text, "", usual * len(months), f"rhem.flagged(study.panel, {flag!r})"
    lost = flagged(recent, "hours-without-exposure")
    if len(lost):
        text = f"Where are the computers of {', '.join(lost['client'].unique()[:3])}? Their hours are in no RHEM."
        call = "rhem.flagged(study.panel, 'hours-without-exposure')"
        yield text, "", lost["reactive_hours"].sum(), call
    open_hours = recent["unclassified_hours"].sum()
    if open_hours > SMALL_SHARE * recent["reactive_hours"].sum():
        yield f"What are the {open_hours:.0f} unclassified hours?", "", open_hours, "print(work.account.advice)"


def study(work: Workspace) -> Study:
    """Return the study of a workspace: panel, decay fit, comparison of billing, patch effect.

    Parameters
    ----------
    work : Workspace
        From `load`. If it was opened from the prepared tables of an edition, so is the study.

    Returns
    -------
    Study
        Also where the data are too few for some of it: the parts then say so. Without any usable time entry
        `measure` raises NotEnoughData.

    Examples
    --------
    >>> import rhem_lib as rhem
    >>> rhem.study(rhem.load("data/sample")).target.months
    12
    """
    return stored(work) or study_panel(work, measure(work))


def study_panel(work: Workspace, panel: pd.DataFrame) -> Study:
    """Return the study of a workspace whose panel is at hand.

    Months in which a client was not measured (`metric.why_unmeasured`) are in no fit and no comparison.
    """
    target = work.settings.targets
    measured = panel[why_unmeasured(panel, work.clients) == ""]
    quarter = measured["month"].dt.to_period("Q")
    return Study(
        panel=panel,
        fit=fit_decay(measured, target=target),
        comparison=compare_billing(measured, target=target),
        patches=patch_effect(work, panel),
        target=target,
        causes=cause_months(work),
        before=fit_decay(measured[quarter < quarter.max()], target=target),
        until=work.settings.limits.data_until,
    )


def store(made: Study, folder: Path) -> None:
    """Write a study beside prepared tables, before `save` writes down what the folder holds."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / FILE, pickle.dumps(made))


def stored(work: Workspace) -> Study | None:
    """Return the study kept with a workspace's prepared tables; None if there is none to use."""
    if work.prepared is None:
        return None
    try:
        made = _Opener(io.BytesIO((work.prepared / FILE).read_bytes())).load()
        return made if made.until == work.settings.limits.data_until else None
    except (FileNotFoundError, pickle.UnpicklingError, EOFError, AttributeError, ImportError):
        return None  # it is made again


class _Opener(pickle.Unpickler):
    """Opens results of this library only, so that a folder from elsewhere cannot run code."""

    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name) if module.startswith("rhem_lib.") else None
        if isinstance(found, type) and (hasattr(found, "__dataclass_fields__") or issubclass(found, BaseModel)):
            return found
        if name in REBUILT.get(module, ()):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} is not part of a study")
