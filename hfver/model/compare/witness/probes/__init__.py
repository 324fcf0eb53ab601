"""What a witness looks at, one file per question: each is a part of the script, and is run on both sides before.

A probe imports nothing from hfver. It has two functions: ``observe(folder, question)`` returns a value that JSON can
hold, and ``differences(question, expected, observed)`` says in sentences how the second value differs from the first.
"""
