"""The fixed texts that every smoke eval uses."""

SENTENCES = (
    "The weather was cold, and the people in the small town stayed at home for most of the day.",
    "It is one of the first things that a new student has to learn before the end of the year.",
    "She said that he had been there twice, but nobody could remember what they had talked about.",
    "This is a short text about a man, his house and the work that he does there.",
)
"""Plain English made of common words, so that a tokenizer trained on little text knows some of it."""

PROMPTS = (
    "The first time that I saw the",
    "There are many people who",
    "One day, a small",
    "In the end, it was",
)
"""Beginnings that end in different words, none of them at the end of a sentence."""

SCRIPTS = {
    "English": "The quick brown fox jumps over 13 lazy dogs; it costs $4.50 (or 2/3 of that).",
    "French": "Où est la bibliothèque ? L'été, j'y vais à pied.",
    "Russian": "Съешь ещё этих мягких французских булок, да выпей чаю.",
    "Greek": "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία.",
    "Arabic": "نص حكيم له سر قاطع وذو شأن عظيم.",
    "Hindi": "यह एक छोटा सा वाक्य है।",
    "Chinese": "今天天气很好,我们去公园散步。",
    "Japanese": "いろはにほへと、ちりぬるを。",
    "Korean": "다람쥐 헌 쳇바퀴에 타고파.",
    "emoji": "Done 🎉 thanks 👩‍💻!",
    "code": "def add(a, b):\n    return a + b  # sum\n",
}
"""A sentence in each of the scripts that most models see, with punctuation, digits and joined emoji."""

SEQUENCES = {
    "DNA": "ATGGTGCACCTGACTCCTGAGGAGAAGTCTGCCGTTACTGCCCTGTGGGGCAAGGTGAACGTG",
    "protein": "MVHLTPEEKSAVTALWGKVNVDEVGGEALGRLLVVYPWTQRFFESFGDLSTPDAVMGNPKVK",
    "spaced protein": "M V H L T P E E K S A V T A L W G K V N V D E V G G E A L G R L L V V Y P W T Q R F",
}
"""What biological language models read: the start of the human beta-globin gene and of its protein, which tokenizers
such as ProtBERT's expect with a space between the residues."""

OTHER_TEXTS = {name: text for name, text in SCRIPTS.items() if name != "English"} | SEQUENCES
"""Texts by which a model that does badly on English may show that it has learned something else."""

CONVERSATIONS = {
    "a question": [{"role": "user", "content": "What is the capital of France?"}],
    "three turns": [
        {"role": "user", "content": "Hello!"},
        {"role": "assistant", "content": "Hello. How can I help you?"},
        {"role": "user", "content": "Tell me about the sea."},
    ],
    "a system turn": [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "What is the capital of France?"},
    ],
}
