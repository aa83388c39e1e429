"""``d2lrnn export``: take a model to other programs."""
from pathlib import Path
from typing import Annotated

from typer import Option

from d2lrnn_cli.arguments import ModelPath, to_path

__all__ = ["export"]


def export(
        model: ModelPath,
        to: Annotated[str, Option(
            metavar="FORMAT", help="onnx: one file for ONNX Runtime and the "
            "like. torch: a folder for PyTorch, with a script that writes "
            "text. page: a page for the browser.")],
        out: Annotated[Path | None, Option(
            metavar="PATH", parser=to_path, show_default="beside the model",
            help="New file or folder to write.")] = None):
    """Export a model to ONNX, PyTorch or a page; print the path."""
    import d2lrnn as d2l
    print(d2l.export(model, to, out))
