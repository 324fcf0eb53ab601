"""Goldens: how a model behaved when it was released, recorded, and compared with later.

import hfver.golden

hfver.golden.capture(trainer.model, tokenizer, directory="out/checkpoint")
"""

from hfver.api.golden import capture as capture
from hfver.api.golden import capture_from as capture_from
from hfver.api.golden import compare as compare
from hfver.api.golden import read as read

__all__ = ["capture", "capture_from", "compare", "read"]
