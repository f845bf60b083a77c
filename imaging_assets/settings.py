"""Where every setting comes from; the only reader of the environment.

Sources, the first wins: `IMAGING_…` variables (nested with `__`, as in `IMAGING_RESIZE__MAX_BYTES`), `imaging.toml` in the
current folder (yours), `<home>/imaging.toml` (what `add` and `demo` remember), the defaults. Only `partitions.start`
is never later than the remembered one: `add` moved it back because an older image is there.

Belongs here: gathering, merging, explaining what is wrong. Does not: the groups of settings (`policies`) or what they switch.
"""

import logging
import os
import tomllib
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as UnparsedVariableError
from typing_extensions import override

from imaging_assets.errors import SettingsError
from imaging_assets.policies import (
    Alerts,
    Azure,
    Catalog,
    CustomVision,
    Deletions,
    Execution,
    Insights,
    Labels,
    Landing,
    Partitions,
    Places,
    Prices,
    Resize,
    Review,
    Rollout,
    SearchPipeline,
    Sensors,
    Serve,
    Training,
    Vision,
)

PROJECT_FILE = Path("imaging.toml")
"""The file a user writes (or `imaging-assets init`), looked for in the current folder."""

HOME_VARIABLE = "IMAGING_HOME"
"""Names the state folder."""

CONFIG_VARIABLE = "IMAGING_CONFIG"
"""Names the user's file for processes that take no arguments (`--config` sets it for those it starts)."""

REMEMBERED_FILE = "imaging.toml"
"""The file inside the state folder that commands write."""

OTHER_NAMES = {
    "BLOB_CONNECTION_STRING": ("azure", "connection_string", {"connection_string", "account_url"}),
    "CONTAINER": ("azure", "container", {"container"}),
    "ENDPOINT": ("custom_vision", "endpoint", {"endpoint"}),
    "PROJECT": ("custom_vision", "project", {"project"}),
    "TRAINING_KEY": ("custom_vision", "training_key", {"training_key"}),
}
"""Variables that older systems of this kind were set up with: group, setting, and what of ours makes it count for nothing."""

OLD_SERVE_VARIABLES = {"KEY": "key", "DEBUG": "debug", "GET_LATEST_MODEL": "follow_model", "WEBSITES_PORT": "port"}
"""What the old power skill read, and the setting of `serve` it stands for."""


class Settings(BaseSettings):
    """All settings; immutable."""

    model_config = SettingsConfigDict(
        env_prefix="IMAGING_", env_nested_delimiter="__", env_ignore_empty=True, extra="forbid", frozen=True
    )

    profile: Literal["embedded", "azure"] = Field("embedded", description="Which backends stand behind the ports.")
    home: Path = Field(
        Path(".imaging"), description="State folder of this machine: the embedded store, index and Dagster's history."
    )
    partitions: Partitions = Partitions()
    places: Places = Places()
    landing: Landing = Landing()
    resize: Resize = Resize()
    executor: Execution = Execution()
    insights: Insights = Insights()
    vision: Vision = Vision()
    catalog: Catalog = Catalog()
    search_pipeline: SearchPipeline = SearchPipeline()
    labels: Labels = Labels()
    training: Training = Training()
    rollout: Rollout = Rollout()
    review: Review = Review()
    sensors: Sensors = Sensors()
    alerts: Alerts = Alerts()
    deletions: Deletions = Deletions()
    azure: Azure = Azure()
    custom_vision: CustomVision = CustomVision()
    serve: Serve = Serve()
    prices: Prices = Prices()

    @model_validator(mode="after")
    def _landing_lies_apart(self) -> Self:
        """No landing source inside another place, or around one: what we write there would land."""
        others = [folder for name, folder in self.places.model_dump().items() if name != "landing"]
        others += [source.folder for source in self.labels.sources]
        for source in self.landing.sources:
            beside = [other.folder for other in self.landing.sources if other is not source]
            near = [*others, *beside, *([self.places.landing] if source.folder != self.places.landing else [])]
            if met := [folder for folder in near if f"{folder}/".startswith(f"{source.folder}/")]:
                raise ValueError(f"landing.sources: {source.name!r} holds {met[0]!r}, which is a place of its own")
            if met := [folder for folder in near if source.folder.startswith(f"{folder}/")]:
                raise ValueError(f"landing.sources: {source.name!r} lies inside {met[0]!r}, which is a place of its own")
        return self

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments (which carry the files' values too) below the environment; no dotenv, no secret files."""
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings


def load_settings(project_file: Path | None = None) -> Settings:
    """Settings from all sources.

    Args:
        project_file: The user's file; by default the one `IMAGING_CONFIG` names, else `imaging.toml` here, which may be absent.

    Raises:
        SettingsError: A file cannot be read, or a setting is unknown or out of range.
    """
    named = os.environ.get(CONFIG_VARIABLE)
    project_file = project_file or (Path(named) if named else None)
    yours = _read_toml(project_file or PROJECT_FILE, required=project_file is not None)
    _check_variables()
    try:
        remembered = _read_toml(Settings(**yours).home / REMEMBERED_FILE, required=False)
        merged = _merged(remembered, yours)
        settings = Settings(**merged)
        if settings.profile == "azure" and (other := _other_names(settings)):
            settings = Settings(**_merged(merged, other))
        known = Partitions.model_validate(remembered.get("partitions", {}))
    except ValidationError as error:
        raise SettingsError(_explained(error)) from error
    except UnparsedVariableError as error:
        raise SettingsError(
            f"Settings: {error}. Set its parts, as in IMAGING_RESIZE__MAX_EDGE=2000, or give it as JSON."
        ) from error
    if "start" in known.model_fields_set and known.start < settings.partitions.start:
        return _with_start(settings, known.start)
    return settings


def with_old_serve_variables(settings: Settings) -> tuple[Settings, list[str]]:
    """Settings with the old power skill's variables where ours are not set, and a line for each that was used.

    Raises:
        SettingsError: One of them is out of range.
    """
    used = {
        name: os.environ[variable]
        for variable, name in OLD_SERVE_VARIABLES.items()
        if os.environ.get(variable) and name not in settings.serve.model_fields_set
    }
    told = [
        f"{variable} is used for serve.{name}; its name here is IMAGING_SERVE__{name.upper()}."
        for variable, name in OLD_SERVE_VARIABLES.items()
        if name in used
    ]
    try:
        serve = Serve.model_validate({**settings.serve.model_dump(exclude_unset=True), **used})
    except ValidationError as error:
        names = {name: variable for variable, name in OLD_SERVE_VARIABLES.items()}
        wrong = [names.get(str(fault["loc"][0]) if fault["loc"] else "", "serve") for fault in error.errors()]
        raise SettingsError(f"The variable {', '.join(wrong)} cannot be used: {error.errors()[0]['msg']}. Correct it.") from error
    return settings.model_copy(update={"serve": serve}), told


def remember_start(settings: Settings, day: date) -> Settings:
    """Let the days begin no later than `day`, and remember that in the state folder; a start you set yourself only moves back."""
    known = settings.partitions.start if "start" in settings.partitions.model_fields_set else None
    if known is not None and day >= known:
        return settings
    settings.home.mkdir(parents=True, exist_ok=True)
    text = (
        "# Written by imaging-assets; your own settings belong into imaging.toml beside the state folder.\n"
        f"[partitions]\nstart = {day.isoformat()}\n"
    )
    (settings.home / REMEMBERED_FILE).write_text(text, encoding="utf-8")
    return _with_start(settings, day)


def without_secrets(settings: Settings) -> Settings:
    """Settings that may travel: every key and password is unset."""
    return with_secrets_of(settings, Settings.model_construct())


def with_secrets_of(settings: Settings, other: Settings) -> Settings:
    """Settings with the keys and passwords of others."""
    changed: dict[str, object] = {}
    for name, group in settings:
        if isinstance(group, BaseModel):
            kinds = type(group).model_fields
            secret = [inner for inner, field in kinds.items() if "SecretStr" in str(field.annotation)]
            changed[name] = group.model_copy(update={inner: getattr(getattr(other, name), inner) for inner in secret})
    return settings.model_copy(update=changed)


def _with_start(settings: Settings, day: date) -> Settings:
    return settings.model_copy(update={"partitions": settings.partitions.model_copy(update={"start": day})})


def _other_names(settings: Settings) -> dict[str, dict[str, str]]:
    """What variables of other names give; only in profile azure, where a stray `CONTAINER` is no accident, and it is told."""
    given: dict[str, dict[str, str]] = {}
    for name, (group, setting, ours) in OTHER_NAMES.items():
        value = os.environ.get(name)
        if value and not ours & getattr(settings, group).model_fields_set:
            given.setdefault(group, {})[setting] = value
            _tell(f"The variable {name} is taken for {group}.{setting}.")
    return given


@cache
def _tell(text: str) -> None:
    """Once per process, on standard error or wherever logs go."""
    logging.getLogger(__name__).warning(text)


def _read_toml(path: Path, *, required: bool) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        if not required:
            return {}
        raise SettingsError(
            f"There is no settings file {path}. Write one with `imaging-assets init` or drop --config."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} cannot be read: {error}. Mend that line.") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} cannot be read: it is not UTF-8. Save it as UTF-8.") from error
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read: {error.strerror}. Mend its rights, or name another file with --config."
        ) from error


def _check_variables() -> None:
    """A misspelt variable would otherwise be ignored without a word."""
    known = {f"IMAGING_{name}".upper() for name in Settings.model_fields} | {CONFIG_VARIABLE}
    for name in os.environ:
        if name.upper().startswith("IMAGING_") and name.upper().split("__")[0] not in known:
            raise SettingsError(f"There is no setting {name}. Known are {', '.join(sorted(known))}.")


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        inner = merged.get(name)
        merged[name] = _merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged


def _explained(error: ValidationError) -> str:
    """What is wrong with which setting; values are left out because one could be a secret."""
    lines = []
    for fault in error.errors():
        names = [str(part) for part in fault["loc"]]
        if fault["type"] == "extra_forbidden":
            lines.append(f"there is no setting {'.'.join(names)}")
            continue
        told = fault["msg"].removeprefix("Value error, ").replace(repr(fault["input"]), "this")
        lines.append(f"{'.'.join(names)}: {told[:1].lower()}{told[1:]}")
    name = "__".join(str(part) for part in error.errors()[0]["loc"]).upper()
    return f"Settings: {'; '.join(lines)}. Correct imaging.toml or the variable IMAGING_{name}."
