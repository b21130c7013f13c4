"""Your tiny GPT beside GPT-2, in the browser."""

import argparse
import os
from pathlib import Path


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--model",
        default=os.environ.get("TINYGPT_MODEL"),  # a Space has variables in the place of flags
        help="on the left: a run's folder, a shipped name or a Hub repo",
    )
    parser.add_argument(
        "--baseline",
        default=os.environ.get("TINYGPT_BASELINE"),
        help="on the right: any causal LM, or none (default GPT-2)",
    )
    parser.add_argument("--host", help="address to listen on (default: this machine alone)")
    parser.add_argument("--port", type=port, help="port to listen on (default: 7860 or the next)")
    parser.add_argument("--api-key", help="what clients of /v1 must send (or TINYGPT_API_KEY)")
    parser.add_argument("--share", action="store_true", help="a public link through gradio")
    return parser


def port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: 0 to 65535")
    return int(text)


def missing(name: str | None) -> bool:
    """Whether a folder of this machine is meant that is not there; runs/my, and not ada/my."""
    if name is None or "/" not in name:
        return False
    path = Path(name).expanduser()
    return (path.is_absolute() or path.parent.is_dir()) and not path.is_dir()


def main(argv: list[str] | None = None) -> int:
    parser = make_parser()
    arguments = parser.parse_args(argv)
    if missing(arguments.model):
        parser.error(f"--model {arguments.model}: there is no such folder")
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    # A table of the last 10,000 events, which it would draw up anew after each of them.
    os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "1")
    os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", "1000000000")
    import compare.engine.zerogpu  # noqa: F401 (before gradio, or a Space on ZeroGPU does not start)
    from compare import downloads
    from compare.lineup import lineup
    from compare.page import build_demo, launch
    from compare.v1.routes import routes

    roster = lineup(arguments.model, arguments.baseline)
    launch(
        build_demo(roster),
        [*routes(roster, arguments.api_key), *downloads.routes(roster)],
        server_name=arguments.host,
        server_port=arguments.port,
        share=arguments.share,
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
