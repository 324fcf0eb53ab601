"""Train with the transformers Trainer, then release the folder that it wrote.

The folder needs no preparation. hfver reads steps, metrics and hyperparameters from the files that the Trainer wrote,
and does not publish ``training_args.bin``, which may contain a token.
"""

from __future__ import annotations

from tempfile import TemporaryDirectory

from datasets import Dataset
from scaffold import SENTENCES, hub_option, tiny_model
from transformers import DataCollatorForLanguageModeling, Trainer, TrainingArguments

import hfver


def main() -> None:
    model, tokenizer = tiny_model()
    with hub_option(__doc__) as hub, TemporaryDirectory() as out:
        trainer = Trainer(
            model=model,
            args=TrainingArguments(
                output_dir=out, max_steps=2, learning_rate=1e-2, report_to="none", disable_tqdm=True
            ),
            train_dataset=Dataset.from_list([dict(tokenizer(text)) for text in SENTENCES]),
            processing_class=tokenizer,
            data_collator=DataCollatorForLanguageModeling(tokenizer, mlm=False),
        )
        trainer.train()
        trainer.save_model()
        trainer.save_state()
        release = hfver.release(out, "demo/tiny", message="Two steps on three sentences.", hub=hub)
    print(f"Released {release} at commit {release.commit}")
    print("Its files:", ", ".join(file["path"] for file in release.files))


if __name__ == "__main__":
    main()
