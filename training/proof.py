"""Does a published model load for a stranger? Run in a process of its own, as a file, without the project on its path.

Reads what to prove from standard input: {"repo_id", "commit", "folder", "sha256": {path: hash}}. Downloads that commit
into an empty cache, compares every byte, loads tokenizer and model by transformers alone, from the Hub and from the
folder, and compares what they answer. The last line it writes is {"differs": null}, or what differs.
"""

import hashlib
import json
import sys
from pathlib import Path

TEXT = "The quick brown fox: 0123, é, 漢字 🙂\n\tjumps  over"


def main() -> int:
    asked = json.load(sys.stdin)
    sys.stdout.write(json.dumps({"differs": difference(**asked)}) + "\n")
    return 0


def difference(repo_id: str, commit: str, folder: str, sha256: dict[str, str]) -> str | None:
    from huggingface_hub import snapshot_download

    there = Path(snapshot_download(repo_id, revision=commit))
    for name, expected in sha256.items():
        if hashlib.sha256((there / name).read_bytes()).hexdigest() != expected:
            return f"{name} came back changed"
    return _answers_differ(repo_id, commit, folder)


def _answers_differ(repo_id: str, commit: str, folder: str) -> str | None:
    import torch
    from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(1)  # so that both sides add up in the same order
    answers = []
    for where in (
        {"pretrained_model_name_or_path": folder},
        {"pretrained_model_name_or_path": repo_id, "revision": commit},
    ):
        where["trust_remote_code"] = (Path(folder) / "modeling_tinygpt.py").exists()
        tokenizer = AutoTokenizer.from_pretrained(**where)
        model = AutoModelForCausalLM.from_pretrained(**where, use_safetensors=True).eval()
        AutoModel.from_pretrained(**where, use_safetensors=True)
        ids = _ids(tokenizer, model.config.vocab_size)
        with torch.no_grad():
            answers.append((ids, model(torch.tensor([ids])).logits))
    (ids, logits), (ids_there, logits_there) = answers
    if ids != ids_there:
        return "its tokenizer reads text differently"
    if not torch.isfinite(logits).all():
        return "its logits are not numbers"
    return None if torch.equal(logits, logits_there) else "its logits differ"


def _ids(tokenizer, size: int) -> list[int]:
    """Some text in tokens; a closed vocabulary that cannot read it answers for its first tokens instead."""
    try:
        ids = tokenizer(TEXT)["input_ids"]
    except Exception:  # a bare Exception is what the tokenizers library raises
        ids = []
    return ids[:32] or list(range(min(size, 4)))


if __name__ == "__main__":
    sys.exit(main())
