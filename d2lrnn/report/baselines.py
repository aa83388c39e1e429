"""What simple guesses reach on a text: baselines for a model."""
import numpy as np
from d2lrnn.basics.measures import perplexity, unigram_perplexity
from d2lrnn.data.corpus import split
from d2lrnn.data.ngrams import ngram_probabilities

__all__ = ["GUESSES", "HELD_OUT", "baselines", "known_baselines",
           "parts_of"]

NGRAMS = ("unigram", "bigram", "trigram")
HELD_OUT = {guess: f"held_out_{guess}" for guess in NGRAMS}
GUESSES = ("uniform", *NGRAMS)  # from the worst to the best
LONGEST = 10 ** 7  # ids; to count n-grams takes about 60 bytes for each


def baselines(corpus, train_ids, held_out_ids=()):
    """Return a dict of the perplexities of guesses on the parts of a corpus.

    On the training text, they are those of its own frequencies: no model that
    sees the last character alone can be better there than "bigram". On the
    held-out text they are those of the smoothed n-grams of the training text,
    as in ``ngram_probabilities``. In a text of more than ten million ids, no
    n-grams are counted.
    """
    found = {"uniform": corpus.vocab_size}
    if len(corpus.corpus_indices) > LONGEST:
        return {**found, "unigram": unigram_perplexity(train_ids)}
    for keys, ids, smooth in ((NGRAMS, (), False),
                              (HELD_OUT.values(), held_out_ids, True)):
        if smooth and not len(ids):
            break
        found |= {key: perplexity(-np.log(p).mean()) for key, p in zip(
            keys, ngram_probabilities(train_ids, len(NGRAMS),
                                      corpus.vocab_size, ids, smooth),
            strict=True)}
    return found


def parts_of(corpus, histories, settings):
    """Return the ids that were trained on, and those held out, if any.

    The text was divided as ``fit`` does if an epoch was measured on held-out
    text, and ``settings`` say which share or ``Corpus`` it was.
    """
    if any("held_out_perplexity" in record
           for history in histories.values() for record in history):
        try:
            return split(corpus, settings.get("held_out"))[:2]
        except ValueError:  # another text was held out
            pass
    return corpus.corpus_indices, ()


def known_baselines(record):
    """Yield ``(guess, on the training text, on held-out text)``, best first.

    What is not known is None; a guess of which nothing is known is left out.
    """
    known = record["baselines"]
    for guess in reversed(GUESSES):
        values = known.get(guess), known.get(HELD_OUT.get(guess))
        if any(value is not None for value in values):
            yield guess, *values
