"""A file that is fetched is kept in 16 bits, number by number as torch rounds them."""

import base64

import pytest
import torch
from safetensors.torch import load, save_file

from .node import RefusedError, ask

PIECES = [[1, 2, 3, 5, 7, 1000], [100_000], [13], [7, 64, 1]]


def numbers() -> torch.Tensor:
    """Of every size that 16 bits know, half-way between two of them, and none at all."""
    generator = torch.manual_seed(1)
    bits = torch.randint(0x33000000, 0x477FF000, (5000,), dtype=torch.int32, generator=generator)
    near = (bits >> 13 << 13) + 0x1000  # exactly between two
    some = torch.cat([bits, near, torch.tensor([0, 1, 0x7F800000, 0x7FC00000], dtype=torch.int32)])
    found = some.view(torch.float32)
    return torch.cat([found, -found])


def kept(folder, sizes) -> dict[str, torch.Tensor]:
    (answer,) = ask(folder, {"ask": "halve", "sizes": sizes})
    if isinstance(answer, RefusedError):
        raise answer
    return load(base64.b64decode(answer))


@pytest.mark.parametrize("sizes", PIECES)
def test_every_number_is_rounded_as_torch_rounds_it(tmp_path, sizes):
    tensors = {"a": numbers(), "b": torch.randn(3, 5)}
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    found = kept(tmp_path, sizes)
    for name, tensor in tensors.items():
        assert torch.equal(found[name].view(torch.int16) & 0x7FFF > 0x7C00, tensor.isnan())
        torch.testing.assert_close(found[name], tensor.half(), rtol=0, atol=0, equal_nan=True)


def test_a_file_that_is_not_of_32_bits_stays_as_it_is(tmp_path):
    tensors = {"a": torch.randn(4).half(), "b": torch.randn(3, 5)}
    save_file(tensors, tmp_path / "model.safetensors")
    (answer,) = ask(tmp_path, {"ask": "halve", "sizes": [9, 50]})
    assert base64.b64decode(answer) == (tmp_path / "model.safetensors").read_bytes()


@pytest.mark.parametrize("content", [b"", b"\x05", b"\xff" * 40, b"\x04" + b"\0" * 7 + b"nope" * 3])
def test_what_is_no_such_file_stays_as_it_is(tmp_path, content):
    (tmp_path / "model.safetensors").write_bytes(content)
    (answer,) = ask(tmp_path, {"ask": "halve", "sizes": [3]})
    assert base64.b64decode(answer) == content


def test_a_number_that_16_bits_cannot_hold_is_said(tmp_path):
    save_file({"a": torch.tensor([1.0, 65519.0, 65520.0])}, tmp_path / "model.safetensors")
    with pytest.raises(RefusedError, match="needs more than 16 bits"):
        kept(tmp_path, [11])
