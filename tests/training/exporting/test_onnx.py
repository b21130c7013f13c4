"""ONNX Runtime computes what the model computes: any batch, any length, with a cache or without."""

import numpy as np
import pytest
import torch

from tests.tinygpt_hf.shapes import ALL
from training.export import main
from training.exporting.onnx import NAMES, PLAIN, WITH_PAST, empty_past, past_names

from .models import char, fitting, folder

for package in ("onnx", "onnxscript"):
    pytest.importorskip(package)
ort = pytest.importorskip("onnxruntime")

SHAPES = [s if s == "modern" else pytest.param(s, marks=pytest.mark.slow) for s in ALL]


@pytest.fixture(scope="module", params=SHAPES)
def pair(request, tmp_path_factory):
    """A model, and where its export is."""
    path = tmp_path_factory.mktemp(request.param.replace(" ", "-"))
    tokenizer = char()
    one = {"num_hidden_layers": 1} if request.param == "modern" else {}  # tracing takes long
    model = fitting(request.param, tokenizer, **one)
    source = folder(path / "mine", model, tokenizer)
    assert main([str(source), "--to", "onnx", "--output", str(path / "out")]) == 0
    return model, path / "out"


def some(model, rows, length, padding=0):
    ids = torch.randint(0, model.config.vocab_size, (rows, length), generator=torch.manual_seed(1))
    mask = torch.ones_like(ids)
    mask[0, :padding] = 0
    return ids.numpy(), mask.numpy()


@torch.no_grad()
def reference(model, ids, mask):
    inputs = {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask)}
    return model(**inputs, use_cache=False).logits.numpy()


def close(ours, theirs, mask):
    """To 1e-4, or 1e-5 of the largest where there is no norm and they grow to 60 and more."""
    real = mask.astype(bool)
    return np.abs(ours - theirs)[real].max() < max(1e-4, 1e-5 * np.abs(theirs[real]).max())


def read(session, model, ids, mask, sizes):
    """Logits of a text that is read in pieces, each over the cache of those before."""
    past, found, begin = empty_past(model, len(ids)), [], 0
    for size in sizes:
        end = begin + size
        given = dict(zip(NAMES, (ids[:, begin:end], mask[:, :end]), strict=True))
        logits, *past = session.run(None, given | dict(zip(past_names(model), past, strict=True)))
        found.append(logits)
        begin = end
    return np.concatenate(found, axis=1)


def test_without_a_cache(pair):
    model, out = pair
    window = model.config.max_position_embeddings
    session = ort.InferenceSession(out / PLAIN)
    for rows, length, padding in ((1, 1, 0), (1, window, 0), (4, 3, 2), (7, window, window - 1)):
        ids, mask = some(model, rows, length, padding)
        (ours,) = session.run(None, dict(zip(NAMES, (ids, mask), strict=True)))
        assert close(ours, reference(model, ids, mask), mask)


def test_with_a_cache(pair):
    """From an empty one, token by token and in larger pieces, padded and not."""
    model, out = pair
    if not model.config.num_hidden_layers:
        assert not (out / WITH_PAST).exists()
        return
    window = model.config.max_position_embeddings
    session = ort.InferenceSession(out / WITH_PAST)
    for rows, sizes, padding in ((1, [1] * window, 0), (3, [2, 1, 1], 2), (2, [window], 1)):
        ids, mask = some(model, rows, sum(sizes), padding)
        assert close(read(session, model, ids, mask, sizes), reference(model, ids, mask), mask)


def test_past_the_window_it_is_right_or_an_error(pair):
    """Never other words: what slides by its mask goes on, what has no positions left stops."""
    model, out = pair
    window = model.config.max_position_embeddings
    ids, mask = some(model, 2, window + 3)
    plain = ort.InferenceSession(out / PLAIN)
    runs = {"plain": lambda: plain.run(None, dict(zip(NAMES, (ids, mask), strict=True)))[0]}
    if (out / WITH_PAST).exists():
        session = ort.InferenceSession(out / WITH_PAST)
        sizes = [window - 1, 1, 1, 1, 1]
        runs["with past"] = lambda: read(session, model, ids, mask, sizes)
    for name, run in runs.items():
        try:
            ours = run()
        except Exception:  # ONNX Runtime's errors are one class each
            continue
        assert not model.config.slides_by_recomputing, name
        assert close(ours, reference(model, ids, mask), mask), name


def test_what_the_runtime_computes_otherwise_is_refused(tmp_path, monkeypatch, capsys):
    """The exporter runs its own files."""
    from training.exporting import onnx

    monkeypatch.setattr(onnx, "theirs", lambda model, ids, mask: reference(model, ids, mask) + 0.01)
    source = folder(tmp_path / "mine", fitting("bigram", char()), char())
    assert main([str(source), "--to", "onnx", "--output", str(tmp_path / "out")]) == 1
    assert "ONNX Runtime's logits are" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
