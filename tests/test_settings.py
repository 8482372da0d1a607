"""Settings: where they come from, which wins, and what is said of a wrong one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flywheel_tui.errors import InputError
from flywheel_tui.settings import Settings, load_settings, read_env_file

ROOT = Path(__file__).resolve().parent.parent


def test_the_command_line_wins_over_environment_file_and_toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flywheel.toml").write_text('reviewer = "toml"\ntheme = "flywheel-light"\nmax_cycles = 3\n')
    (tmp_path / ".env").write_text("export REVIEWER='dotenv' # who\nMAX_CYCLES=4\n\n# nothing\n")
    assert load_settings(tmp_path).reviewer == "dotenv"
    monkeypatch.setenv("REVIEWER", "shell")
    settings = load_settings(tmp_path)
    assert (settings.reviewer, settings.max_cycles, settings.theme) == ("shell", 4, "flywheel-light")
    assert load_settings(tmp_path, {"reviewer": "flag", "theme": None}).reviewer == "flag"


def test_keymap_may_be_nested(tmp_path: Path) -> None:
    (tmp_path / "flywheel.toml").write_text('[keymap]\n"label.skip" = "f2"\n[keymap.label]\napprove = ["a", "f1"]\n')
    assert load_settings(tmp_path).keymap == {"label.skip": "f2", "label.approve": "a,f1"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("colour = 1", r"flywheel\.toml: field 'colour': no such setting; see the settings"),
        ("max_cycles = 0", r"flywheel\.toml: field 'max_cycles'"),
        ("theme =", r"flywheel\.toml: Invalid value.*mend the TOML"),
        ('[keymap]\nApprove = "a"', "binding id"),
    ],
)
def test_a_wrong_setting_names_the_file_and_the_setting(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "flywheel.toml").write_text(text)
    with pytest.raises(InputError, match=message):
        load_settings(tmp_path)


def test_a_wrong_value_in_the_environment_is_named_and_a_key_is_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A2A_PORT", "seventy")
    with pytest.raises(InputError, match="environment variable A2A_PORT"):
        load_settings(tmp_path)
    monkeypatch.delenv("A2A_PORT")
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-canary-1234")
    assert "canary" not in repr(load_settings(tmp_path))


def test_a_broken_env_file_names_the_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1\nnot a pair\n")
    with pytest.raises(InputError, match=r"\.env:2: "):
        read_env_file(tmp_path / ".env")


def test_every_setting_is_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text() + (ROOT / "docs" / "settings.md").read_text()
    for name in Settings.model_fields:
        assert re.search(rf"\b{name}\b", text), f"{name} is not documented"
