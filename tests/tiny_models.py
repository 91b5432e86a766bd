"""Tiny random models of many families, with a tiny tokenizer that is trained here: what tests of the engines run."""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
import transformers as hf
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIAL = ["<pad>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]
TEXTS = [
    "Write a comment about the trams in our city, please.", "The bus is late again and nobody says why.",
    "Parks, schools, housing and the environment are what people write about.", "Answer with one category.",
]  # fmt: skip


@cache
def _trained(special: tuple[str, ...]) -> str:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=list(special), initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    made.train_from_iterator(TEXTS * 4, trainer)
    return made.to_str()


def tokenizer(template: str | None = CHATML, special: tuple[str, ...] = (), **named: Any) -> Any:
    """A byte-level tokenizer of 320 tokens; ``special`` are further special tokens."""
    made = hf.PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(_trained((*SPECIAL, *special))),
        bos_token="<s>", eos_token="</s>", pad_token="<pad>", **named,
    )  # fmt: skip
    made.chat_template = template
    return made


SIZES: dict[str, Any] = {
    "vocab_size": 320, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 256, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
}  # fmt: skip
HEADS = {"head_dim": 8}
EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}


def llama() -> Any:
    return hf.LlamaConfig(**SIZES)


def qwen2() -> Any:
    return hf.Qwen2Config(**SIZES)


def qwen3() -> Any:
    return hf.Qwen3Config(**SIZES, **HEADS)


def mistral_window() -> Any:
    return hf.MistralConfig(**SIZES, sliding_window=12)


def gemma2() -> Any:
    return hf.Gemma2Config(**SIZES, **HEADS, sliding_window=12, query_pre_attn_scalar=8)


def gemma3() -> Any:
    return hf.Gemma3TextConfig(**SIZES, **HEADS, sliding_window=12, layer_types=["sliding_attention", "full_attention"])


def gpt2() -> Any:
    return hf.GPT2Config(
        vocab_size=320, n_embd=32, n_layer=2, n_head=4, n_positions=256, bos_token_id=1, eos_token_id=2
    )


def gpt_neox() -> Any:
    return hf.GPTNeoXConfig(**{**SIZES, "num_key_value_heads": 4})


def gpt_neo() -> Any:
    return hf.GPTNeoConfig(
        vocab_size=320, hidden_size=32, num_layers=2, attention_types=[[["global", "local"], 1]], num_heads=4,
        window_size=12, max_position_embeddings=256, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip


def phi3() -> Any:
    return hf.Phi3Config(**SIZES, sliding_window=12)


def olmo2() -> Any:
    return hf.Olmo2Config(**SIZES)


def granite() -> Any:
    return hf.GraniteConfig(**SIZES, logits_scaling=8.0, embedding_multiplier=12.0)


def mixtral() -> Any:
    return hf.MixtralConfig(**SIZES, **EXPERTS)


def qwen2_moe() -> Any:
    return hf.Qwen2MoeConfig(
        **SIZES, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=24, shared_expert_intermediate_size=24
    )


def gpt_oss() -> Any:
    return hf.GptOssConfig(**SIZES, **HEADS, **EXPERTS, sliding_window=12)


def jamba() -> Any:
    return hf.JambaConfig(
        **SIZES, num_experts=2, attn_layer_period=2, attn_layer_offset=1, use_mamba_kernels=False, mamba_d_state=4
    )


def lfm2() -> Any:
    return hf.Lfm2Config(**SIZES, layer_types=["conv", "full_attention"])


def falcon_h1() -> Any:
    return hf.FalconH1Config(**SIZES, mamba_d_ssm=32, mamba_n_heads=4, mamba_d_head=8, mamba_d_state=8)


def bamba() -> Any:
    return hf.BambaConfig(
        **SIZES, attn_layer_indices=[1], mamba_n_heads=8, mamba_d_head=8, mamba_d_state=8, mamba_expand=2
    )


def qwen3_next() -> Any:
    return hf.Qwen3NextConfig(
        **SIZES, **HEADS, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=24,
        shared_expert_intermediate_size=24, linear_key_head_dim=8, linear_value_head_dim=8, linear_num_key_heads=2,
        linear_num_value_heads=4, layer_types=["linear_attention", "full_attention"],
    )  # fmt: skip


def mamba() -> Any:
    return hf.MambaConfig(
        vocab_size=320, hidden_size=32, state_size=4, num_hidden_layers=2, bos_token_id=1, eos_token_id=2,
        pad_token_id=0,
    )  # fmt: skip


def mamba2() -> Any:
    return hf.Mamba2Config(
        vocab_size=320, hidden_size=32, state_size=8, num_hidden_layers=2, num_heads=8, head_dim=8, n_groups=1,
        bos_token_id=1, eos_token_id=2, pad_token_id=0,
    )  # fmt: skip


def recurrent_gemma() -> Any:
    return hf.RecurrentGemmaConfig(
        **SIZES, attention_window_size=12, block_types=["recurrent", "attention"], lru_width=32
    )


def falcon() -> Any:
    return hf.FalconConfig(vocab_size=320, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, alibi=True,
                           bos_token_id=1, eos_token_id=2, max_position_embeddings=256)  # fmt: skip


def bloom() -> Any:
    return hf.BloomConfig(vocab_size=320, hidden_size=32, n_layer=2, n_head=4, bos_token_id=1, eos_token_id=2)


def opt() -> Any:
    return hf.OPTConfig(vocab_size=320, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, ffn_dim=48,
                        word_embed_proj_dim=32, max_position_embeddings=256, bos_token_id=1, eos_token_id=2,
                        pad_token_id=0)  # fmt: skip


def gptj() -> Any:
    return hf.GPTJConfig(vocab_size=320, n_embd=32, n_layer=2, n_head=4, n_positions=256, rotary_dim=4,
                         bos_token_id=1, eos_token_id=2)  # fmt: skip


def phi() -> Any:
    return hf.PhiConfig(**SIZES)


def cohere() -> Any:
    return hf.CohereConfig(**SIZES, logit_scale=0.0625)


def cohere2() -> Any:
    return hf.Cohere2Config(**SIZES, **HEADS, sliding_window=12, layer_types=["sliding_attention", "full_attention"])


def olmo3() -> Any:
    return hf.Olmo3Config(**SIZES, sliding_window=12, layer_types=["sliding_attention", "full_attention"])


def smollm3() -> Any:
    return hf.SmolLM3Config(**SIZES, layer_types=["full_attention", "full_attention"])


def ministral() -> Any:
    return hf.MinistralConfig(**SIZES, **HEADS, sliding_window=12)


def deepseek_v3() -> Any:
    return hf.DeepseekV3Config(
        **{**SIZES, "num_key_value_heads": 4}, n_routed_experts=4, num_experts_per_tok=2, moe_intermediate_size=24,
        n_group=1, topk_group=1, kv_lora_rank=8, q_lora_rank=16, qk_rope_head_dim=8, qk_nope_head_dim=8, v_head_dim=8,
        first_k_dense_replace=1,
    )  # fmt: skip


def glm4() -> Any:
    return hf.Glm4Config(**SIZES, **HEADS)


def gemma() -> Any:
    return hf.GemmaConfig(**SIZES, **HEADS)


def gemma4() -> Any:
    return hf.Gemma4TextConfig(
        **SIZES, **HEADS, global_head_dim=16, sliding_window=12, layer_types=["sliding_attention", "full_attention"],
        hidden_size_per_layer_input=0, num_kv_shared_layers=0,
    )  # fmt: skip


def llama4() -> Any:
    return hf.Llama4TextConfig(
        **SIZES, **HEADS, intermediate_size_mlp=48, num_local_experts=2, attention_chunk_size=12,
        layer_types=["chunked_attention", "full_attention"],
    )  # fmt: skip


FAMILIES: dict[str, Callable[[], Any]] = {
    make.__name__: make
    for make in (
        llama, qwen2, qwen3, mistral_window, gemma, gemma2, gemma3, gemma4, gpt2, gpt_neo, gpt_neox, gptj, opt, bloom,
        falcon, phi, phi3, olmo2, olmo3, granite, smollm3, ministral, glm4, cohere, cohere2, mixtral, qwen2_moe,
        gpt_oss, deepseek_v3, llama4, jamba, bamba, lfm2, falcon_h1, qwen3_next, mamba, mamba2, recurrent_gemma,
    )
}  # fmt: skip


def model(name: str, attention: str | None = None) -> Any:
    """A random model of a family; weights ten times larger than usual, so that its answers are not all alike."""
    torch.manual_seed(1)
    config = FAMILIES[name]()
    made = hf.AutoModelForCausalLM.from_config(config, **({"attn_implementation": attention} if attention else {}))
    with torch.no_grad():
        for weight in made.parameters():
            if weight.dim() > 1:
                weight.mul_(4)
    return made.eval()
