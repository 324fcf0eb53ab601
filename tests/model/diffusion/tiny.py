"""Tiny real pipelines of diffusers, with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tests.model.smoke.tiny import byte_tokenizer

__all__ = ["ddpm", "pixart", "save_all", "stable_diffusion"]


def _diffusers() -> Any:
    import diffusers  # takes seconds

    return diffusers


def _tokenizer() -> Any:
    tokenizer = byte_tokenizer(size=400)
    tokenizer.model_max_length = 16
    return tokenizer


def _clip() -> Any:
    import transformers

    kinds: Any = transformers
    sizes = {"hidden_size": 32, "intermediate_size": 37, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = kinds.CLIPTextConfig(
        vocab_size=500, projection_dim=32, max_position_embeddings=16, bos_token_id=0, eos_token_id=1, **sizes
    )
    return kinds.CLIPTextModel(config)


def _vae(channels: int = 4) -> Any:

    return _diffusers().AutoencoderKL(
        block_out_channels=(32, 64),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=channels,
    )


def stable_diffusion(**settings: Any) -> Any:
    """Make a Stable Diffusion with random weights."""

    torch.manual_seed(3)
    unet = _diffusers().UNet2DConditionModel(
        block_out_channels=(32, 64),
        layers_per_block=1,
        sample_size=16,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=32,
    )
    parts: dict[str, Any] = {
        "unet": unet,
        "vae": _vae(),
        "text_encoder": _clip(),
        "tokenizer": _tokenizer(),
        "scheduler": _diffusers().DDIMScheduler(beta_schedule="scaled_linear", clip_sample=False),
        "safety_checker": None,
        "feature_extractor": None,
        "requires_safety_checker": False,
    }
    return _diffusers().StableDiffusionPipeline(**{**parts, **settings})


def pixart() -> Any:
    """Make a pipeline with a transformer and T5, with random weights."""
    import transformers

    kinds: Any = transformers

    torch.manual_seed(4)
    transformer = _diffusers().PixArtTransformer2DModel(
        sample_size=8,
        num_layers=2,
        patch_size=2,
        attention_head_dim=8,
        num_attention_heads=3,
        caption_channels=32,
        in_channels=4,
        cross_attention_dim=24,
        out_channels=8,
    )
    config = kinds.T5Config(vocab_size=500, d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4)
    return _diffusers().PixArtAlphaPipeline(
        tokenizer=_tokenizer(),
        text_encoder=kinds.T5EncoderModel(config),
        vae=_vae(),
        transformer=transformer,
        scheduler=_diffusers().DPMSolverMultistepScheduler(),
    )


def ddpm() -> Any:
    """Make an unconditional pipeline with random weights."""

    torch.manual_seed(5)
    unet = _diffusers().UNet2DModel(
        sample_size=8,
        block_out_channels=(32, 64),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    )
    return _diffusers().DDPMPipeline(unet=unet, scheduler=_diffusers().DDPMScheduler())


def save_all(root: Path) -> None:
    """Save each pipeline into a folder of its name."""
    for make in (stable_diffusion, pixart, ddpm):
        make().save_pretrained(root / make.__name__)
