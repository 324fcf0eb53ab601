"""What hfver does with a Hub and believes of it, tried against huggingface.co or against the embedded Hub."""
