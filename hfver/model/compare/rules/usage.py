"""Rules on how a model is used: sampling, ids that stop it, labels, task, processor."""

from __future__ import annotations

from collections.abc import Iterable

from hfver.core.manifest import CARD
from hfver.core.version import Bump
from hfver.model.compare.json_values import brief, shown
from hfver.model.compare.keys import finding
from hfver.model.compare.pair import Pair
from hfver.model.compare.rule import Finding, rule
from hfver.model.compare.settings import all_settings, reports

special_ids = rule(
    "special-ids",
    Bump.MAJOR,
    change="eos, pad, bos or stop ids in config, generation config or tokenizer",
    breaks="stop logic",
    seen="config.json, generation_config.json, tokenizer_config.json",
    example=(
        "`eos_token_id` goes from 2 to [2, 128009].",
        "A server with its own stop logic never stops, or stops in the middle of a turn.",
    ),
)(reports("special-ids", "stop, padding and start logic built on the old ones fails."))

sampling = rule(
    "sampling",
    Bump.MINOR,
    change="temperature, top_p and other sampling defaults",
    breaks="spread of outputs",
    seen="generation_config.json",
    example=(
        "`temperature` goes from 1.0 to 0.7.",
        "Callers who set none get less varied answers.",
    ),
)(reports("sampling", "callers who set none get another spread or length of answers."))

labels = rule(
    "labels",
    Bump.MAJOR,
    change="id2label order, count or strings",
    breaks="silent class swaps",
    seen="config.json",
    example=(
        "`id2label` goes from {0: spam, 1: ham} to {0: ham, 1: spam}.",
        "A filter that goes by class numbers now keeps the spam, and no error says so.",
    ),
)(reports("labels", "programs that go by class numbers or names swap or miss classes, silently."))


def _task(pair: Pair) -> Iterable[Finding]:
    for setting in all_settings(pair):
        if setting.rule == "task":
            yield finding(setting, "logits are turned into answers in another way.")
    if not (pair.before.side.card and pair.after.side.card):
        return
    for key in ("pipeline_tag", "library_name"):
        old, new = pair.before.side.card.get(key), pair.after.side.card.get(key)
        # One that is filled in later only says what the Hub had guessed.
        if old and old != new:
            message = (
                f"{key} went from {shown(str(old))} to {shown(str(new))}: who routes by it sends requests elsewhere."
            )
            yield Finding(f"{CARD}:{key}", message, brief(old), brief(new))


task = rule(
    "task",
    Bump.MAJOR,
    change="pipeline_tag, library_name, problem_type",
    breaks="routing",
    seen="card, config",
    example=(
        "`problem_type` goes from single_label_classification to multi_label_classification.",
        "Scores no longer sum to one, and a threshold on them picks other classes.",
    ),
)(_task)

processor = rule(
    "processor",
    Bump.MAJOR,
    change="image size, mean, std, sampling rate, feature size",
    breaks="silent skew",
    seen="preprocessor or processor config",
    example=(
        "`image_mean` goes from 0.5 to 0.485.",
        "A service that prepares images by itself feeds the model shifted colours, and no error says so.",
    ),
)(reports("processor", "who prepares inputs by the old numbers feeds the model skewed ones, silently."))

RULES = (special_ids, sampling, labels, task, processor)
