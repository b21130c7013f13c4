"""What a run depends on, as plain values: our options, the model's shape, the platform's arguments.

Only what this project adds is written down here; a field's documentation is its flag's help.
"""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal


def option(default: Any, help: str) -> Any:
    return field(default=default, metadata={"help": help})


@dataclass
class Options:
    """What a run is, beyond the model's shape and the platform's TrainingArguments."""

    output_dir: str | None = option(
        None, "folder of the run (default: runs/ and the name of the recipe or text)"
    )
    data: list[str] = field(
        default_factory=list,
        metadata={
            "help": "text to train on: files, folders, patterns, .jsonl, or a data set of the Hub"
        },
    )
    made_by: str | None = option(None, "command that writes the data, shown if the data is missing")
    minutes: float | None = option(
        None, "time for the whole command; the number of steps follows from a short timing"
    )
    init_from: str | None = option(
        None, "model to start from: a run, a shipped name, a Hub repo[@revision], a GPT-2 or Llama"
    )
    resume: bool = option(False, "resume from the last whole checkpoint, bit for bit")
    publish: str | None = option(None, "USER/NAME on the Hub that every checkpoint is pushed to")
    public: bool = option(False, "with --publish: for all to see (default: private)")
    prompt: str | None = option(None, "text that samples start from as training goes")
    save_at: list[int] = field(
        default_factory=list,
        metadata={"help": "keep a checkpoint at each of these steps"},
    )
    patience: int | None = option(
        None, "stop when this many evaluations in a row found no lower validation loss"
    )
    validation: float | None = option(
        None, "share of the text, its end, held back for validation (default: 0.1)"
    )
    tokenizer: str = option(
        "char", "char, bpe, a closed vocabulary (hello, next-char, minigpt) or a model's own"
    )
    bpe_size: int = option(4096, "vocabulary of a bpe tokenizer")
    bpe_cut: Literal["lines", "gpt2"] = option(
        "lines", "words of a bpe tokenizer: ours, or GPT-2's, which llama.cpp knows"
    )
    corpus: str | None = option(
        None, "built-in text: hello, next-char, minigpt, repeat, or shakespeare (fetched once)"
    )
    examples: Literal["windows", "all", "lines", "chat"] = option(
        "windows", "windows drawn at random, all of them in order, lines, or chat"
    )
    text_column: str = option("text", "column of .jsonl files and data sets that holds the text")
    newlines: Literal["keep", "lf"] = option(
        "keep", "line ends of the text: as they are, or plain ones for Windows' CRLF"
    )
    loss_on: Literal["all", "last"] = option("all", "positions of a window that are trained")
    fit: bool = option(False, "choose size, dropout and steps from the amount of text")
    muon_learning_rate: float | None = option(
        None, "train the matrices of the blocks with Muon at this rate, the rest with AdamW"
    )
    muon_momentum: float = option(0.95, "of Muon")
    embedding_learning_rate: float | None = option(
        None, "learning rate of the token and position tables (default: learning_rate)"
    )


OUR_FIELDS = {f.name: f for f in dataclasses.fields(Options)}

# What we set differently from the platform; a recipe or a flag has the last word.
PLATFORM_DEFAULTS: dict[str, Any] = {
    "report_to": "none",
    "log_level": "error",
    "logging_steps": 1,
    "logging_nan_inf_filter": False,  # it would hide a NaN behind the mean of earlier losses
    "eval_strategy": "steps",
    "eval_steps": 0.1,  # of the run
    "save_steps": 0.1,
    "save_total_limit": 2,
    "per_device_eval_batch_size": 32,
    "optim": "adamw_torch_fused",
    "max_grad_norm": 0.0,
    "use_cache": True,  # goes into the saved config; training itself never makes a cache
    "remove_unused_columns": False,  # batches are what the model takes
    "ddp_find_unused_parameters": False,  # there are none, and looking for them takes time
    "train_sampling_strategy": "sequential",  # the data set shuffles, from the seed alone
}


@dataclass
class Settings:
    """Everything a run depends on, and the names of the flags that were given."""

    name: str
    options: Options
    model: dict[str, Any]
    platform: dict[str, Any]
    given: set[str]
    trained_on: dict[str, Any] | None = None  # the text that a published recipe was made from
