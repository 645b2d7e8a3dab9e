"""What others would do with the billing question, and what is wrong with it: shown beside, never offered.

Each takes a cohort and gives (ratio, low, high, p_value) of half-lives, with NaN where it gives none.
"""

import warnings

import numpy as np
import pandas as pd
from scipy.stats import linregress, ttest_ind

from rhem_lib.billing.groups import MIN_MONTHS, NOTHING, Cohort, Values, ratio_interval

SMALL_RATE = 0.02  # h per endpoint per month, added before the log: months without hours have none
FAULTS = {
    "Welch t test of slopes": "a straight line through a curve: clients that start higher seem to fall faster",
    "MixedLM, age x group on log hours": "the log falls for ever, so that a higher start looks like a faster fall",
    "GEE, age x group, log link": "the same; and what size does to speed counts as the group's doing",
}


def welch(cohort: Cohort, name: str) -> Values:
    """Welch's t test of per-client slopes of RHEM on age; it gives no ratio."""
    table = _months(cohort, name)
    clients = table[table.groupby("client")["age"].transform("size") >= MIN_MONTHS].groupby("client")
    slope = pd.Series({name: linregress(own["age"], own["rate"]).slope for name, own in clients})
    group = clients["group"].first() > 0
    return np.nan, np.nan, np.nan, float(ttest_ind(slope[group], slope[~group], equal_var=False).pvalue)


def mixed_lm(cohort: Cohort, name: str) -> Values:
    """MixedLM of statsmodels on log RHEM: age x group, log size, and each client's own level and slope."""
    import statsmodels.formula.api as smf

    table = _months(cohort, name)
    table["log_rate"] = np.log(table["rate"] + SMALL_RATE)
    model = smf.mixedlm("log_rate ~ age * group + size", table, groups=table["client"], re_formula="~age")
    return _log_linear(model)


def gee(cohort: Cohort, name: str) -> Values:
    """GEE of statsmodels on RHEM with a log link, weighted by exposure: age x group, log size, exchangeable."""
    import statsmodels.api as sm
    import statsmodels.formula.api as smf

    table = _months(cohort, name)
    model = smf.gee(
        "rate ~ age * group + size", "client", table, family=sm.families.Poisson(),
        cov_struct=sm.cov_struct.Exchangeable(), weights=table["exposure"],
    )  # fmt: skip
    return _log_linear(model)


METHODS = dict(zip(FAULTS, (welch, mixed_lm, gee), strict=True))


def _months(cohort: Cohort, name: str) -> pd.DataFrame:
    client = cohort.clients.index.get_indexer(cohort.rows["client"])
    hours = cohort.rows["reactive_hours"].clip(lower=0).to_numpy(float)
    exposure = cohort.rows["exposure"].to_numpy(float)
    columns = {"client": client, "age": cohort.rows["age_months"].to_numpy(float), "hours": hours}
    columns |= {"exposure": exposure, "rate": hours / exposure, "group": cohort.of(name)[client]}
    return pd.DataFrame(columns | {"size": cohort.size[client]})


def _log_linear(model: object) -> Values:
    """Ratio of half-lives from slopes of the log, if both fall; interval by the delta method, p of age x group."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result = model.fit()  # type: ignore[attr-defined]
        except np.linalg.LinAlgError:
            return NOTHING
    if not result.converged:
        return NOTHING
    terms = ["age", "age:group"]
    slope, differs = result.params[terms]
    p_value = float(result.pvalues["age:group"])
    inside, outside = slope + differs / 2, slope - differs / 2
    if not (inside < 0 and outside < 0 and np.isfinite(p_value)):
        return np.nan, np.nan, np.nan, p_value
    gradient = np.array([1 / outside - 1 / inside, -0.5 / outside - 0.5 / inside])
    error = float(np.sqrt(gradient @ result.cov_params().loc[terms, terms].to_numpy() @ gradient))
    return *ratio_interval(np.log(outside / inside), error, np.inf)[:3], p_value
