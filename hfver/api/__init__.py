"""The face: what ``import hfver`` offers. Strings and paths come in, the verbs do the work, values go out.

``hub`` is everywhere the same: None for huggingface_hub's default (``HF_ENDPOINT`` or huggingface.co), a URL, or the
folder of an embedded Hub, which then runs on loopback for that one call.
"""
