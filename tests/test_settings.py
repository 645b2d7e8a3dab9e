"""rhem.toml: defaults, and errors by their text."""

import pytest

from rhem_lib.errors import SettingsError
from rhem_lib.settings import read_settings


def settings_of(folder, text):
    (folder / "rhem.toml").write_text(text)
    return read_settings(folder)


def test_a_name_is_enough_and_the_defaults_are_those_of_the_claim(tmp_path):
    settings = settings_of(tmp_path, 'name = "Acme"\n')
    assert (settings.targets.start_h, settings.targets.target_h, settings.targets.months) == (1.0, 0.25, 12)
    assert settings.preset == "unscheduled"
    assert settings.limits.seen_within_days == 30


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('name = "A"\n[targets]\nstrat_h = 1', "'targets.strat_h' is not a setting. Did you mean 'start_h'?"),
        ('name = "A"\n[clients."Foo"]\nalias = ["x"]', "Did you mean 'aliases'?"),
        ('nme = "A"', "'nme' is not a setting. Did you mean 'name'?"),
        ('name = "A"\ntime_zone = "America/NewYork"', "did you mean 'America/New_York'?"),
        ('name = "A"\npreset = "everything"', "'preset' cannot be used"),
        ('name = "A', "this is not valid TOML"),
        ('name = "A"\n[[rules]]\nwhen = {}\nwork_class = "project"', "'rules.0.when' cannot be used"),
    ],
)
def test_errors_name_the_key_and_the_nearest_known_one(tmp_path, text, said):
    with pytest.raises(SettingsError) as raised:
        settings_of(tmp_path, text)
    assert said in str(raised.value)
    assert "rhem.toml" in str(raised.value)


def test_a_folder_without_settings_says_what_to_do(tmp_path):
    with pytest.raises(SettingsError, match=r"is not a workspace\. Create it with one line"):
        read_settings(tmp_path)
