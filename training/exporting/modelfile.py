"""The Modelfile of a GGUF: how Ollama runs it."""

from transformers import PreTrainedTokenizerBase

from tinygpt_hf.tokenization import CHAT_TEMPLATE

# Our chat template, in the language of Ollama's templates.
CHAT = """\
{{- range .Messages }}<|{{ .Role }}|>{{ .Content }}\
{{ if eq .Role "assistant" }}<|endoftext|>{{ end }}{{ end }}<|assistant|>"""


def modelfile(weights: str, tokenizer: PreTrainedTokenizerBase, window: int) -> str:
    lines = [f"FROM ./{weights}"]
    if not tokenizer.chat_template:
        lines.append('TEMPLATE """{{ .Prompt }}"""')
    elif tokenizer.chat_template == CHAT_TEMPLATE:
        lines.append(f'TEMPLATE """{CHAT}"""')
    # Any other template: Ollama takes the one in the GGUF.
    lines.append(f"PARAMETER num_ctx {window}")
    if tokenizer.eos_token is not None:
        lines.append(f'PARAMETER stop "{tokenizer.eos_token}"')
    lines += ["PARAMETER temperature 0.8", "PARAMETER top_k 50"]
    return "\n".join(lines) + "\n"
