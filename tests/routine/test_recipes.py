"""The recipes of docs/guide/howto/schedule.md: every command is one of ours, and cron and systemd take them."""

import re
import shlex
import shutil
import subprocess

import pytest
import typer
from conftest import ROOT

from rhem_lib.cli import app
from rhem_lib.settings import read_settings

PAGE = (ROOT / "docs" / "guide" / "howto" / "schedule.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"bin/rhem (.+)|rhem\.exe (.+?) ?>", "\n".join(re.findall(r"```\w+\n(.*?)```", PAGE, re.S)))
FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def blocks(kind):
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.S)


def test_there_are_recipes():
    assert len(COMMANDS) == 7 and len(blocks("systemd")) == 2


@pytest.mark.parametrize("line", [a or b for a, b in COMMANDS])
def test_every_command_and_option_is_one_of_ours(line):
    name, folder, *options = shlex.split(re.split(r" [>|&]", line.replace("\\", "/"))[0])
    command = typer.main.get_command(app).commands[name]
    known = {option for parameter in command.params for option in parameter.opts}
    assert folder == "data/mine" and set(options) <= known


def test_cron_takes_the_lines():
    lines = [line for line in blocks("text")[0].splitlines() if not re.match(r"#|\w+=", line)]
    assert len(lines) == 3
    for line in lines:
        fields = line.split(None, 5)
        assert len(fields) == 6 and "%" not in fields[5]  # which cron reads as a line end
        for field, (low, high) in zip(fields, FIELDS, strict=False):
            numbers = [int(number) for number in re.findall(r"\d+", field)]
            assert re.fullmatch(r"\*|\d+(-\d+)?(,\d+(-\d+)?)*", field) and all(low <= n <= high for n in numbers)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_takes_the_units(tmp_path):
    (tmp_path / "rhem").symlink_to(shutil.which("true"))
    service, timer = (block.replace("/srv/msp/.venv/bin", str(tmp_path)) for block in blocks("systemd"))
    (tmp_path / "rhem-due.service").write_text(service)
    (tmp_path / "rhem-due.timer").write_text(timer)
    units = [str(tmp_path / f"rhem-due.{kind}") for kind in ("service", "timer")]
    made = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert made.returncode == 0 and "rhem-due" not in made.stderr, made.stderr
    for when in re.findall(r"OnCalendar=([^`\n]+)", PAGE):
        subprocess.run(["systemd-analyze", "calendar", when], capture_output=True, check=True)


def test_the_settings_of_the_page_are_settings(tmp_path):
    (tmp_path / "rhem.toml").write_text('name = "M"\n' + blocks("toml")[0])
    given = read_settings(tmp_path)
    assert given.notify.mail == ["ops@example.com"] and given.mail.tls == "starttls"
