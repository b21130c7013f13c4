"""Everything made before the first step: text, model, examples, and how many steps."""

import copy
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, cast, get_args

import torch
from transformers import (
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    TrainingArguments,
    set_seed,
)
from transformers.trainer_utils import IntervalStrategy, SaveStrategy

from tinygpt_hf import TinyGPTConfig, TinyGPTForCausalLM
from tinygpt_hf.loading import LoadError, load
from tinygpt_hf.tokenization import CHAT_TEMPLATE, Closed, train_bpe, train_char
from training.data import tokens
from training.data.corpus import Corpus, open_corpus
from training.data.examples import Source, Split
from training.loop import budget, folder, models
from training.loop.arguments import model_fields, platform_arguments
from training.loop.budget import Machine, find_machine
from training.loop.callbacks import say
from training.loop.settings import PLATFORM_DEFAULTS, Options, Settings
from training.loop.trainer import TinyTrainer, make_trainer
from training.recipes.writer import FINE_TUNED, RATES

ENOUGH_FOR_BPE = 2_000  # pieces of 64 KB: more text hardly changes the merges
LITTLE = 2e7  # parameters times tokens: about a millisecond of work
TIMED = 10  # steps
FEW = 50  # steps in which a text is hardly learned
BY_THE_CLOCK = 2  # times the steps that fit, where a clock ends the run and no count


class Parts(NamedTuple):
    """What a run is made of."""

    model: TinyGPTForCausalLM
    tokenizer: PreTrainedTokenizerBase
    source: Source
    split: Split | None  # held back


@dataclass(frozen=True)
class Prepared:
    """A run that is ready to begin."""

    settings: Settings  # with what followed from the text and the time
    args: TrainingArguments
    folder: Path
    corpus: Corpus
    parts: Parts
    checkpoint: Path | None  # that it resumes from
    commit: str | None  # of the model that it starts from
    started: float

    @property
    def examples_a_step(self) -> int:
        args = self.args
        return args.train_batch_size * args.gradient_accumulation_steps * args.world_size

    @property
    def tokens_a_step(self) -> float:
        return self.examples_a_step * self.parts.source.tokens_per_example

    def facts(self) -> dict[str, Any]:
        """What is known of the run before its first step."""
        options, text = self.settings.options, self.corpus.identity()
        facts: dict[str, Any] = {
            "recipe": self.settings.name,
            "seed": self.args.seed,
            "data": self.corpus.name,
        }
        if text is not None:
            facts["text"] = text
        if options.init_from is not None:
            at = f"@{self.commit}" if self.commit else ""
            facts["init_from"] = f"{options.init_from.partition('@')[0]}{at}"
        return facts

    def trainer(self, **more: Any) -> TinyTrainer:
        return make_trainer(self.settings.options, self.args, *self.parts, **more)


class Left:
    """The time that is left: of `--minutes` for the whole command, or of seconds that are for the
    training alone and that a clock will end."""

    def __init__(self, minutes: float | None, started: float, seconds: float | None):
        self.by_the_clock = seconds is not None
        end = None if minutes is None else started + 60 * minutes
        self.end = end if seconds is None else time.time() + seconds + budget.AT_THE_END

    def seconds(self) -> float | None:
        return None if self.end is None else self.end - time.time()


def prepare(settings: Settings, started: float, seconds: float | None = None) -> Prepared:
    """`seconds` are for the training alone, which a clock will end."""
    left = Left(settings.options.minutes, started, seconds)
    machine = find_machine(settings.platform)
    if not settings.options.resume:
        settings = adjusted(settings, left.seconds(), machine)
    args = platform_arguments(settings.platform)  # a wrong flag is refused before a text is read
    if settings.options.init_from is None:
        TinyGPTConfig(**settings.model)
    corpus = corpus_of(settings.options)
    for line in tokens.look_over(corpus, settings.trained_on):
        say(line)
    options = settings.options
    where = Path(machine.agreed(str(folder.choose(settings))))
    args.output_dir = str(where)
    checkpoint = find_checkpoint(where) if options.resume else None
    with args.main_process_first(desc="reading the text"):
        model, tokenizer, commit = make_model(settings, corpus, checkpoint)
        if options.examples == "chat" and not tokenizer.chat_template:
            tokenizer.chat_template = CHAT_TEMPLATE  # what it began from may have none
        window, batch = model.config.max_position_embeddings, args.per_device_eval_batch_size
        share = 0.1 if options.validation is None else options.validation
        source, split = tokens.make_examples(
            options.examples, corpus, tokenizer, window, share, batch, options.loss_on == "last"
        )
    parts = Parts(model, tokenizer, source, split)
    ready = Prepared(settings, args, where, corpus, parts, checkpoint, commit, started)
    choose_kernels(ready)
    count_steps(ready)
    if left.end is not None and not options.resume:
        fit_steps(ready, left, machine)
    if args.should_save and options.resume:
        folder.complete(where, ready.facts())
    elif args.should_save:
        folder.record(where, settings, args, ready.facts())
    return ready


def corpus_of(options: Options) -> Corpus:
    return open_corpus(
        options.data, options.corpus, options.text_column, options.made_by, options.newlines
    )


def adjusted(settings: Settings, seconds: float | None, machine: Machine) -> Settings:
    """Settings adjusted to the amount of text, and to a model that has learned before."""
    if settings.options.fit:
        flops = machine.agreed(machine.speed())
        settings = budget.fit(settings, corpus_of(settings.options).size(), seconds, flops)
    return settings if settings.options.init_from is None else gentler(settings)


def gentler(settings: Settings) -> Settings:
    """Settings for a model that has learned before: its own shape, smaller rates unless given."""
    shapes = (settings.given & set(model_fields())) - {"dropout"}
    if shapes:
        raise LoadError(
            f"--{min(shapes)} does not go with --init_from: that model has its own shape"
        )
    settings = copy.deepcopy(settings)
    for name in RATES:
        holder = settings.platform if name in settings.platform else vars(settings.options)
        if name not in settings.given and holder.get(name) is not None:
            holder[name] *= FINE_TUNED
    return settings


def find_checkpoint(run: Path) -> Path | None:
    found, torn = folder.last_whole(run)
    for line in torn:
        say(line)
    say(f"resuming from {found or 'the beginning: no checkpoint was saved yet'}")
    return found


# What a run is made of


def make_model(
    settings: Settings, corpus: Corpus, checkpoint: Path | None
) -> tuple[TinyGPTForCausalLM, PreTrainedTokenizerBase, str | None]:
    """A new one, one that has learned before, or that of a checkpoint."""
    options = settings.options
    set_seed(settings.platform.get("seed", TrainingArguments.seed))
    if checkpoint is not None:
        return *load(checkpoint), None
    if options.init_from is None:
        tokenizer = train_tokenizer(options, corpus)
        begins = options.examples == "lines" or corpus.many()
        return new_model(settings.model, tokenizer, begins), tokenizer, None
    model, tokenizer, commit = models.start_from(options.init_from)
    if "tokenizer" in settings.given:
        models.check_same_tokens(tokenizer, open_tokenizer(options.tokenizer))
    if "dropout" in settings.model:
        model = models.with_dropout(model, settings.model["dropout"])
    return model, tokenizer, commit


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


# How it is trained


def choose_kernels(ready: Prepared) -> None:
    """On a CPU eager attention trains faster than the sdpa kernel, in bf16 much faster. For little
    work a second thread costs more than it saves."""
    model, on_cpu = ready.parts.model, ready.args.device.type == "cpu"
    model.set_attn_implementation("eager" if on_cpu else "sdpa")
    if on_cpu and model.num_parameters() * ready.tokens_a_step < LITTLE:
        torch.set_num_threads(1)


def count_steps(ready: Prepared) -> None:
    """The data set is all passes in one: they are counted in steps, and what comes after each."""
    args, passes = ready.args, ready.parts.source.per_epoch / ready.examples_a_step
    for kind in ("logging", "eval", "save"):
        if getattr(args, f"{kind}_strategy") == IntervalStrategy.EPOCH:
            setattr(args, f"{kind}_strategy", IntervalStrategy.STEPS)
            setattr(args, f"{kind}_steps", max(1, round(passes)))
    if ready.parts.split is None:
        args.eval_strategy = IntervalStrategy.NO
    if args.max_steps <= 0:
        args.max_steps = max(1, round(args.num_train_epochs * passes))


def fit_steps(ready: Prepared, left: Left, machine: Machine) -> None:
    """As many steps as fit into the time, by the time of a few on a copy of the model."""
    args, often = ready.args, ready.args.eval_steps
    seconds = budget.for_steps(left.seconds() or 0.0)
    a_step, an_evaluation = time_steps(ready)
    if not evaluations_chosen(ready.settings):
        often = budget.how_often(seconds, an_evaluation)
    steps = budget.steps_within(seconds, a_step, an_evaluation, often)
    few = "; so few teach it little: give more --minutes" if steps < FEW else ""
    say(f"{1000 * a_step:.1f} ms a step: {steps} of them fit into the time{few}")
    if ready.settings.options.fit:  # more repeats would only learn the text by heart
        steps = min(steps, args.max_steps)
    if left.by_the_clock:
        steps *= BY_THE_CLOCK
    args.max_steps, args.eval_steps = machine.agreed(steps), machine.agreed(often)


def time_steps(ready: Prepared) -> tuple[float, float]:
    """Seconds of a step and of an evaluation, through the real loop."""
    short = copy.copy(ready.args)
    short.max_steps, short.report_to = TIMED, []
    short.eval_strategy, short.save_strategy = IntervalStrategy.NO, SaveStrategy.NO
    copied = ready.parts._replace(model=copy.deepcopy(ready.parts.model))
    trainer = make_trainer(ready.settings.options, short, *copied)
    a_step = trainer.time_steps()
    evaluates = ready.args.eval_strategy != IntervalStrategy.NO
    return a_step, trainer.time_evaluation() if evaluates else 0.0


def evaluations_chosen(settings: Settings) -> bool:
    """Whether a recipe or a flag says how often."""
    names = ("eval_steps", "eval_strategy")
    return any(
        name in settings.given or settings.platform.get(name) != PLATFORM_DEFAULTS[name]
        for name in names
    )
