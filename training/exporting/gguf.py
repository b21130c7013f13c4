"""GGUF, for llama.cpp, Ollama and all that is built on them: weights, tokenizer, chat template.

A model of GPT-2's or Llama's shape is exported as its twin, once in fp32 and once in f16, with an
Ollama Modelfile. What llama.cpp would compute or read differently is refused by name.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import GPT2LMHeadModel, PreTrainedModel, PreTrainedTokenizerBase

from tinygpt_hf import TinyGPTForCausalLM
from training.exporting.errors import ANOTHER_SHAPE, ExportError, needed
from training.exporting.folder import whole
from training.exporting.gguf_tokenizer import add_tokenizer, check_ids
from training.exporting.modelfile import modelfile
from training.exporting.twins import twin_of

PRECISIONS = ("F32", "F16")
# GPT-2 stores these transposed.
_TURNED = (".c_attn.weight", ".c_proj.weight", ".c_fc.weight")


def write_gguf(
    model: TinyGPTForCausalLM, tokenizer: PreTrainedTokenizerBase, name: str, target: Path
) -> list[str]:
    """The two files and the Modelfile, and what to say about them."""
    needed("gguf", "gguf")
    twin = twin_that_llama_cpp_has(model)
    lines = []
    with whole(target) as folder:
        for precision in PRECISIONS:
            file = folder / f"{name}-{precision}.gguf"
            write_file(file, twin, tokenizer, name, precision)
            checked = check_ids(file, tokenizer)
            lines.append(f"{target / file.name}: {file.stat().st_size:,} bytes")
        text = modelfile(f"{name}-F16.gguf", tokenizer, model.config.max_position_embeddings)
        (folder / "Modelfile").write_text(text, encoding="utf-8", newline="\n")
    lines.append(f"{target / 'Modelfile'}: ollama create {name.lower()} -f {target / 'Modelfile'}")
    lines.append(f"the ids of {checked} hard texts, read from the files, are the tokenizer's own")
    lines.append(f"llama.cpp reads {model.config.max_position_embeddings} tokens at most: see -c")
    return lines


def twin_that_llama_cpp_has(model: TinyGPTForCausalLM) -> PreTrainedModel:
    config = model.config
    if config.position_embedding not in ("learned", "rotary"):
        raise ExportError(
            f"position_embedding is {config.position_embedding!r}, which llama.cpp does not have; "
            f"{ANOTHER_SHAPE}"
        )
    if config.position_embedding == "rotary":
        return twin_of(model, "llama")
    if config.hidden_act != "gelu_new":
        raise ExportError(
            f"hidden_act is {config.hidden_act!r}, and llama.cpp's GPT-2 has only gelu_new; "
            f"{ANOTHER_SHAPE}"
        )
    return twin_of(model, "gpt2")


def write_file(
    file: Path, twin: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, name: str, precision: str
) -> None:
    gguf = needed("gguf", "gguf")
    writer = gguf.GGUFWriter(file, twin.config.model_type)
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(name)
    writer.add_file_type(
        gguf.LlamaFileType.ALL_F32 if precision == "F32" else gguf.LlamaFileType.MOSTLY_F16
    )
    add_shape(writer, twin.config)
    add_tokenizer(writer, tokenizer, twin.config)
    for tensor, values in tensors(twin, gguf):
        # As llama.cpp's own converter: vectors and the table of positions stay in fp32.
        whole_precision = values.ndim == 1 or tensor == "position_embd.weight"
        dtype = np.float32 if precision == "F32" or whole_precision else np.float16
        with np.errstate(over="ignore"):  # reported below, by name
            written = values.astype(dtype)
        if not np.isfinite(written).all():
            raise ExportError(f"{tensor} holds a number that {precision} cannot write")
        writer.add_tensor(tensor, written)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_shape(writer: Any, config: Any) -> None:
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_vocab_size(config.vocab_size)
    if config.model_type == "gpt2":
        writer.add_feed_forward_length(config.n_inner)
        writer.add_layer_norm_eps(config.layer_norm_epsilon)
        return
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])


def tensors(twin: PreTrainedModel, gguf: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Under llama.cpp's names, and laid out as it wants them."""
    config = twin.config
    arch = {name: arch for arch, name in gguf.MODEL_ARCH_NAMES.items()}[config.model_type]
    names = gguf.get_tensor_name_map(arch, config.num_hidden_layers)
    for name, tensor in twin.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        if isinstance(twin, GPT2LMHeadModel) and name.endswith(_TURNED):
            tensor = tensor.t()
        for part, heads in (
            ("q_proj", config.num_attention_heads),
            ("k_proj", getattr(config, "num_key_value_heads", 0)),
        ):
            if f".{part}." in name:
                tensor = pairs_side_by_side(tensor, heads)
        stem, _, kind = name.rpartition(".")
        yield f"{names.get_name(stem)}.{kind}", tensor.detach().float().cpu().contiguous().numpy()


def pairs_side_by_side(tensor: torch.Tensor, heads: int) -> torch.Tensor:
    """transformers rotates number i of a head with number i + half; llama.cpp with its
    neighbour."""
    rows, *rest = tensor.shape
    return tensor.view(heads, 2, rows // heads // 2, *rest).transpose(1, 2).reshape(rows, *rest)
