"""What a run is made of: its tokenizer, its examples, its model."""

from itertools import islice
from pathlib import Path
from typing import Any, cast, get_args

from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from tinygpt_hf import TinyGPTConfig, TinyGPTForCausalLM
from tinygpt_hf.loading import LoadError, load
from tinygpt_hf.tokenization import Closed, train_bpe, train_char
from training.data import tokens
from training.data.corpus import BadText, Corpus
from training.data.examples import AllWindows, InOrder, RandomWindows, SideBySide, Source, Split
from training.loop.arguments import Options

ENOUGH_FOR_BPE = 2_000  # pieces of 64 KB: more text hardly changes the merges


def train_tokenizer(options: Options, corpus: Corpus) -> PreTrainedTokenizerBase:
    kind, chat = options.tokenizer, options.examples == "chat"
    if kind in get_args(Closed):
        pieces = corpus.pieces() if kind == "minigpt" else iter(())
        return train_char(pieces, closed=cast(Closed, kind))
    pieces = tokens.chat_pieces(corpus) if chat else corpus.pieces()
    if kind == "char":
        return train_char(pieces, chat=chat)
    if kind == "bpe":
        few = islice(pieces, ENOUGH_FOR_BPE)
        cut = options.bpe_cut
        return train_bpe(few, options.bpe_size, cut=cut, chat=chat, show_progress=False)
    return open_tokenizer(kind)


def open_tokenizer(name: str) -> PreTrainedTokenizerBase:
    if (Path(name) / "tokenizer.json").is_file():
        return PreTrainedTokenizerFast.from_pretrained(name)
    return load(name)[1]


def make_examples(
    options: Options,
    corpus: Corpus,
    tokenizer: PreTrainedTokenizerBase,
    window: int,
    eval_batch_size: int,
) -> tuple[Source, Split | None]:
    """What is trained on, and what is held back."""
    share = 0.1 if options.validation is None else options.validation
    if options.examples in ("lines", "chat"):
        read = tokens.read_lines if options.examples == "lines" else tokens.read_chats
        sequences = read(corpus, tokenizer, window)
        kept, held = tokens.split_sequences(sequences, share)
        return kept, InOrder(held, eval_batch_size) if held else None
    ids = tokens.tokenize(corpus, tokenizer)
    train, val = tokens.split(ids, share, window, corpus.name)
    split = SideBySide(val, window, eval_batch_size) if len(val) else None
    if options.examples == "all":
        return AllWindows(train, window, options.loss_on == "last"), split
    if options.examples == "windows":
        return RandomWindows(train, window), split
    raise BadText(f"examples is {options.examples!r}; there are windows, all, lines and chat")


def new_model(
    shape: dict[str, Any], tokenizer: PreTrainedTokenizerBase, begins: bool
) -> TinyGPTForCausalLM:
    config = TinyGPTConfig(
        vocab_size=len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        # Only where texts begin with it: a token that was never trained would mislead a prompt.
        bos_token_id=tokenizer.bos_token_id if begins else None,
        **shape,
    )
    return TinyGPTForCausalLM(config)


def check_same_tokens(ours: PreTrainedTokenizerBase, theirs: PreTrainedTokenizerBase) -> None:
    """A model's numbers mean its own tokenizer's tokens and no other's."""
    mine, other = (t.convert_ids_to_tokens(range(len(t))) for t in (ours, theirs))
    for number, (a, b) in enumerate(zip(mine, other, strict=False)):
        if a != b:
            raise LoadError(
                f"--tokenizer does not fit --init_from: token {number} is {b!r} there, "
                f"and {a!r} in the model's own"
            )
    if len(mine) != len(other):
        raise LoadError(
            f"--tokenizer does not fit --init_from: it has {len(other)} tokens, "
            f"and the model's own {len(mine)}"
        )
