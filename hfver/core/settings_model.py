"""The model of ``hfver.toml`` and of the user's configuration, and the errors for a wrong file."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from hfver.core.policy import Alias, Budget, GoldenRule, Policy, Secrets, SignatureRule
from hfver.core.settings_files import VARIABLES, SettingsFile
from hfver.errors import BadConfig

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = ["USERS_OWN", "HttpSettings", "HubSettings", "Settings", "validate_file", "validate_text"]

USERS_OWN: Mapping[str, str] = {
    "cache": "it decides which checks count as done already",
    "hub.url": "it decides to which host a token is sent",
}
"""Settings that no project's file may decide, and why. The address of the Hub is read from no file at all yet."""


def _whole(value: Any) -> Any:
    """Read a whole number from the environment, where everything is text."""
    return int(float(value)) if isinstance(value, str) else value


class HttpSettings(BaseModel):
    """How requests to a Hub are sent and tried again."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    retries: Annotated[int, Field(ge=0), BeforeValidator(_whole)] = 5
    """How often a request is sent again."""
    pause: Annotated[float, Field(ge=0)] = 0.5
    """Seconds before the first retry; doubled for each further one."""
    timeout: Annotated[float, Field(gt=0)] = 60.0
    """Seconds of silence after which a connection is given up."""
    floor: Annotated[int, Field(ge=0), BeforeValidator(_whole)] = 30_000
    """Bytes of a response in 30 seconds, below which a connection is given up; 0 for no such limit."""


class HubSettings(BaseModel):
    """Which Hub is used. Reserved: no file can set anything in it yet."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = "https://huggingface.co"
    """The address of the Hub."""


class Settings(Policy):
    """Everything that can be set: the policy, and how hfver itself works."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    requires_hfver: Annotated[str | None, Field(alias="requires-hfver")] = None
    """The versions of hfver that can read this file, such as ``>=0.2``; any other version refuses it."""
    http: HttpSettings = HttpSettings()
    hub: HubSettings = HubSettings()
    cache: Path | None = None
    """The folder where hfver keeps what it remembers; only in the user's configuration, and relative to it."""

    def policy(self) -> Policy:
        """Return the part that decides what is refused."""
        fields = self.model_fields_set & Policy.model_fields.keys()
        return Policy.model_construct(fields, **{name: getattr(self, name) for name in Policy.model_fields})


_TABLES: Mapping[str, type[BaseModel]] = {
    "metrics": Budget,
    "secrets": Secrets,
    "signature": SignatureRule,
    "golden": GoldenRule,
    "models": Alias,
    "http": HttpSettings,
    "hub": HubSettings,
}
_PAGES = {
    "golden": "golden",
    "require_signature": "signing",
    "signature": "signing",
    "metrics": "versioning",
    "rules": "versioning",
}


def validate_file(kind: Literal["project", "user"], file: SettingsFile) -> Settings:
    """Validate the content of a file, and make its paths absolute.

    Raises:
        BadConfig: It holds something unknown or wrong, or something that only the user may decide.
    """
    try:
        settings = Settings.model_validate(file.table)
    except ValidationError as error:
        raise _refused(file, error.errors(include_url=False)[0]) from None
    for name, why in USERS_OWN.items():
        if _is_set(settings, name) and (kind == "project" or name == "hub.url"):
            raise BadConfig(f"{file.path} cannot set {name}: {why}.", _users_own_hint(name))
    fixed = sorted(settings.models.keys() - settings.aliases.keys())
    if kind == "user" and fixed:
        raise BadConfig(
            f"{file.path} requires {fixed[0]}: models are required by projects; yours may hold aliases.",
            f'Write it into the project\'s hfver.toml, or make it an alias: name = {{ repo = "{fixed[0]}" }}',
        )
    return _anchored(settings, file.path.parent)


def validate_text(name: str, text: str, origin: str) -> Settings:
    """Validate one value that came as text, from a variable or an option.

    Args:
        name: Its dotted name, such as ``http.retries``.
        text: The value.
        origin: What it comes from, for the error.

    Raises:
        BadConfig: The value is wrong.
    """
    group, _, key = name.rpartition(".")
    try:
        return Settings.model_validate({group: {key: text}} if group else {key: text})
    except ValidationError as error:
        said = _sentence(error.errors(include_url=False)[0]["msg"])
        default = getattr(getattr(Settings(), group), key) if group else getattr(Settings(), key)
        raise BadConfig(
            f"{origin} is {text!r}: {said[:1].lower()}{said[1:]}",
            f"Unset it, or set it to {default:g}." if isinstance(default, int | float) else "Unset it.",
        ) from None


def _refused(file: SettingsFile, error: ErrorDetails) -> BadConfig:
    """Say what is wrong with a file; name the nearest known key for an unknown one."""
    place = [str(part) for part in error["loc"]]
    if place[:1] == ["models"]:
        del place[2:3]  # the tag of the form, which is not in the file
    said = _sentence(error["msg"])
    if error["type"] == "extra_forbidden":
        near = get_close_matches(place[-1], _keys_at(place[:-1]), n=1)
        said = "no such setting" + (f"; did you mean {near[0]}?" if near else ".")
    page = _PAGES.get(place[0] if place else "", "settings")
    where = f"{'.'.join(place)}: " if place else ""
    return BadConfig(f"{file.path}: {where}{said}", f"See docs/{page}.md for what it may hold.")


def _sentence(said: str) -> str:
    return said.removeprefix("Value error, ").rstrip(".") + "."


def _keys_at(place: list[str]) -> list[str]:
    """List the keys that a table may have."""
    model = _TABLES.get(place[0], Settings) if place else Settings
    return [info.alias or name for name, info in model.model_fields.items()]


def _users_own_hint(name: str) -> str:
    if name == "hub.url":
        return "Set HF_ENDPOINT, or give the command --hub URL."
    return f"Set {VARIABLES[name]}, or {name} in your own configuration: see docs/settings.md."


def _is_set(settings: Settings, name: str) -> bool:
    group, _, key = name.rpartition(".")
    model: BaseModel = getattr(settings, group) if group else settings
    return key in model.model_fields_set


def _anchored(settings: Settings, folder: Path) -> Settings:
    """Make relative paths start at the folder of the file that names them."""
    changed: dict[str, Any] = {}
    if settings.signature.public_key is not None:
        key = folder / settings.signature.public_key.expanduser()
        changed["signature"] = settings.signature.model_copy(update={"public_key": key})
    if settings.golden.file is not None:
        # The file may have come with a cloned repository: what it names is published, so it must be its own.
        prompts = (folder / settings.golden.file).resolve()
        if not prompts.is_relative_to(folder.resolve()):
            raise BadConfig(
                f"golden.file is {settings.golden.file}, outside of {folder}.", "Put the prompts beside it."
            )
        changed["golden"] = settings.golden.model_copy(update={"file": prompts})
    if settings.cache is not None:
        changed["cache"] = folder / settings.cache.expanduser()
    return settings.model_copy(update=changed)
