"""A tokenizer in a GGUF file, and the check that it gives the same ids when read from there.

llama.cpp has byte-level BPE with a list of named ways to cut text into words. One of them fits:
GPT-2's. A character tokenizer fits any, since no token of it is longer than one character.
"""

import json
import re
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models
from transformers import PreTrainedTokenizerBase

from tinygpt_hf.byte_level import GPT2_PRE_TOKENIZER, PRE_TOKENIZER
from tinygpt_hf.char_table import CharTable
from tinygpt_hf.encoding import encode_ids
from training.exporting.errors import ExportError, needed

GPT2_CUT = "gpt-2"  # llama.cpp's name for it
# Where tokenizers differ: the ends of lines, runs of white space, marks, what looks like markup.
HARD = [
    "a \nb", "a\t\nb", "a  \n\n  b", "\n\n\n", " \n \n ", "a\r\nb\r\n", "\r\r\n\r", "\ta\t\tb\t",
    "  a   b    ", " ", "   ", "\u3000a\xa0b\u2028c\x85d", "a\x00b\x1c\x1db",
    "It's we'll THEY'RE don't I'M 'tis ''s", "x86 3.14159 1234567 1,000,000", "(a)[b]{c}--->...!?",
    "👩\u200d👩\u200d👧 😊🏽", "e\u0301 é n\u0303\u0323 \u0301", "▁ ▁a a▁b", "Ġ Ċ ĉ Ā",
    "生活的真谛是", "Ça va? Ωμέγα, привет", "ปีใหม่ नमस्ते", "ﬁ İ ß ẞ", "\ufeffa\ufffd",
    "<|endoftext|>", "a<|endoftext|>b", "<|pad|><|user|> <|assistant|>\n<|system|>", "<|endof",
    "</s><s><unk>[INST] <bos>", "<0x41><0x0A>", "{{ content }}{% if %}",
    "\U00010348\U0001d11e\U0010ffff",
]  # fmt: skip


def add_tokenizer(writer: Any, tokenizer: PreTrainedTokenizerBase, config: Any) -> None:
    """Its tokens, merges, special ids and chat template, as llama.cpp reads them."""
    description = json.loads(tokenizer.backend_tokenizer.to_str())
    check_kind(description)
    kinds = needed("gguf", "gguf").TokenType
    size = len(tokenizer)
    rest = range(size, config.vocab_size)
    tokens = [*tokenizer.convert_ids_to_tokens(range(size)), *(f"<unused {i}>" for i in rest)]
    types = [kinds.NORMAL] * size + [kinds.UNUSED] * len(rest)
    for added in description["added_tokens"]:
        types[added["id"]] = kinds.CONTROL if added["special"] else kinds.USER_DEFINED
    merges = [m if isinstance(m, str) else " ".join(m) for m in description["model"]["merges"]]
    if not merges:  # characters of one byte: llama.cpp refuses an empty list
        longest = max(tokens, key=len)  # never met, since a text is read as single letters
        merges = [f"{longest} {longest}"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(GPT2_CUT)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(merges)
    add_special_ids(writer, config)
    if tokenizer.chat_template:
        writer.add_chat_template(without_marks(tokenizer.chat_template))


def check_kind(description: dict[str, Any]) -> None:
    """Refuses what llama.cpp would cut, spell or look up differently."""
    model, cut = description["model"], description["pre_tokenizer"]
    if model["type"] != "BPE" or model["byte_fallback"] or description["normalizer"]:
        raise ExportError(
            f"the tokenizer is a {model['type']}, and llama.cpp has byte-level BPE: "
            "train with --tokenizer char or bpe"
        )
    if cut == _json(PRE_TOKENIZER) and CharTable.of(description) is None:
        raise ExportError(
            "the tokenizer cuts blanks before a line end apart, and llama.cpp has no such cut: "
            "train with --bpe_cut gpt2, which --arch gpt2 and llama do by themselves"
        )
    if cut not in (_json(PRE_TOKENIZER), _json(GPT2_PRE_TOKENIZER)):
        raise ExportError("the tokenizer cuts text into words in a way that is not GPT-2's")
    for added in description["added_tokens"]:
        if added["lstrip"] or added["rstrip"] or added["single_word"]:
            raise ExportError(
                f"the token {added['content']!r} takes white space with it, or wants it around; "
                "llama.cpp does neither"
            )


def add_special_ids(writer: Any, config: Any) -> None:
    """llama.cpp takes id 11 for the end where none is named, and knows three ends at most."""
    ends = config.eos_token_id
    ends = ends if isinstance(ends, list) else [ends]
    if ends == [None]:
        raise ExportError("eos_token_id is None, and llama.cpp needs a token that ends a text")
    if len(ends) > 3:
        raise ExportError(f"eos_token_id has {len(ends)} tokens; llama.cpp takes three")
    adders = (writer.add_eos_token_id, writer.add_eot_token_id, writer.add_eom_token_id)
    for add, end in zip(adders, ends, strict=False):
        add(end)
    begin = config.bos_token_id
    writer.add_bos_token_id(ends[0] if begin is None else begin)
    writer.add_add_bos_token(begin is not None)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)
    if config.pad_token_id is not None:
        writer.add_pad_token_id(config.pad_token_id)


def without_marks(template: str) -> str:
    """Without the tags that mark an answer for training: only transformers knows them."""
    return re.sub(r"\{%(-?)\s*((?:end)?generation)\s*(-?)%\}", r"{#\1 \2 \3#}", template)


def check_ids(file: Path, tokenizer: PreTrainedTokenizerBase) -> int:
    """Checks the ids of texts, by what was written into the file alone; returns how many texts."""
    stored = read_tokenizer(file)
    texts = [*HARD, *(f"a {token} \nb" for token in tokenizer.all_special_tokens)]
    for text in texts:
        read = stored.encode(text, add_special_tokens=False).ids
        if read != (ours := encode_ids(tokenizer, text).tolist()):
            raise ExportError(
                f"llama.cpp would read {text!r} as {read}, and the tokenizer as {ours}: "
                "this tokenizer cannot be exported as GGUF"
            )
    return len(texts)


def read_tokenizer(file: Path) -> Tokenizer:
    """What llama.cpp makes of the file, where special tokens in a text stay text."""
    fields = needed("gguf", "gguf").GGUFReader(file).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    kinds = fields["tokenizer.ggml.token_type"].contents()
    vocabulary = {token: i for i, token in enumerate(tokens)}
    pairs = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"].contents()]
    merges = [pair for pair in pairs if "".join(pair) in vocabulary]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = {GPT2_CUT: GPT2_PRE_TOKENIZER}[
        fields["tokenizer.ggml.pre"].contents()
    ]
    tokenizer.decoder = decoders.ByteLevel()
    user_defined = needed("gguf", "gguf").TokenType.USER_DEFINED
    tokenizer.add_tokens([t for t, k in zip(tokens, kinds, strict=True) if k == user_defined])
    return tokenizer


def _json(part: Any) -> dict[str, Any]:
    return json.loads(part.__getstate__())
