"""Goldens: how a model behaved when it was released, recorded, and compared with later.

Three layers have a verdict each, so that a difference names its culprit: *words* (the tokenizer), *forms* (template,
processor, labels, generation config) and *numbers* (the weights). The numbers are computed from stored ids, so that a
changed tokenizer does not change them.
"""
