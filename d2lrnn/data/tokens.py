"""Cut a text, or a prefix, into tokens, and spell tokens as a text."""
import re

from d2lrnn.basics.checks import check_choice, check_numbers, shown

__all__ = ["EOS", "UNKNOWN", "check_level", "check_prefix", "check_text",
           "check_tokens", "is_of_words", "level_of", "prefix_tokens",
           "spelled", "tokenize", "unit_of", "units_of"]

# at the levels "char" and "word", no text yields these: tokenize cuts <unk>
# into <, unk, >
UNKNOWN, EOS = "<unk>", "<eos>"
LEVELS = ("char", "word", "split")
IDEOGRAPH = ("\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
             "\U00020000-\U0003ffff")
WORDS = re.compile(rf"[{IDEOGRAPH}]|[^\W{IDEOGRAPH}]+|\W")


def tokenize(text: str, level: str) -> list[str]:
    r"""Cut a text into tokens, a list of str.

    At level "char" each character is a token. At level "word" a run of
    letters, digits and underscores is one token, and so is each CJK ideograph
    and every other character. Joined, these tokens give the text. At level
    "split" the words between white space are the tokens, and "<eos>" stands
    for each line end; this is how the Penn Treebank is read. Raise
    ``ValueError`` for any other level.

    >>> tokenize("Dr. Wu 走了", "word")
    ['Dr', '.', ' ', 'Wu', ' ', '走', '了']
    >>> tokenize("Dr. Wu 走了\n", "split")
    ['Dr.', 'Wu', '走了', '<eos>']
    """
    check_text(text, "the text")
    if check_level(level) == "char":
        return list(text)
    if level == "word":
        return WORDS.findall(text)
    return text.replace("\n", f" {EOS} ").split()


def spelled(token, level):
    r"""Return a token as it is written in a text of this level.

    >>> "".join(spelled(token, "split") for token in ["to", "be", "<eos>"])
    ' to be\n'
    >>> spelled("to", "word")
    'to'
    """
    if level != "split":
        return token
    return "\n" if token == EOS else f" {token}"


def unit_of(level):
    """Return what a token is called in messages.

    >>> unit_of("char"), unit_of("split")
    ('char', 'word')
    """
    return "word" if level == "split" else level


def units_of(level):
    """Return what a text consists of, in messages.

    >>> units_of("char"), units_of("split")
    ('characters', 'words')
    """
    return "characters" if level == "char" else "words"


def check_level(level):
    """Return a level, or raise a ``ValueError`` that lists the levels."""
    return check_choice("level", level, LEVELS)


def check_text(text, source):
    """Raise ``ValueError`` for a text that is not a str or not valid UTF-8."""
    if not isinstance(text, str):
        raise ValueError(f"the text is {shown(text)}: give a str")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{source} has a lone surrogate, {text[error.start]!r}, at place "
            f"{error.start}, which is not a character: take it out") from None


def is_of_words(vocabulary):
    """Return whether a vocabulary consists of words.

    It does if it has a word of two letters or more.

    >>> is_of_words(["<unk>", "a", "b"]), is_of_words({" ": 0, "be": 1})
    (False, True)
    """
    return any(len(token) > 1 and WORDS.fullmatch(token)
               for token in vocabulary)


def level_of(vocabulary):
    """Return the level at which a text is cut into tokens of a vocabulary.

    A vocabulary with "<eos>" is of level "split", as no other level has it.

    >>> level_of(["a", "b"]), level_of(["to", " ", "be"])
    ('char', 'word')
    >>> level_of(["<eos>", "<unk>", "be", "to"])
    'split'
    """
    if EOS in vocabulary:
        return "split"
    return "word" if is_of_words(vocabulary) else "char"


def prefix_tokens(prefix, char_to_idx):
    """Return a prefix as a list of tokens of a vocabulary.

    A str is cut at the level of the vocabulary, into words or characters; a
    list of tokens is taken as it is.

    >>> prefix_tokens("to be", {" ": 0, "be": 1, "to": 2})
    ['to', ' ', 'be']
    >>> prefix_tokens("to", {"o": 0, "t": 1})
    ['t', 'o']
    """
    if isinstance(prefix, str):
        return tokenize(prefix, level_of(char_to_idx))
    if isinstance(prefix, (list, tuple)) and all(
            isinstance(token, str) for token in prefix):
        return list(prefix)
    raise ValueError(f"prefix is {shown(prefix)}: it must be a str, or a list "
                     f"of the vocabulary's tokens")


def check_prefix(prefix: str | list[str] | tuple[str, ...], num_chars: int,
                 char_to_idx: dict[str, int]) -> None:
    """Raise ``ValueError`` for an unusable prefix or length.

    >>> check_prefix("axb", 5, {"a": 0, "b": 1})
    Traceback (most recent call last):
    ValueError: the prefix 'axb' has characters that the vocabulary of 2
        lacks ('x'): use characters of the training text
    """
    check_numbers(num_chars=num_chars)
    if not isinstance(char_to_idx, dict):
        raise ValueError(f"char_to_idx is {shown(char_to_idx)}: give the dict "
                         f"of the training text's corpus")
    check_tokens(prefix_tokens(prefix, char_to_idx), char_to_idx)


def check_tokens(tokens, char_to_idx):
    """Raise ``ValueError`` if there are no tokens, or unknown ones."""
    if not tokens:
        raise ValueError("the prefix is empty: begin with one character or "
                         "more of the training text")
    unknown = [token for token in dict.fromkeys(tokens)
               if token not in char_to_idx]
    if unknown:
        level = level_of(char_to_idx)
        what = units_of(level)
        text = "".join(spelled(token, level) for token in tokens)
        some = ", ".join([*map(shown, unknown[:9]), "..."][:len(unknown)])
        raise ValueError(
            f"the prefix {shown(text)} has {what} that the "
            f"vocabulary of {len(char_to_idx)} lacks ({some}): use {what} of "
            f"the training text")
