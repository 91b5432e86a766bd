"""A BERT of 3 layers and 32 dimensions with random weights and a word-level tokenizer, made in a second."""

from pathlib import Path

WORDS = """
the a bus tram late again park tree green dead rent flat dear loud should we close road yes no is not
"""


def write_tiny_encoder(folder: Path, dropout: float = 0.1, seed: int = 0) -> Path:
    """Write the encoder without a head; returns the folder."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS.split()]
    BertTokenizer(vocab={word: n for n, word in enumerate(vocabulary)}, model_max_length=64).save_pretrained(folder)
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.2,  # with the usual 0.02 so small a model learns nothing in a few steps
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )
    BertModel(config).save_pretrained(folder)
    return folder
