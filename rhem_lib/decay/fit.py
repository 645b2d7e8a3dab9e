"""How fast does support load fall after onboarding, for all clients together and for every one?

Partially pooled fit: every client has its own start, floor and half-life, drawn from a population that is
estimated with them, so that a client with few months leans on the others. Method: `laplace` and `mixed_model`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from rhem_lib.decay import calendar_time, decline_test, mixed_model, posterior, tables
from rhem_lib.decay.calendar_time import Calendar
from rhem_lib.decay.change_points import COLUMNS, change_points
from rhem_lib.decay.client_months import Months, client_order, fitted_months, lay_out, padded, typed_panel
from rhem_lib.decay.curves import Array
from rhem_lib.decay.decline_test import Gate, own_falls
from rhem_lib.decay.forecast import NewClient, draw_months, draw_near, forecast_months, forecast_new
from rhem_lib.decay.kinds import Kinds, two_kinds
from rhem_lib.decay.misfit import Misfit, check_misfit
from rhem_lib.decay.recording import RecordingCheck, after_hump, check_recording
from rhem_lib.decay.season import Season, find_wave
from rhem_lib.decay.target_check import WHO, Claim, Sight, check_claim, clients_left
from rhem_lib.errors import ParameterError, one_of
from rhem_lib.settings import DEFAULT_TARGET, Target, as_target

MIN_CLIENTS, MIN_MONTHS = 3, 4
ALLOTTED = 1e-9  # relative spread of rates
SHAPES = ("exponential", "hyperbolic", "linear", "step", "flat")
SHAPE_MARGIN = 4.0
TAUS_TO_SEE_FLOOR = 2.5
LEVELS = ["start_h", "floor_h"]  # beside that at the target's month
MONTH_DRAWS = 10_000
ONE_SEASON = 2  # calendar months of onboarding
LIKELY = 1.96  # standard errors of a drift that is not beyond doubt


@dataclass(frozen=True)
class DecayFit:
    """Decay of RHEM with age, of all clients together and of each. Intervals are 95%.

    Attributes
    ----------
    population : DataFrame
        Index start_h, floor_h, rhem_12_h (level at the target's month, which its name carries; h
        per endpoint per month), half_life_months, months_to_target. Columns estimate, low, high:
        the typical client (median log parameters); mean_estimate, mean_low, mean_high: the mean of
        the clients (mean of their levels, geometric mean of their half-lives, and the month at
        which the mean of their curves comes down to the target for good). Half-life and months are
        NaN where no decline was detected; inf means that the target is never reached.
    clients : DataFrame, indexed by client
        The same per client, each with _low and _high, rhem_now_h (fitted level at the last month), p_target_24
        (probability that the target is reached within twice its months), months (observed), follows, and falls
        (beyond doubt by its own evidence, false discoveries held to 5%).
    shapes : DataFrame, indexed by shape
        aic by marginal maximum likelihood, delta_aic against the best, level_h of its typical client at the
        target's month.
    gate : Gate
        Is there any decline?
    target : Target
        The claim under test.
    missing : str
        Why the data cannot carry a fit; all numbers are then NaN.
    names : tuple of str
        Clients in the order of `core`.
    core : Fit or None
        Coefficients, covariance, modes, dispersions.
    claim : Claim or None
        The target's claim: start, level and share of clients there, for the typical client, the mean client and
        the portfolio, and what those who left do to it.
    changes : DataFrame
        Clients that left their path: client, month, age_months, ratio, low, high, p_value.
    season : Season or None
        The yearly wave, where one was asked for; all curves are then those of an average month.
    left_out : tuple of str
        Clients without a month of known age and exposure.
    calendar : Calendar
        Drift of everyone's hours by calendar time, and what the claim is with and without it. A drift beyond
        doubt is taken out: curves are then those of the first month of the data, while `rhem_now_h`, `forecast`
        and the path of a named client have it in.
    kinds : Kinds or None
        Clients that improve and clients that never do: the headline, where there are two kinds.
    recording : RecordingCheck or None
        Signs that hours are not what they seem: hours per ticket that fall for everyone, rounded times, hours that
        rise before they fall, endpoints that grew.
    observed : DataFrame or None, indexed by client
        first and last calendar month.
    """

    population: pd.DataFrame
    clients: pd.DataFrame
    shapes: pd.DataFrame
    gate: Gate
    target: Target
    missing: str = ""
    names: tuple[str, ...] = ()
    core: mixed_model.Fit | None = None
    claim: Claim | None = None
    changes: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["month", *COLUMNS]))
    season: Season | None = None
    left_out: tuple[str, ...] = ()
    calendar: Calendar = field(default_factory=Calendar)
    kinds: Kinds | None = None
    recording: RecordingCheck | None = None
    observed: pd.DataFrame | None = None

    @property
    def usable(self) -> bool:
        """Whether there is a fit."""
        return self.core is not None

    @property
    def shape(self) -> str:
        """The curve of lowest criterion; flat where no decline was detected, since no criterion holds there."""
        return str(self.shapes["aic"].idxmin()) if self.gate.declines else "flat"

    @property
    def table(self) -> pd.DataFrame:
        """One row per client."""
        return self.clients

    @property
    def text(self) -> str:
        """The finding for analysts: does load fall as the target claims?"""
        parts = [f"The decay after onboarding cannot be estimated: {self.missing}."]
        if self.core is not None:
            parts = [self._decline(), self._season(), self._follows()]
            parts.insert(0 if self.calendar.verdict == "open" else 1, self.calendar.text)
            parts.insert(0 if self.fades else len(parts), self.recording.text if self.recording else "")
        if self.left_out:
            parts.append(f"Left out, because age or endpoints are unknown: {', '.join(self.left_out)}.")
        return " ".join(filter(None, parts))

    @property
    def fades(self) -> bool:
        """Whether less and less may be written down, so that what falls is recorded hours."""
        return self.recording is not None and self.recording.fades

    @property
    def two_kinds(self) -> Kinds | None:
        """The kinds of clients where there are two, so that no client is typical."""
        return self.kinds if self.kinds is not None and self.kinds.two else None

    def _decline(self) -> str:
        """From onboarding to the target in minutes per endpoint per month, or that there is no decline."""
        used, target, gate = self.core.model.months.used, self.target, self.gate  # type: ignore[union-attr]
        seen = f"{gate.seen} of {len(used)} clients were seen from the start"
        counts = f"{len(used)} clients, {int(used.sum()):,} client-months ({seen})"
        if self.calendar.verdict == "drift":
            counts += f", with a drift of everyone's hours of {self.calendar.drift:+.1%} a month taken out"
        minutes, level = self.population * 60, self.population.loc[target.level_column]
        if self.two_kinds is not None:
            mean = _range(minutes, target.level_column, "mean_")
            return (
                f"Over {counts}: {self.two_kinds.text} The mean of all clients is {mean} minutes at "
                f"{target.months} months; the claim is {target.text}. {self._sight()}"
            ).strip()
        if not np.isfinite(gate.log_ratio):
            return f"No decline detected: over {counts}, no two clients have early and late months to compare."
        if not gate.declines:
            return (
                f"No decline detected for all together over {counts}, so no half-life is given for them. "
                f"{gate.text} The typical client is at {_range(minutes, target.level_column)} minutes per "
                f"endpoint and month at month {target.months}. {self._falls()}{self._sight()}"
            ).strip()
        verdict = "the data cannot tell whether it is there by then"
        if level["high"] <= target.target_h:
            verdict = "it is at or under that by then"
        elif level["low"] > target.target_h:
            verdict = "it has not come down to that by then"
        if self.calendar.verdict == "open":
            verdict += ", whatever the cause"
        path = self._start_seen and self.calendar.verdict != "open"
        start = f"goes from {_range(minutes, 'start_h')} minutes per endpoint and month at onboarding to"
        return (
            f"Over {counts}, the typical client {start if path else 'is at'} "
            f"{_range(minutes, target.level_column)} minutes "
            f"{'' if path else 'per endpoint and month '}after {target.months} months"
            f"{' by recorded hours' if self.fades else ''}; "
            f"the claim is {target.text}, and {verdict}. The mean of the clients is "
            f"{_range(minutes, target.level_column, 'mean_')} minutes at {target.months} months. "
            f"{self._speed()}{self._curve()} {self._sight()}"
        ).strip()

    def _speed(self) -> str:
        """How fast the typical client falls, and when it is at the target; nothing where that is not seen."""
        first = self.core.model.months.age_start[:, 0]  # type: ignore[union-attr]
        young = (first < decline_test.YOUNG_MONTHS).sum() >= MIN_CLIENTS
        if self.calendar.verdict == "open" or self.fades or not young:
            return ""
        months = self.population.loc["months_to_target"]
        halves = _range(self.population, "half_life_months", "", ".1f")
        speed = f"The distance to the floor halves every {halves} months. "
        if self.recording is not None and self.recording.least < 1:
            return speed
        when = months.map(lambda value: f"{value:.0f}" if np.isfinite(value) else "never")
        reached = "never reached" if when["estimate"] == "never" else f"reached in month {when['estimate']}"
        if when["low"] == "never":
            return f"{speed}The target is never reached on that path. "
        return f"{speed}The target is {reached} (95% interval month {when['low']} to {when['high']}). "

    @property
    def _start_seen(self) -> bool:
        return self.gate.seen >= MIN_CLIENTS

    def _falls(self) -> str:
        """Clients that fall by themselves where all together do not."""
        names = self.clients.index[self.clients["falls"]]
        if not len(names):
            return ""
        few = self.gate.seen < len(self.clients) / 2
        rest = f"; the {self.gate.seen} seen from the start are too few to speak for all" if few else ""
        return f"Falling beyond doubt by their own months, with a half-life each: {', '.join(names)}{rest}. "

    def _curve(self) -> str:
        """Which curve the data support."""
        rivals = self.shapes["aic"].drop("exponential")
        lead, rival = rivals.min() - self.shapes.loc["exponential", "aic"], rivals.idxmin()
        if lead >= SHAPE_MARGIN:
            return "An exponential fall describes the data best of the curves tried."
        if lead > -SHAPE_MARGIN:
            near = 60 * self.shapes.loc[self.shapes["delta_aic"] < SHAPE_MARGIN, "level_h"]
            return (
                f"The data cannot separate an exponential fall from a {rival} one; by either the typical "
                f"client is at {' to '.join(dict.fromkeys(f'{x:.0f}' for x in (near.min(), near.max())))} "
                f"minutes by then."
            )
        return (
            f"A {rival} curve describes the data better than an exponential one; by it the typical client is at "
            f"{60 * self.shapes.loc[rival, 'level_h']:.0f} minutes after {self.target.months} months."
        )

    def _sight(self) -> str:
        """Whether start and floor were seen."""
        months, text = self.core.model.months, []  # type: ignore[union-attr]
        tau, first = self.population.loc["half_life_months", "estimate"] / np.log(2), months.age_start[:, 0]
        if (months.age_end * months.used).max() < TAUS_TO_SEE_FLOOR * tau:
            text.append("No client was followed long enough to see its floor, so that is a guess.")
        if not self._start_seen:
            late = first[first >= decline_test.FROM_START].min()
            who = f"No client's first {late:.0f} months are in the fit"
            who = who if not self.gate.seen else f"Fewer than {MIN_CLIENTS} clients were seen from the start"
            text.append(f"{who}, so the start is a guess.")
        elif self.gate.declines and self.gate.seen < len(months.used) / 2:
            text.append("Most clients were not seen young, so the start is that of those who were.")
        return " ".join(text)

    def _season(self) -> str:
        """The wave taken out; or that a season may pass for a decline, if all start at one time of the year."""
        if self.season is not None:
            return f"A yearly wave was taken out. {self.season.text}"
        young = self.core.model.months.age_start[:, 0] < decline_test.FROM_START  # type: ignore[union-attr]
        seen = [name for name, is_young in zip(self.names, young, strict=True) if is_young]
        starts = set() if self.observed is None else set(self.observed.loc[seen, "first"].dt.month.dropna())
        if not (self.gate.declines and self._start_seen and 0 < len(starts) <= ONE_SEASON):
            return ""
        return "All clients seen from the start began at one time of the year, so a season can pass for a decline."

    def _follows(self) -> str:
        """How many clients do what, of whom the beginning was not seen, and who has no hours at all."""
        kinds = ", ".join(f"{n} {kind}" for kind, n in self.clients["follows"].value_counts().items())
        months = self.core.model.months  # type: ignore[union-attr]
        silent = sorted(np.array(self.names)[months.rate.sum(axis=1) == 0])
        old = np.array(self.names)[months.age_start[:, 0] >= decline_test.FROM_START]
        elsewhere = f" No reactive hours at all, perhaps because they are kept elsewhere: {', '.join(silent)}."
        what = ", with any drift left in" if self.calendar.verdict == "open" else ""
        what = ", by recorded hours" if self.fades else what
        unseen = (self.clients.loc[old, "follows"] == "flat").sum()
        before = f" Not seen from the start, so that they may have fallen before: {unseen} of the flat ones."
        return f"Client by client{what}: {kinds}.{before if unseen else ''}{elsewhere if silent else ''}"

    def summary(self) -> pd.DataFrame:
        """Population table, rounded."""
        return self.population.round(3)

    def predict(self, client: str | None = None, *, age_months: float | Sequence[float]) -> pd.DataFrame:
        """Expected RHEM by age: of the typical client, or of a named one.

        Parameters
        ----------
        client : str, optional
        age_months : float or sequence of float
            Months since onboarding, at least 0.

        Returns
        -------
        DataFrame
            age_months, estimate, low, high in h per endpoint per month; NaN without a usable fit. The interval is
            that of the curve, not of a single month around it.

        Raises
        ------
        ParameterError
            The client is not in the fit, or an age is below 0.
        """
        ages = np.atleast_1d(np.asarray(age_months, float))
        self._check(client)
        if not (ages >= 0).all():
            raise ParameterError(f"an age is at least 0 months, not {ages.min()}.", where="age_months")
        levels = np.full((len(ages), 3), np.nan)
        if self.core is not None:
            levels = posterior.level_interval(ages, *posterior.at_covariates(self.core, [1.0]), self.core.quantile)
            if client is not None:
                levels = posterior.own_level(self.core, self.names.index(client), ages)
        return pd.DataFrame(np.column_stack([ages, levels]), columns=["age_months", "estimate", "low", "high"])

    def forecast(self, client: str, *, months: int = 6, exposure: float | None = None) -> pd.DataFrame:
        """What the coming months of a client will be measured at, with 90% prediction intervals.

        Parameters
        ----------
        client : str
        months : int
            How many.
        exposure : float, optional
            Endpoint-months in each; by default those of the client's last month, as if it had been a full one.

        Returns
        -------
        DataFrame
            months_ahead, month (where the calendar is known), age_months, exposure, and rhem_h (median), low,
            high in h per endpoint per month: of the month's own measurement, not of the curve. No rows without a
            usable fit.

        Raises
        ------
        ParameterError
            The client is not in the fit; months or exposure are not above 0.
        """
        self._check(client)
        if months < 1 or not (exposure is None or 0 < exposure < np.inf):
            raise ParameterError(
                "months and exposure must be above 0.", where="forecast", examples=[months, exposure]
            )
        if self.core is None:
            return pd.DataFrame(columns=["months_ahead", "age_months", "exposure", "rhem_h", "low", "high"])
        table = forecast_months(self.core, self.names.index(client), months, exposure)
        last = pd.NaT if self.observed is None else self.observed.loc[client, "last"]
        if not pd.isna(last):
            table.insert(1, "month", pd.date_range(last + pd.DateOffset(months=1), periods=months, freq="MS"))
            if self.season is not None:
                factor = self.season.factor(table["month"].dt.month)
                table[["rhem_h", "low", "high"]] = table[["rhem_h", "low", "high"]].mul(factor, axis=0)
        return table

    def new_client(self, endpoints: float, *, months: int = 12, seed: int = 0) -> NewClient:
        """Predict the hours of a client that is not there yet, such as one that an offer is made to.

        Drawn are what clients share, a client of its own, the shocks of its months, and tickets. Where everyone's
        hours drift with the calendar, it joins in the month after the last of the data.

        Parameters
        ----------
        endpoints : float
        months : int
            Months of service, from onboarding.
        seed : int
            Of the draws.

        Returns
        -------
        NewClient
            Hours by month and in all, with 90% prediction intervals.

        Raises
        ------
        ParameterError
            There is no fit, or endpoints or months are not above 0.

        Examples
        --------
        >>> import rhem_lib as rhem
        >>> fit = rhem.fit_decay(rhem.measure(rhem.load("data/sample")))
        >>> len(fit.new_client(25).table)
        12
        """
        if not (0 < endpoints < np.inf) or months < 1:
            raise ParameterError(
                "endpoints and months must be above 0.", where="new_client", examples=[endpoints, months]
            )
        if self.core is None:
            raise ParameterError(f"there is no fit to predict from: {self.missing}.", where="new_client")
        return forecast_new(self.core, endpoints, months, np.random.default_rng(seed))

    def misfit(self, panel: pd.DataFrame, *, seed: int = 0) -> Misfit:
        """See where the fit misses its own data.

        Parameters
        ----------
        panel : DataFrame
            The one that was fitted.
        seed : int
            Of the draws.

        Returns
        -------
        Misfit
            Residuals by age, calendar quarter and size; months without hours and the highest month against
            those of the model.

        Raises
        ------
        ParameterError
            There is no fit.
        """
        if self.core is None:
            raise ParameterError(f"there is no fit: {self.missing}.", where="misfit")
        rows = fitted_months(panel)
        rows = after_hump(rows) if self.recording and "hump" in self.recording.found else rows
        rows = _usual(rows, self.calendar.standouts)
        return check_misfit(self.core, rows[rows["client"].isin(self.names)], list(self.names), seed)

    def month_draws(self, client: str, age_start: Array, age_end: Array, exposure: Array) -> Array:
        """Draws of what single months of a client are measured at, around its path.

        Parameters
        ----------
        client : str
        age_start, age_end, exposure : array (months,)
            Months since onboarding at both ends of each month, endpoint-months in it.

        Returns
        -------
        array (MONTH_DRAWS, months), h per endpoint per month
            Enough draws that limits do not move from month to month by chance. A draw has one path for all months.
        """
        self._check(client)
        core, place = self.core, np.array([self.names.index(client)])
        begin, end, weight = (np.asarray(x, float)[None] for x in (age_start, age_end, exposure))
        rng = np.random.default_rng(0)
        return draw_months(core, begin, end, weight, rng, place, MONTH_DRAWS)[:, 0]  # type: ignore[arg-type]

    @staticmethod
    def coming_draws(known: pd.DataFrame, coming: pd.DataFrame, *, seed: int = 0) -> Array:
        """Return draws of what the next months are measured at, from the months known, around each client's path.

        To find rare months: at a third of the time of `fit_decay`, and without draws of curves that run off.

        Parameters
        ----------
        known : DataFrame, one row per client and month (schema.Panel)
        coming : DataFrame
            client, age_start, age_end, exposure of each month to predict.
        seed : int
            Of the draws, which are the same for every client.

        Returns
        -------
        array (MONTH_DRAWS, rows of coming), h per endpoint per month
            NaN for clients without a month that is known, and everywhere if these cannot carry a fit.

        Examples
        --------
        >>> DecayFit.coming_draws(panel[~last], panel[last & (panel["exposure"] > 0)]).shape[0]  # doctest: +SKIP
        10000
        """
        rows, draws = fitted_months(known).reset_index(drop=True), np.full((MONTH_DRAWS, len(coming)), np.nan)
        if _missing(rows):
            return draws
        made = _fitted(rows, season=False)
        for place, name in enumerate(made.names):
            own = (coming["client"] == name).to_numpy()
            if own.any():
                begin, end, weight = coming.loc[own, ["age_start", "age_end", "exposure"]].to_numpy(float).T
                rng = np.random.default_rng(seed)
                draws[:, own] = draw_near(made.core, place, (begin + end) / 2, weight, rng, MONTH_DRAWS)
        return draws

    def _check(self, client: str | None) -> None:
        if client is not None:
            one_of(client, self.clients.index, "client")


def fit_decay(
    panel: pd.DataFrame, *, target: Target | float = DEFAULT_TARGET, season: bool = False, seed: int = 0
) -> DecayFit:
    """Fit the decay of RHEM with age to a panel of client-months.

    Parameters
    ----------
    panel : DataFrame, one row per client and month (schema.Panel)
        Uses client, age_start, age_end [months since onboarding], exposure [endpoint-months], reactive_hours [h],
        and month where there is one. Months without exposure or age are left out.
    target : Target or float
        The claim under test; a float is the level to reach, in h per endpoint per month, from 1.0 h in 12 months.
    season : bool
        Take out a yearly wave as well. Worth it where onboarding falls into the same season every year.
    seed : int
        Of the draws behind months to target and the mean client.

    Returns
    -------
    DecayFit
        Also where the data are too few: see `usable` and `text`.

    Raises
    ------
    ParameterError
        The target is no Target and not above 0, or a season is asked of a panel without months.
    InputError
        A cell of the panel cannot be used; the message says which.

    Examples
    --------
    >>> import rhem_lib as rhem
    >>> fit = rhem.fit_decay(rhem.measure(rhem.load("data/sample")))
    >>> fit.gate.declines
    True
    """
    target = as_target(target)
    if season and ("month" not in panel or panel["month"].isna().any()):
        raise ParameterError("a season needs the column month.", where="season")
    panel = typed_panel(panel)
    rows = fitted_months(panel).reset_index(drop=True)
    left_out = tuple(sorted(set(panel["client"]) - set(rows["client"])))
    if missing := _missing(rows):
        return _refusal(rows, target, missing, left_out)
    made = _fitted(rows, season)
    recording = check_recording(_usual(rows, made.odd), declines=made.falls)
    if "hump" in recording.found and not _missing(later := after_hump(rows).reset_index(drop=True)):
        rows, made = later, _fitted(later, season).unseen()
    core, names, gate, rng = made.core, made.names, made.gate, np.random.default_rng(seed)
    shapes = mixed_model.compare_shapes(core, SHAPES, target.months)
    population, typical, draws = tables.population(core, target, rng)
    changes = change_points(core, names)
    clients = tables.clients(core, names, changes["client"].tolist(), target, draws, made.own)
    observed = left = None
    if "month" in panel:
        observed = rows.groupby("client")["month"].agg(first="min", last="max")
        left = clients_left(panel)[names].to_numpy()
        known = rows[["client", "age_start", "month"]].rename(columns={"age_start": "age_months"})
        changes = changes.merge(known.drop_duplicates(["client", "age_months"]), how="left")
    population.loc[[*LEVELS, target.level_column], ["low", "mean_low"]] *= recording.least
    calendar = made.calendar(population, target)
    kinds = two_kinds(core, names, clients["follows"], draws, target, settled=calendar.verdict != "open")
    shown = WHO if not kinds.two else {who: name for who, name in WHO.items() if who != "typical"}
    calendar = replace(calendar, of=next(iter(shown)))
    sight = Sight(gate.declines, gate.seen, shown, calendar.verdict, recording.least, recording.fades)
    claim = check_claim(core, draws, typical, population, left, target, sight)
    if not gate.declines:
        population.loc[["half_life_months", "months_to_target"]] = np.nan
        clients.loc[~clients["falls"], [c for c in clients if c.startswith(("half_life", "months_to"))]] = np.nan
    return DecayFit(
        population, clients.sort_index(), shapes, gate, target, "", tuple(names), core, claim, changes, made.wave,
        left_out, calendar, kinds, recording, observed,
    )  # fmt: skip


@dataclass(frozen=True)
class _Fitted:
    """The fit that is the headline, and what was found on the way: `plain` is the fit with any drift left in."""

    names: list[str]
    core: mixed_model.Fit
    plain: mixed_model.Fit
    gate: Gate
    gates: calendar_time.Gates
    own: Array
    wave: Season | None
    drift: mixed_model.Drift | None
    odd: pd.DataFrame
    month: pd.Series | None

    @property
    def falls(self) -> bool:
        """Whether hours fall by age or calendar: a drift may take up what a hump leaves of a fall."""
        return self.gate.declines or self.gates.plain.declines

    def unseen(self) -> "_Fitted":
        """The same where no start may be claimed: first months are left out, or are all that a client has."""
        gate, *others = (replace(gate, seen=0) for gate in (self.gate, *self.gates))
        return replace(self, gate=gate, gates=calendar_time.Gates(*others))

    def calendar(self, population: pd.DataFrame, target: Target) -> Calendar:
        """Drift and months that stand out; the claim's numbers both ways where the drift was taken out."""
        if self.drift is None or self.month is None:
            return Calendar()
        plain, adjusted = population, population
        if self.drift.taken_out:
            plain = tables.population(self.plain, target, np.random.default_rng(0))[0]
        elif np.isfinite(self.drift.error):
            adjusted = calendar_time.if_taken_out(self.core, self.drift, population, target)
        table = calendar_time.claim_numbers(plain, adjusted, target.level_column)
        return calendar_time.calendar_of(self.drift, self.gates, self.month, self.odd, table)


def _fitted(rows: pd.DataFrame, season: bool) -> _Fitted:
    """Fit; then without months that stand out for everybody, if any; then without a drift, if beyond doubt."""
    names, months, core, wave = _fit_rows(rows, season)
    odd = Calendar().standouts
    if "month" not in rows or rows["month"].isna().any():
        gate = _gate(core)
        gates = calendar_time.Gates(gate, gate)
        return _Fitted(names, core, core, gate, gates, own_falls(core), wave, None, odd, None)
    number = calendar_time.calendar_months(rows["month"])
    calendar = padded(rows, names, number, 0.0)
    odd = calendar_time.standouts(core, calendar, rows["month"].min())
    usual = _usual(rows, odd)
    if len(usual) < len(rows) and usual["client"].nunique() == len(names) and not _missing(usual):
        names, months, core, wave = _fit_rows(usual, season)
        calendar = padded(usual, names, number[usual.index], 0.0)
    drift, plain = calendar_time.find_drift(core, calendar), core
    gate = _gate(core)
    if drift.identified and not drift.taken_out:
        core = replace(core, doubt=drift)
    doubted = gate.with_drift(drift).with_own(own_falls(core, calendar), months)
    gates = calendar_time.Gates(gate, doubted)
    if drift.taken_out:
        months = months.divided(np.exp(drift.log * calendar))
        core = replace(mixed_model.fit(months), drift=drift)
        gate = _gate(core).with_drift(drift, taken_out=True)
    likely = abs(drift.log) > LIKELY * drift.error
    own = own_falls(core, calendar if likely else None)
    return _Fitted(names, core, plain, gate, gates, own, wave, drift, odd, rows["month"])


def _usual(rows: pd.DataFrame, odd: pd.DataFrame) -> pd.DataFrame:
    """Rows without the months that stand out for everybody."""
    return rows[~rows["month"].isin(odd["month"])] if len(odd) else rows


def _gate(core: mixed_model.Fit) -> Gate:
    """Is there any decline, by first and last months or by what most clients seen from the start do?"""
    months = core.model.months
    return decline_test.check_decline(months).with_own(own_falls(core), months)


def _fit_rows(rows: pd.DataFrame, season: bool) -> tuple[list[str], Months, mixed_model.Fit, Season | None]:
    """Clients in their order, their months without a yearly wave where one is to be taken out, and the fit."""
    names = client_order(rows)
    months, wave = lay_out(rows, names), None
    if season:
        calendar_month = padded(rows, names, rows["month"].dt.month)
        wave = find_wave(months, calendar_month)
        months = months.divided(wave.factor(calendar_month))
    return names, months, mixed_model.fit(months), wave


def _range(table: pd.DataFrame, row: str, who: str = "", form: str = ".0f") -> str:
    estimate, low, high = table.loc[row, [f"{who}estimate", f"{who}low", f"{who}high"]]
    return f"{estimate:{form}} (95% interval {low:{form}} to {high:{form}})"


def _missing(rows: pd.DataFrame) -> str:
    """What is missing for a fit, or nothing."""
    counts = rows.groupby("client").size()
    rate = rows["reactive_hours"] / rows["exposure"]
    if len(counts) < MIN_CLIENTS:
        return f"{len(counts)} client(s) with exposure and age; at least {MIN_CLIENTS} are needed"
    if counts.max() < MIN_MONTHS:
        return f"no client has {MIN_MONTHS} months of data"
    if not (rows["reactive_hours"] > 0).any():
        return "there are no reactive hours at all"
    if np.ptp(rate) < ALLOTTED * rate.max():
        return "every month of every client has the same hours per endpoint, so they are allotted and not worked"
    return ""


def _refusal(rows: pd.DataFrame, target: Target, missing: str, left_out: tuple[str, ...]) -> DecayFit:
    counts = rows.groupby("client").size()
    columns = [*tables.client_columns(target), target.chance_column]
    clients = pd.DataFrame(np.nan, counts.index, columns).assign(months=counts, follows="too-early", falls=False)
    population = pd.DataFrame(np.nan, tables.population_rows(target), tables.POPULATION_COLUMNS)
    shapes = pd.DataFrame(np.nan, pd.Index(SHAPES, name="shape"), ["aic", "delta_aic", "level_h"])
    return DecayFit(population, clients, shapes, decline_test.UNDEFINED, target, missing, left_out=left_out)
