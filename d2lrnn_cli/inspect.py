"""``d2lrnn inspect``: show the contents of a model's file."""
from d2lrnn_cli.arguments import ModelPath

__all__ = ["description", "inspect"]


def inspect(model: ModelPath):
    """Show what a model's file contains."""
    print(description(model))


def description(path):
    """Return a description of the settings and arrays in a model's file."""
    from d2lrnn.export import model_file
    from d2lrnn.models.checkpoint import read
    path = model_file(path)
    arrays, metadata = read(path)
    weights = {name.removeprefix("model."): array for name, array
               in arrays.items() if name.startswith("model.")}
    vocabulary = metadata["idx_to_char"] or []
    shown = " ".join(map(repr, vocabulary[:12]))
    rows = {"model": metadata["class"], **metadata["model"],
            "level": metadata["level"],
            "vocabulary": f"{len(vocabulary):,}: {shown}"
                          f"{' ...' if len(vocabulary) > 12 else ''}",
            "parameters": f"{sum(a.size for a in weights.values()):,}",
            "bytes": f"{path.stat().st_size:,}"}
    if training := metadata.get("training"):
        rows |= {"trained": f"{len(training['history'])} epochs, "
                            f"{training['step']:,} steps",
                 **training["settings"]}
    lines = [f"{name:<18}{value}" for name, value in rows.items()]
    lines += ["", *(f"{name:<30}{' x '.join(map(str, array.shape))}"
                    for name, array in sorted(weights.items()))]
    return "\n".join(lines)
