"""How often `rhem alerts` names a client in which nothing changed, and how soon one whose work doubled.

    OPENBLAS_NUM_THREADS=1 PYTHONPATH=. nice -n 15 python benchmarks/alerts_accuracy.py --looks 2400

A look is one client in one month; 2,400 of them are 200 client-years. Looks are two months apart, so that no two
share a month. In `product` a month's shock moves the number and the length of tickets alike, as in the simulator
of `rhem sample`; in `shocks` it moves their number alone, which is harder to tell from a change.
"""

import argparse
import time
from collections.abc import Iterator

import numpy as np
import pandas as pd

from rhem_lib.review.alerts import LEAST_TICKETS, above_path, rising_cause
from rhem_lib.simulate.msp import PHI, SHOCK_SD, make_portfolio

CLIENTS, MONTHS, LOOKS_A_PORTFOLIO = 40, 36, 6
DOUBLED = {"more tickets": (2.0, 1.0), "longer tickets": (1.0, 2.0), "both, half each": (2**0.5, 2**0.5)}
CAUSES = 6


def drawn(panel: pd.DataFrame, shock: np.ndarray, world: str, rng: np.random.Generator, more=1.0, longer=1.0):
    """Months of the panel as the simulator draws them, with `more` tickets that are `longer`."""
    root = np.sqrt(panel["rate_h"] * (shock if world == "product" else 1.0)).to_numpy()
    number = root if world == "product" else root * shock
    tickets = rng.poisson(panel["exposure"] * 2 * number / PHI * more)
    hours = rng.gamma(np.maximum(tickets, 1)) * (tickets > 0) * PHI * root / 2 * longer
    return panel.assign(reactive_tickets=tickets, reactive_hours=hours)


def looks(seed: int, world: str, every: int) -> Iterator[dict]:
    """One row per month looked at: clients, false alarms by kind, and the share named of those doubled."""
    rng = np.random.default_rng([7, seed])
    portfolio = make_portfolio(CLIENTS, MONTHS, 1000 + seed).panel.sort_values(
        ["client", "month"], ignore_index=True
    )
    shock = np.exp(rng.normal(-(SHOCK_SD**2) / 2, SHOCK_SD, len(portfolio)))
    null = drawn(portfolio, shock, world, rng)
    months = np.sort(portfolio["month"].unique())
    share = {client: rng.dirichlet(np.ones(CAUSES)) for client in portfolio["client"].unique()}
    for number, place in enumerate(range(MONTHS - 2 * LOOKS_A_PORTFOLIO + 1, MONTHS, 2)):
        this = pd.Timestamp(months[place])
        seen = null[null["month"] <= this]
        above, _, watched = above_path(seen, this)
        rose = [c for c, own in seen.groupby("client") if _rose(own, this, share[c], rng)]
        row = {"world": world, "seed": seed, "looks": watched, "above": len(above),
               "cause": len(rose), "named": len({*above["client"], *rose})}  # fmt: skip
        for kind, (more, longer) in DOUBLED.items() if every and number % every == 0 else ():
            late = portfolio["month"].isin(months[place - 1 : place + 1])
            part = drawn(portfolio[late], shock[late], world, rng, more, longer)
            found = {*named_at(seen, part, months[place - 1]), *named_at(seen, part, this)}
            found &= {*part.loc[part["month"] == this, "client"]}
            row |= {kind: len(found), f"{kind}, of": watched}
            sizes = part.groupby("client")["endpoints"].mean()
            big = sizes.index[sizes >= 15]
            row |= {f"{kind}, 15+": len(found & {*big}), f"{kind}, 15+ of": len(big)}
        yield row


def named_at(seen: pd.DataFrame, part: pd.DataFrame, month: pd.Timestamp) -> set[str]:
    """Clients named in the look at a month, whose months from `part` on are those of `part`."""
    late = part[part["month"] <= month]
    panel = pd.concat([seen[seen["month"] < late["month"].min()], late])
    return {*above_path(panel, pd.Timestamp(month))[0]["client"]}


def _rose(own: pd.DataFrame, this: pd.Timestamp, share: np.ndarray, rng: np.random.Generator) -> bool:
    """Whether a cause is named of a client whose causes keep their shares."""
    own = own[own["month"] >= this - pd.DateOffset(months=12)]
    now = own.loc[own["month"] == this, "reactive_tickets"]
    if len(own) < 2 or not len(now) or now.iloc[0] < LEAST_TICKETS:
        return False
    months = own["month"].repeat(own["reactive_tickets"])
    causes = rng.choice(CAUSES, len(months), p=share).astype(str)
    entries = pd.DataFrame({"worked_on": months.to_numpy(), "hours": 0.3, "first": True, "category": causes,
                            "type": "incident"})  # fmt: skip
    return rising_cause(entries, own, this) is not None


def summary(table: pd.DataFrame) -> str:
    """Per world: false alarms for 20 clients and year, and shares named, each with its standard error."""
    lines = []
    for world, rows in table.groupby("world"):
        total = rows.sum(numeric_only=True)
        lines.append(
            f"{world}: {total['looks']:.0f} looks = {total['looks'] / 12:.0f} client-years without change"
        )
        for kind in ("named", "above", "cause"):
            rate, error = 240 * total[kind] / total["looks"], 240 * np.sqrt(max(total[kind], 1)) / total["looks"]
            lines.append(f"  {kind}: {rate:.2f} (standard error {error:.2f}) false alarms for 20 clients and year")
        for kind in set(DOUBLED) & set(rows):
            for part, whole, who in (
                (kind, f"{kind}, of", "all clients"),
                (f"{kind}, 15+", f"{kind}, 15+ of", "clients of 15 computers or more"),
            ):
                n = total[whole]
                p = total[part] / n
                error = np.sqrt(p * (1 - p) / n)
                lines.append(f"  {kind}: {p:.1%} (standard error {error:.1%}) of {n:.0f} named by month 2, {who}")
    return "\n".join(lines)


def main() -> None:
    """Run until there are so many looks in each world; print what there is after each portfolio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--looks", type=int, default=2400)
    parser.add_argument("--worlds", nargs="+", default=["product", "shocks"])
    parser.add_argument("--seed", type=int, default=0, help="of the first portfolio")
    parser.add_argument("--every", type=int, default=3, help="months of which one is also doubled; 0: none")
    given, start = parser.parse_args(), time.time()
    rows: list[dict] = []
    for world in given.worlds:
        seed = given.seed
        while sum(row["looks"] for row in rows if row["world"] == world) < given.looks:
            rows += looks(seed, world, given.every)
            seed += 1
            print(f"\n{time.time() - start:.0f} s\n{summary(pd.DataFrame(rows))}", flush=True)


if __name__ == "__main__":
    main()
