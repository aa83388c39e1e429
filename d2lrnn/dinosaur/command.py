"""The command of the model of names: train or load it, and print names."""
import argparse
import sys
import warnings

from d2lrnn.basics.streams import unprinted
from d2lrnn.dinosaur.checks import check_invent
from d2lrnn.dinosaur.data import load_names, vocabulary
from d2lrnn.dinosaur.files import check_save, load, save
from d2lrnn.dinosaur.network import invent, model

__all__ = ["main", "run"]


def main(argv=None):
    """Train or load a model, and print invented names."""
    parser = argparse.ArgumentParser(
        prog="python -m d2lrnn.dinosaur",
        description="Invent names with a recurrent network in NumPy.")
    add = parser.add_argument
    add("--iterations", type=int, help="names to learn from (35000)")
    add("--names", type=int, default=7, metavar="N", help="how many to print")
    add("--seed", type=int, default=0, help="another one, other names")
    add("--temperature", type=float, default=1.0,
        help="below 1 likelier names, above 1 wilder ones")
    add("--list", metavar="FILE", help="your own names, one a line")
    add("--save", metavar="FILE", help="keep the trained model")
    add("--load", metavar="FILE", help="print names of a kept model")
    args = parser.parse_args(argv)
    if args.load and (args.save or args.iterations is not None):
        parser.error("--load trains no more: leave out --iterations and "
                     "--save")
    try:
        run(args)
        if sys.stdout:  # None if stdout is closed
            sys.stdout.flush()
    except OSError as error:
        sys.exit(unprinted(error) or str(error))
    except ValueError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("stopped")


def run(args):
    """Run the command with these arguments."""
    # first, so that a wrong option is found before the training
    check_invent(args.seed, args.temperature, args.names)
    if args.save:
        check_save(args.save)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        names, source = load_names(args.list)
    for warning in caught:
        print(warning.message, file=sys.stderr)
    print(f"names: {source}\n")
    if args.load:
        parameters, ix_to_char, char_to_ix = load(args.load)
    else:
        ix_to_char, char_to_ix = vocabulary(names)
        parameters = model(names, ix_to_char, char_to_ix,
                           35000 if args.iterations is None
                           else args.iterations, vocab_size=len(char_to_ix))
    for name, kind in invent(parameters, ix_to_char, char_to_ix, names,
                             args.names, seed=args.seed,
                             temperature=args.temperature):
        print(f"{name:<30} {kind}")
    if args.save:
        save(args.save, parameters, ix_to_char)
        print(f"\nsaved: {args.save}")
