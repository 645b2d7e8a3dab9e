"""A workspace -> its study: everything that one edition says of all clients together, made once."""

import datetime as dt
import io
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel

from rhem_lib.billing import BillingComparison, compare_billing
from rhem_lib.decay import DecayFit, fit_decay
from rhem_lib.metric import PatchEffect, measure, patch_effect, why_unmeasured
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
    before: DecayFit
    until: dt.date | None = None

    @property
    def text(self) -> str:
        """The findings on decay, billing and patch windows, a paragraph each."""
        return "\n\n".join((self.fit.text, self.comparison.text, self.patches.text))

    def summary(self) -> pd.DataFrame:
        """Return the typical client's numbers and the two ratios, with 95 % intervals, rounded."""
        table = self.fit.population[["estimate", "low", "high"]].copy()
        for name, found in (("fixed_fee_half_life_ratio", self.comparison), ("patch_ratio", self.patches)):
            table.loc[name] = (found.ratio, found.low, found.high)
        return table.round(3)


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
