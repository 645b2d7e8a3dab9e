"""The same facts in any kind of file, cut and ordered in any way, give one panel."""

import gzip
import io
import random
import zipfile

import numpy as np
import pandas as pd
import pytest

import rhem_lib as rhem

SETTINGS = 'name = "T"\n[[rules]]\nwhen = { work_type = "Remote" }\nwork_class = "reactive"\n'
TIME = "entry_id client worked_on hours work_type ticket_id technician updated_at".split()


def facts():
    """Tables by name: three clients, five months, entries of odd lengths, credits, and a month of none."""
    rng, names = random.Random(23), ("Nord", "Süd", "Ost & Söhne")
    time = [
        (n, rng.choice(names), f"2026-0{n % 5 + 1}-{rng.randint(1, 28):02d}",
         rng.choice((0.1, 1 / 3, 2.75, -0.25)), rng.choice(("Remote", "Project")), 100 + n // 3, "Ann",
         f"2026-06-{rng.randint(1, 28):02d} 10:00:00")
        for n in range(1, 200)
    ]  # fmt: skip
    pcs = [(name, f"2026-0{month}-28", f"{name}{n}", "workstation")
           for name in names for month in range(1, 6) for n in range(3 + month)]  # fmt: skip
    return {
        "time": pd.DataFrame(time, columns=TIME),
        "pcs": pd.DataFrame(pcs, columns=["client", "as_of", "device_id", "kind"]),
        "clients": pd.DataFrame({"client": names, "onboarded_on": "2025-12-01"}),
    }


def written(frame, kind, name):
    """Name and content of a file of some kind."""
    packed = io.BytesIO()
    if kind == "xlsx":
        frame.to_excel(packed, sheet_name="S (1)", index=False, engine="xlsxwriter")
    elif kind == "parquet":
        frame.to_parquet(packed)
    elif kind == "zip":
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr(f"{name}.csv", frame.to_csv(index=False))
    elif kind == "csv.gz":
        packed.write(gzip.compress(frame.to_csv(index=False).encode(), mtime=0))
    elif kind == "json":
        frame.to_json(packed, orient="records", force_ascii=False, double_precision=15)
    else:
        packed.write(frame.to_csv(index=False).encode())
    return f"{name}.{kind}", packed.getvalue()


def clients(tables):
    return written(tables["clients"], "csv", "clients")


KINDS = ("csv", "json", "xlsx", "parquet", "zip", "csv.gz")


def panel_of(folder):
    work = rhem.load(folder)
    assert work.account.balanced
    return rhem.measure(work)


def check_same(panel, other):
    """Numbers to 1e-9, all else exactly."""
    assert panel.columns.tolist() == other.columns.tolist() and len(panel) == len(other) > 10
    for name in panel:
        if pd.api.types.is_float_dtype(panel[name]):
            np.testing.assert_allclose(panel[name], other[name], rtol=0, atol=1e-9, err_msg=name)
        else:
            assert panel[name].tolist() == other[name].tolist(), name


@pytest.fixture(scope="module")
def plain_panel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain")
    (folder / "exports").mkdir()
    (folder / "rhem.toml").write_text(SETTINGS)
    for name, frame in facts().items():
        home = folder if name == "clients" else folder / "exports"
        (home / f"{name}.csv").write_bytes(written(frame, "csv", name)[1])
    return panel_of(folder)


def test_the_facts_fill_a_panel(plain_panel):
    assert plain_panel["reactive_hours"].sum() == pytest.approx(
        facts()["time"].query("work_type == 'Remote'")["hours"].sum()
    )


@pytest.mark.many_cases
@pytest.mark.parametrize("kind", KINDS[1:])
def test_every_kind_of_file_gives_the_same_panel(workspace, plain_panel, kind):
    tables = facts()
    files = [written(tables[name], kind, name) for name in ("time", "pcs")] + [clients(tables)]
    check_same(panel_of(workspace(dict(files), SETTINGS)), plain_panel)


def test_parts_of_any_kind_in_any_order_give_the_same_panel(workspace, plain_panel):
    tables = facts()
    files = [clients(tables)]
    for name in ("time", "pcs"):
        mixed = tables[name].sample(frac=1, random_state=7)
        files += [written(mixed.iloc[n :: len(KINDS)], kind, f"{9 - n}{name}") for n, kind in enumerate(KINDS)]
    check_same(panel_of(workspace(dict(files), SETTINGS)), plain_panel)


def test_a_full_list_and_deltas_that_correct_it_give_the_same_panel(workspace, plain_panel):
    tables = facts()
    old = tables["time"].assign(updated_at="2026-05-31 10:00:00")
    old.loc[::4, "work_type"] = "Project"
    old.loc[::2, "hours"] *= 3  # a credit stays one
    parts = {"9-full": old, "5-delta": tables["time"].iloc[::2], "1-delta": tables["time"].iloc[::-4]}
    kinds = ("xlsx", "json", "csv")
    files = [written(frame, kind, name) for (name, frame), kind in zip(parts.items(), kinds, strict=True)]
    files += [written(tables["pcs"], "csv", "pcs"), clients(tables)]
    check_same(panel_of(workspace(dict(files), SETTINGS)), plain_panel)


@pytest.mark.many_cases
@pytest.mark.parametrize("kind", KINDS)
def test_signs_in_the_name_of_any_kind_of_file_are_no_patterns(workspace, plain_panel, kind):
    tables = facts()
    files = [written(tables["time"].iloc[:90], kind, "t[1] *?"), written(tables["time"].iloc[90:], kind, "t1 aa")]
    files += [written(tables["pcs"], kind, "p[c]s?"), clients(tables)]
    check_same(panel_of(workspace(dict(files), SETTINGS)), plain_panel)
