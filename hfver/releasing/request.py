"""The options of a release, defined once for the function ``hfver.release`` and the command ``hfver release``."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, Field, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hfver.core.smoke_report import SmokeReport
from hfver.errors import BadConfig

if TYPE_CHECKING:
    from hfver.core.version import Bump, Version
    from hfver.registry.signing.keys import Signer

__all__ = ["PathLike", "ReleaseRequest", "option"]

OVERRIDES = ("no-tokenizer", "unmeasured", "behavior")
"""The names of the refusals that ``allow`` can override."""

PathLike = str | os.PathLike[str]


def option(
    default: Any, doc: str, *, flag: str = "", metavar: str = "", choices: Sequence[str] = (), identity: bool = True
) -> Any:
    """Define an option that a function and its command share.

    Args:
        default: Its value if the user does not set it.
        doc: What it does, in a sentence or two: the help text and the docstring.
        flag: The command's option if it differs from the field's name with dashes; "" for that name.
        metavar: The placeholder for its value in the command's help.
        choices: The allowed values, if there are few.
        identity: Whether two requests that differ in this option ask for different releases.
    """
    extra = {"doc": doc, "flag": flag, "metavar": metavar, "choices": tuple(choices), "identity": identity}
    return field(default=default, metadata=extra)


@dataclass(frozen=True)
class ReleaseRequest:
    """What to release, and how: the options of ``hfver.release`` and of ``hfver release``.

    Raises:
        BadConfig: An option has a value that is not allowed.
    """

    directory: PathLike = field(
        metadata={"doc": "The checkpoint folder: what ``save_pretrained``, ``Trainer.save_model`` or PEFT wrote."}
    )
    repo: str = field(metadata={"doc": "``namespace/name``; created if it does not exist."})
    _: KW_ONLY
    version: str | None = option(None, "Exactly this version. Default: the next one.", metavar="X.Y.Z")
    bump: Literal["auto", "major", "minor", "patch"] = option(
        "auto",
        "Raise the version by this level; auto works it out from what changed since the newest release.",
        choices=("auto", "major", "minor", "patch"),
    )
    pre: str | None = option(
        None, "Release a prerelease of this name: rc gives 1.3.0-rc.1, then 1.3.0-rc.2.", metavar="NAME"
    )
    because: str | None = option(
        None,
        "Why the version may be lower than the change requires, or a metric beyond its budget. Kept in the ledger.",
        metavar="TEXT",
    )
    allow: Sequence[str] = option(
        (),
        "Override the refusal or the failed smoke check of this name; because must say why. Kept in the manifest. "
        "Repeat for several.",
        metavar="NAME",
    )
    message: str | None = option(None, "What changed, in your own words.", flag="-m/--message", metavar="TEXT")
    smoke: Literal["auto", "require", "off"] = option(
        "auto",
        "auto runs the model in the folder if torch is installed; require also runs what the Hub returns, before it is "
        "tagged; off runs nothing.",
        choices=("auto", "require", "off"),
    )
    device: str = option(
        "auto", "Where the smoke eval runs: auto, cpu, cuda or cuda:N.", metavar="DEVICE", identity=False
    )
    base: str | None = option(
        None,
        "The model that this one was made from. Default: the one that the folder names.",
        metavar="REF|ID[@REV]",
    )
    datasets: Sequence[str] = option(
        (),
        "What it was trained on: a dataset on the Hub or a local path. Repeat for several.",
        flag="--dataset",
        metavar="ID[@REV]|PATH",
    )
    metrics: PathLike | None = option(None, "A JSON or YAML file of metric names and values.", metavar="FILE")
    lineage: PathLike | None = option(
        None, "A lineage.yaml whose values take precedence over the ones that hfver finds.", metavar="FILE"
    )
    tensor_sha256: bool = option(
        False,
        "List each tensor's SHA-256 too, for servers that check tensors by it. Hashing takes about twice as long.",
    )
    private: bool = option(
        True, "Whether a repo that has to be created is private.", flag="--private/--public", identity=False
    )
    convert: bool = option(
        False, "First convert pickled weights to safetensors, in a process that cannot run their code."
    )
    trust_remote_code: bool = option(
        False, "Allow a checkpoint that contains or names Python code to be released, and to run in the smoke eval."
    )
    sign: str | None = option(
        None,
        "Sign it: with a private key in PEM form (its password in HFVER_SIGNING_PASSWORD), or by sigstore.",
        metavar="key:PATH|sigstore",
    )
    review: bool = option(
        False,
        "Open a pull request instead of publishing, or update the one that is open. After the merge, finish publishes "
        "it.",
    )
    dry_run: bool = option(False, "Show what would be released and write nothing.", identity=False)

    def __post_init__(self) -> None:
        for one in fields(self):
            value, choices = getattr(self, one.name), one.metadata.get("choices")
            if choices and value not in choices:
                raise BadConfig(f"{one.name} cannot be {value!r}.", f"Choose one of: {', '.join(choices)}")
        # Which checks there are is known once the model ran: plug-ins bring their own.
        if self.smoke == "off":
            self.refuse_unknown(())
        if self.allow and not self.because:
            raise BadConfig(f"allow {', '.join(self.allow)} has no reason.", 'Say why: --because "…"')

    def refuse_unknown(self, checks: Collection[str]) -> None:
        """Refuse to allow what is neither a refusal nor a check.

        Args:
            checks: The names of the checks of the smoke eval.

        Raises:
            BadConfig: A name in ``allow`` is unknown.
        """
        for name in self.allow:
            if name not in OVERRIDES and name not in checks:
                raise BadConfig(
                    f"No refusal{' and no check' if checks else ''} is called {name!r}.",
                    f"Choose one of: {', '.join([*OVERRIDES, *sorted(set(checks))])}",
                )

    def allowed_checks(self, report: SmokeReport | None) -> list[str]:
        """Return the checks of a report that failed and are allowed to, by name."""
        return sorted(
            {check.name for check in report.checks_with("warned") if check.name in self.allow} if report else ()
        )

    @property
    def folder(self) -> Path:
        """The checkpoint folder, as the user named it."""
        return Path(self.directory)

    @property
    def exact(self) -> Version | None:
        """The exact version that the user asked for, if any.

        Raises:
            BadVersion: It is not a semantic version.
        """
        from hfver.core.version import parse_version

        return parse_version(self.version) if self.version else None

    @property
    def level(self) -> Bump | None:
        """The level that the user asked for; None for ``auto``."""
        from hfver.core.version import Bump

        return None if self.bump == "auto" else Bump(self.bump)

    @property
    def signer(self) -> Signer | None:
        """The signer of the release; None for an unsigned one.

        Raises:
            BadConfig: ``sign`` names neither a usable key nor sigstore.
        """
        from hfver.registry.signing.keys import parse_signer

        return None if self.sign is None else parse_signer(self.sign)

    def identity(self) -> str:
        """Return a digest of the request that is the same on every machine and in every version of hfver.

        It covers the options that differ from their defaults; files count by their content. The folder is not part
        of it, because its content has a digest of its own.

        Raises:
            BadConfig: A file that an option names cannot be read.
        """
        text = json.dumps(dict(self._changed_options()), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"

    def _changed_options(self) -> Iterator[tuple[str, object]]:
        # Defaults are left out, so that an option added by a later version does not change the identity of older
        # requests; subclasses add parameters of one call, which are not part of the request.
        for one in fields(ReleaseRequest):
            value = getattr(self, one.name)
            if not one.metadata.get("identity", False) or value == one.default:
                continue
            yield one.name, _digest(value) if one.name in ("metrics", "lineage") else _plain(value)

    @classmethod
    def options(cls) -> Mapping[str, Field[Any]]:
        """Return the fields that are options, by name, in the order of the help text."""
        return {one.name: one for one in fields(cls) if "flag" in one.metadata}


def _digest(path: PathLike) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError as error:
        raise BadConfig(f"{path} cannot be read: {error.strerror}.", "Give the path of a file.") from None


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple | list) else value
