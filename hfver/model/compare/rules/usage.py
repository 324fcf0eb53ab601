"""Rules on how a model is used: sampling, special token ids, labels, task and processor."""

from __future__ import annotations

from collections.abc import Iterable

from hfver.core.manifest import CARD
from hfver.core.version import Bump
from hfver.model.compare.json_values import brief, printable
from hfver.model.compare.keys import match_setting
from hfver.model.compare.pair import Pair
from hfver.model.compare.rule import Rule, RuleMatch
from hfver.model.compare.settings import all_settings, report_settings

special_ids = Rule(
    "special-ids",
    Bump.MAJOR,
    change="eos, pad, bos or stop ids changed in config, generation config or tokenizer",
    breaks="stop logic",
    seen="config.json, generation_config.json, tokenizer_config.json",
    example=(
        "`eos_token_id` changes from 2 to [2, 128009].",
        "A server with its own stop logic never stops, or stops in the middle of a turn.",
    ),
    detect=report_settings("special-ids", "code that relies on the old stop, padding or start tokens fails."),
)

sampling = Rule(
    "sampling",
    Bump.MINOR,
    change="temperature, `top_p` and other sampling defaults changed",
    breaks="variation of answers",
    seen="generation_config.json",
    example=(
        "`temperature` changes from 1.0 to 0.7.",
        "Callers who set no temperature get less varied answers.",
    ),
    detect=report_settings("sampling", "callers who do not set it themselves get different answers."),
)

labels = Rule(
    "labels",
    Bump.MAJOR,
    change="order, number or names in `id2label` changed",
    breaks="code that relies on class numbers or names",
    seen="config.json",
    example=(
        "`id2label` changes from {0: spam, 1: ham} to {0: ham, 1: spam}.",
        "A filter that uses class numbers now keeps the spam, and no error says so.",
    ),
    detect=report_settings("labels", "code that relies on class numbers or names silently assigns the wrong classes."),
)


def _task(pair: Pair) -> Iterable[RuleMatch]:
    for setting in all_settings(pair):
        if setting.rule == "task":
            yield match_setting(setting, "logits are converted into answers differently.")
    # Without a card on both sides, a missing tag says nothing.
    if not (pair.before.card and pair.after.card):
        return
    for key in ("pipeline_tag", "library_name"):
        old, new = pair.before.card.get(key), pair.after.card.get(key)
        # A tag that is filled in later only states what the Hub had inferred anyway.
        if old and old != new:
            message = (
                f"{key} changed from {printable(str(old))} to {printable(str(new))}: "
                "services that route requests by it send them to a different backend."
            )
            yield RuleMatch(f"{CARD}:{key}", message, brief(old), brief(new))


task = Rule(
    "task",
    Bump.MAJOR,
    change="`pipeline_tag`, `library_name` or `problem_type` changed",
    breaks="routing",
    seen="card, config",
    example=(
        "`problem_type` changes from single_label_classification to multi_label_classification.",
        "Scores no longer add up to one, and a threshold on them selects different classes.",
    ),
    detect=_task,
)

processor = Rule(
    "processor",
    Bump.MAJOR,
    change="image size, mean, std, sampling rate or feature size changed",
    breaks="input pipelines",
    seen="preprocessor or processor config",
    example=(
        "`image_mean` changes from 0.5 to 0.485.",
        "A service that prepares images itself feeds the model shifted colors, and no error says so.",
    ),
    detect=report_settings(
        "processor", "services that prepare inputs with the old values feed the model wrong ones, silently."
    ),
)

RULES = (special_ids, sampling, labels, task, processor)
