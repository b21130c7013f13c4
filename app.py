"""Your tiny GPT beside GPT-2, in the browser: python app.py [--model MODEL] [--baseline MODEL|none]"""

import argparse


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=7860, help="port to listen on")
    parser.add_argument("--share", action="store_true", help="a public link through gradio")
    return parser


def main(argv: list[str] | None = None) -> int:
    arguments = make_parser().parse_args(argv)
    from compare.demo import pair
    from compare.page import build_demo

    demo = build_demo(*pair())
    demo.launch(server_name=arguments.host, server_port=arguments.port, share=arguments.share)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
