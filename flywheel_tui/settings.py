"""Settings: environment, then `.env`, then `flywheel.toml` of the workspace; the command line wins over all of them.

Every setting is a field of `Settings`; its docstring-like description is what the documentation and the screens show.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from flywheel_tui.errors import InputError

FILE_NAME = "flywheel.toml"


class Settings(BaseModel):
    """What can be set. Names in the environment are the same in capitals."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reviewer: str = Field("", description="name written with every label; the login name where empty")
    theme: str = Field("flywheel-dark", description="flywheel-dark, flywheel-light, flywheel-mono, or one of Textual's")
    glyphs: Literal["unicode", "ascii"] = Field("unicode", description="ascii for poor terminals")
    keymap: dict[str, str] = Field(default_factory=dict, description="binding id -> keys, e.g. label.approve = 'a,f1'")
    blind: bool = Field(True, description="hide the judge's verdict until the person has decided")
    pause_after: float = Field(60.0, gt=0, description="seconds without a key after which time per decision stops")
    rubric: str = Field("", description="rubric to label with; chosen by the kind of the pairs where empty")
    self_check: float = Field(0.0, ge=0, le=0.5, description="share of one's own decisions shown again")
    overlap: float = Field(0.2, ge=0, le=1, description="share of pairs that several people label")
    opinions: int = Field(2, ge=1, le=20, description="people who label each of those pairs")
    break_after: int = Field(50, ge=0, description="minutes of work after which a break is suggested; 0 is never")
    pii_policy: Literal["strict", "warn", "off"] = Field("warn", description="how personal data is treated")
    quality_min_score: float = Field(7.0, description="overall score from which a judged pair passes")
    feedback: Literal["session", "events"] = Field("session", description="how implicit feedback is scored")
    triggers: dict[str, float] = Field(default_factory=dict, description="when to train: new_rows, high_quality, …")
    max_cycles: int = Field(10, ge=1, description="cycles after which a run stops")
    openrouter_api_key: SecretStr | None = Field(None, description="key for OpenRouter")
    openrouter_model: str = Field("", description="model asked of OpenRouter")
    ollama_base_url: str = Field("http://localhost:11434", description="where Ollama answers")
    ollama_model: str = Field("", description="model asked of Ollama")
    anthropic_api_key: SecretStr | None = Field(None, description="key for Anthropic")
    anthropic_model: str = Field("", description="model asked of Anthropic")
    openai_base_url: str = Field("", description="address of an OpenAI-compatible server")
    openai_api_key: SecretStr | None = Field(None, description="key for that server")
    openai_model: str = Field("", description="model asked of that server")
    huggingface_token: SecretStr | None = Field(None, description="token for gated data sets")
    default_judge_backend: str = Field("", description="ollama, openai, openrouter, anthropic, local or offline")
    judge_concurrency: int = Field(4, ge=1, le=1024, description="judge calls at once")
    calibration_days: int = Field(30, ge=1, description="days until a calibration has to be made again")
    calibration_items: int = Field(10_000, ge=1, description="pairs judged until a calibration has to be made again")
    judge_timeout: float = Field(600.0, gt=0, description="seconds until a judge call is given up")
    a2a_host: str = Field("127.0.0.1", description="address the agent listens on")
    a2a_port: int = Field(8080, ge=1, le=65535, description="port the agent listens on")

    @field_validator("keymap")
    @classmethod
    def _keymap_ids(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if not re.fullmatch(r"[a-z_]+(\.[a-z0-9_]+)+", name):
                raise ValueError(f"{name!r} is not a binding id; they look like label.approve (press ? to see them)")
        return value


def read_env_file(path: Path) -> dict[str, str]:
    """`NAME=value` lines of a .env file; `export`, quotes and comments as usual. Raises InputError with the line."""
    found: dict[str, str] = {}
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        return found
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read ({error})", file=str(path), remedy="mend or remove the file") from error
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip().removeprefix("export ").strip()
        if not line or line.startswith("#"):
            continue
        name, sign, value = line.partition("=")
        if not sign or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name.strip()):
            raise InputError("is not NAME=value", file=str(path), line=number, remedy="write NAME=value or a # comment")
        value = value.strip()
        if value[:1] in ("'", '"') and (end := value.find(value[0], 1)) > 0:
            value = value[1:end]
        else:
            value = value.split(" #", 1)[0].rstrip()
        found[name.strip()] = value
    return found


def _flatten_keymap(table: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """`[keymap.label] approve = "a"` and `[keymap] "label.approve" = "a"` mean the same."""
    flat: dict[str, str] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            flat |= _flatten_keymap(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = ",".join(value) if isinstance(value, list) else str(value)
    return flat


def load_settings(workspace: Path | None, overrides: dict[str, Any] | None = None) -> Settings:
    """The settings that hold in a workspace. Raises InputError naming the file, the setting and what would be right."""
    values: dict[str, Any] = {}
    origin: dict[str, str] = {}
    if workspace is not None and (path := workspace / FILE_NAME).is_file():
        try:
            table = tomllib.loads(path.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            raise InputError(str(error), file=str(path), remedy="mend the TOML at that place") from error
        if isinstance(table.get("keymap"), dict):
            table["keymap"] = _flatten_keymap(table["keymap"])
        values |= table
        origin |= dict.fromkeys(table, str(path))
    env_files = {Path(".env").absolute()} | ({(workspace / ".env").absolute()} if workspace is not None else set())
    environment: dict[str, tuple[str, str]] = {}
    for path in sorted(env_files):
        environment |= {name.upper(): (value, str(path)) for name, value in read_env_file(path).items()}
    environment |= {name: (value, f"environment variable {name}") for name, value in os.environ.items()}
    for name in Settings.model_fields:
        if name not in ("keymap", "triggers") and (found := environment.get(name.upper())) and found[0] != "":
            values[name], origin[name] = found
    for name, value in (overrides or {}).items():
        if value is not None:
            values[name], origin[name] = value, "command line"
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = ".".join(map(str, first["loc"]))
        message = first["msg"]
        if first["type"] == "extra_forbidden":
            message = "no such setting"
        remedy = "see the settings in the README" if first["type"] == "extra_forbidden" else "correct the value"
        field = str(first["loc"][0]) if first["loc"] else name
        raise InputError(message, file=origin.get(field, ""), field=name, remedy=remedy) from None
