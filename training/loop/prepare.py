"""Everything that is there before the first step: text, model, examples, and how many steps."""

import copy
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from accelerate.utils import broadcast_object_list
from transformers import TrainerCallback, TrainingArguments, set_seed
from transformers.integrations import get_available_reporting_integrations
from transformers.trainer_utils import IntervalStrategy

from tinygpt_hf import TinyGPTForCausalLM
from tinygpt_hf.loading import LoadError, load
from training.data.corpus import open_corpus
from training.data.examples import Examples
from training.loop import budget, checkpoints, folder, models, parts
from training.loop.arguments import Settings, model_fields
from training.loop.callbacks import say
from training.loop.plan import speed
from training.loop.trainer import TinyTrainer

FINE_TUNED = 0.2  # of the recipe's learning rates: what is known already should not be undone
RATES = ("learning_rate", "muon_learning_rate", "embedding_learning_rate")
T = TypeVar("T")


class Prepared:
    """A run that could begin: `trainer` makes its Trainer."""

    def __init__(self, settings: Settings, started: float):
        self.settings, self.started = settings, started
        self.corpus = open_corpus(settings.options)
        self.args = platform_arguments(settings.platform)
        if not settings.options.resume:
            self.settings = self.adjusted()
            self.args = platform_arguments(self.settings.platform)
        self.options = self.settings.options
        self.folder = Path(self.agreed(str(folder.choose(self.settings))))
        self.args.output_dir = str(self.folder)
        self.checkpoint = find_checkpoint(self.folder) if self.options.resume else None
        self.commit: str | None = None  # of the model that this one starts from
        with self.args.main_process_first(desc="reading the text"):
            self.model, self.tokenizer = self.make_model()
            self.source, self.split = parts.make_examples(
                self.options,
                self.corpus,
                self.tokenizer,
                self.model.config.max_position_embeddings,
                self.args.per_device_eval_batch_size,
            )
        if self.split is None:
            self.args.eval_strategy = IntervalStrategy.NO
        self.choose_threads()
        self.count_passes()
        self.args.max_steps = self.count_steps()
        if self.args.should_save and not self.options.resume:
            folder.record(self.folder, self.settings, self.args)

    def adjusted(self) -> Settings:
        """To the amount of text, and to a model that has learned before."""
        settings = self.settings
        if settings.options.fit:
            flops = self.agreed(speed(self.args.device, self.args.bf16))
            settings = budget.fit(settings, self.corpus.size(), self.seconds_left(), flops)
        if settings.options.init_from is not None:
            settings = gentler(settings)
        return settings

    def agreed(self, value: T) -> T:
        """The first process's, where several train together."""
        box = [value]
        if self.args.world_size > 1:
            broadcast_object_list(box)
        return box[0]

    def seconds_left(self) -> float | None:
        minutes = self.settings.options.minutes
        return None if minutes is None else 60 * minutes - (time.time() - self.started)

    def make_model(self) -> tuple[TinyGPTForCausalLM, Any]:
        options = self.options
        set_seed(self.args.seed)
        if self.checkpoint is not None:
            model, tokenizer = load(self.checkpoint)
        elif options.init_from is not None:
            model, tokenizer, self.commit = models.start_from(options.init_from)
            if "tokenizer" in self.settings.given:
                parts.check_same_tokens(tokenizer, parts.open_tokenizer(options.tokenizer))
            if "dropout" in self.settings.model:
                model = models.with_dropout(model, self.settings.model["dropout"])
        else:
            tokenizer = parts.train_tokenizer(options, self.corpus)
            begins = options.examples == "lines" or self.corpus.many()
            model = parts.new_model(self.settings.model, tokenizer, begins)
        # On a CPU the plain products train faster than the sdpa kernel, in bf16 by far.
        on_cpu = self.args.device.type == "cpu"
        model.set_attn_implementation("eager" if on_cpu else "sdpa")
        return model, tokenizer

    def choose_threads(self) -> None:
        """Below about a millisecond of work a step, a second thread costs more than it brings."""
        work = self.model.num_parameters() * self.tokens_a_step
        if self.args.device.type == "cpu" and work < 2e7:
            torch.set_num_threads(1)

    def count_passes(self) -> None:
        """The data set is all passes in one: what is to happen after each is counted in steps."""
        steps = max(1, round(self.source.per_epoch / self.examples_a_step))
        for kind in ("logging", "eval", "save"):
            if getattr(self.args, f"{kind}_strategy") == IntervalStrategy.EPOCH:
                setattr(self.args, f"{kind}_strategy", IntervalStrategy.STEPS)
                setattr(self.args, f"{kind}_steps", steps)

    def count_steps(self) -> int:
        """As given, or from passes over the text, or from a short timing."""
        args, options, seconds = self.args, self.options, self.seconds_left()
        updates = args.num_train_epochs * self.source.per_epoch / self.examples_a_step
        given = args.max_steps if args.max_steps > 0 else max(1, round(updates))
        if seconds is None or options.resume:
            return given
        chosen = bool({"eval_steps", "eval_strategy"} & self.settings.platform.keys())
        steps, often = budget.within(seconds, self.trainer, args, chosen)
        steps, args.eval_steps = self.agreed(steps), self.agreed(often)
        # More repeats than the text bears would only be learned by heart.
        return min(steps, given) if options.fit else steps

    @property
    def examples_a_step(self) -> int:
        args = self.args
        return args.train_batch_size * args.gradient_accumulation_steps * args.world_size

    @property
    def tokens_a_step(self) -> float:
        return self.examples_a_step * self.source.tokens_per_example

    def trainer(
        self,
        args: TrainingArguments,
        callbacks: Sequence[TrainerCallback],
        model: TinyGPTForCausalLM | None = None,
    ) -> TinyTrainer:
        """For the run; or, without a model, for timing on a copy of it."""
        options = self.options
        return TinyTrainer(
            model=model or copy.deepcopy(self.model),
            args=args,
            tokenizer=self.tokenizer,
            examples=Examples(self.source, args.max_steps * self.examples_a_step, args.seed),
            split=self.split,
            muon=options.muon_learning_rate,
            momentum=options.muon_momentum,
            embedding=options.embedding_learning_rate,
            callbacks=list(callbacks),
        )


def find_checkpoint(run: Path) -> Path | None:
    found, torn = checkpoints.last_whole(run)
    for line in torn:
        say(line)
    say(f"going on from {found or 'the beginning: no checkpoint was saved yet'}")
    return found


def gentler(settings: Settings) -> Settings:
    """For a model that has learned before: its own shape, smaller rates unless given."""
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


def platform_arguments(values: dict[str, Any]) -> TrainingArguments:
    """TrainingArguments with our defaults, and bf16 where the machine multiplies it faster."""
    if values.get("hub_token"):  # it would be written into the run's folder
        raise ValueError("--hub_token is not taken: set HF_TOKEN, or `hf auth login`")
    values = {"use_cpu": not torch.accelerator.is_available()} | values
    on_gpu = torch.cuda.is_available() and not values["use_cpu"]
    values.setdefault("dataloader_pin_memory", on_gpu)
    if not values.get("fp16"):
        fast = torch.cuda.is_bf16_supported() if on_gpu else values["use_cpu"] and cpu_has_bf16()
        values.setdefault("bf16", fast)
    args = TrainingArguments(output_dir=".", **values)
    for name in args.report_to:
        if name not in get_available_reporting_integrations():
            raise ValueError(f"--report_to {name}: it is not installed (pip install {name})")
    return args


def cpu_has_bf16() -> bool:
    # The public torch.cpu.get_capabilities is younger than the oldest torch that we take.
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
