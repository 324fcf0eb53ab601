"""Release a LoRA adapter with its base model pinned, then load both.

An adapter only works on the exact weights that it was trained on. Its lineage names the base by version, commit and
digest. Loading the adapter loads and verifies that base, even if newer versions of the base have been released.
"""

from __future__ import annotations

from tempfile import TemporaryDirectory

from peft import LoraConfig, get_peft_model
from scaffold import hub_option, tiny_model

import hfver


def main() -> None:
    with hub_option(__doc__) as hub, TemporaryDirectory() as folder, TemporaryDirectory() as adapter_folder:
        model, tokenizer = tiny_model()
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        base = hfver.release(folder, "demo/base-of-adapter", hub=hub)

        loaded_base = hfver.load(str(base), hub=hub)
        adapted = get_peft_model(
            loaded_base.model, LoraConfig(target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
        )
        # PEFT starts with zeros in lora_B, so an adapter that was never trained changes nothing, and is refused.
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                weight.data.normal_(std=0.02)
        adapted.save_pretrained(adapter_folder)
        release = hfver.release(adapter_folder, "demo/adapter", base=str(base), hub=hub)

        loaded = hfver.load(str(release), hub=hub, smoke=True)
    print(f"{release}: {release.bytes_total} bytes, on {base} at {base.commit}")
    print(f"Loaded: {type(loaded.model).__name__}, smoke eval {loaded.report.status if loaded.report else 'off'}")


if __name__ == "__main__":
    main()
