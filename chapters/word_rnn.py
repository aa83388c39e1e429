# %% [markdown]
# # Words
#
# The models so far write character by character. They spend most of their
# steps on letters that anyone could guess, and have to spell one word to its
# end before they can choose the next. What changes if the model predicts
# whole words instead?
#
# After this lesson you can
#
# * cut a text into words, and say what `<unk>` and `<eos>` stand for;
# * share one matrix between the embedding and the output layer, and say what
#   that saves;
# * compare a model of words with a model of characters in bits a character,
#   and say why their perplexities cannot be compared.
#
# It needs [the char-RNN](char_rnn.py) and
# [regularisation](regularisation.py), and takes about two minutes on two
# cores, with the short text of this page. The letters are those of the
# [notation](/notation.md), except that $V$ is the size of the vocabulary and
# $d$ that of an embedding.

# %%
import d2lrnn as d2l  # before mxnet
import numpy as np

seed = 1
d2l.seed(seed)
ctx = d2l.try_gpu()
corpus, valid, test = d2l.load_ptb()
for part in (corpus, valid, test):
    print(f"{part.source}: {len(part.corpus_indices):,} words")

# %% [markdown]
# ## The Penn Treebank
#
# Models of words have been compared on the same text since about 2011:
# articles of the *Wall Street Journal*, prepared by Mikolov et al., in three
# parts: 930,000 words to train on, 74,000 to choose by (validation), and
# 82,000 to test on. Everything is in lower case, without punctuation; every
# number is `N`; and only the 10,000 most frequent words are kept, while all
# others are replaced by `<unk>`, for *unknown*.
#
# *The outputs on this page are of another text.* Where the Treebank cannot be
# downloaded, the sonnets that ship with the package take its place. They are
# prepared in the same way: lower case, no punctuation, and `<unk>` for every
# word that does not occur at least twice in the training part. That part
# begins, as the model reads it:

# %%
vocab_size = corpus.vocab_size
print([corpus.idx_to_char[i] for i in corpus.corpus_indices[:24]])
counts = np.bincount(corpus.corpus_indices, minlength=vocab_size)
print(f"{vocab_size:,} distinct words, half of them at most "
      f"{int(np.median(counts))} times in the text")

# %% [markdown]
# White space separates the words, and `<eos>` stands for the end of a line.
# It is a word like any other: the model has to say where a sentence ends, too
# (here, a line of verse). The names of the code stay as they were:
# `idx_to_char` is now a list of words. Two things are new, compared with
# characters.
#
# *There is always another word.* A new text in English has no new letters,
# but it has new words, and a model can only predict what is in its
# vocabulary. `<unk>` stands for all others. The model learns how likely
# *some* rare word is, never which one, and it is never asked for the
# probability of the word itself.
#
# *Spaces have to be put back.* Characters are joined to a text as they are;
# words need a rule. Each gets a space before it, and `<eos>` becomes the end
# of a line. (The package calls this level of tokens "split".)


# %%
EOS, known = "<eos>", set(corpus.idx_to_char)
text = "the wheel still counts\nand the baker sings\n"
words = text.replace("\n", f" {EOS} ").split()
print([word if word in known else "<unk>" for word in words])


def spelled(token, level):
    if level != "split":
        return token
    return "\n" if token == EOS else f" {token}"


line = corpus.corpus_indices[:10]
print("".join(spelled(corpus.idx_to_char[i], "split") for i in line))
shares = [np.mean(part.corpus_indices == corpus.char_to_idx["<unk>"])
          for part in (corpus, valid, test)]
print("<unk>:", ", ".join(f"{share:.1%}" for share in shares))

# %% [markdown]
# On this small text, a quarter of the words in the other two parts are
# `<unk>`. On the Penn Treebank it is about one in twenty.

# %% [markdown]
# ## What counting reaches
#
# As with [characters](language_models.py), counting sets the marks to beat,
# with the smoothing of that lesson: the perplexity of the test part if all
# words are equally likely, if each is guessed from its frequency, and if it
# is guessed from the one or two words before it.

# %%
print(f"uniform: {vocab_size:,}")
for n in (1, 2, 3):
    perplexity = d2l.ngram_perplexity(corpus.corpus_indices, n, vocab_size,
                                      test.corpus_indices)
    print(f"{n}-grams: {perplexity:.1f}")

# %% [markdown]
# On the sonnets 3-grams are worse than 2-grams. Most triples of words in a
# new text were never counted, and after a pair that was counted once, at
# least half of the probability goes to the one word that followed it. A model
# that gives similar vectors to words that are used alike can do better.

# %% [markdown]
# ## The model, and one matrix instead of two
#
# The char-RNN reads ids and scores ids; it makes no difference that these are
# words. What changes is where most of its weights are. With $V$ words,
# embeddings of $d$ numbers and $h$ units, the embedding
# $\mathbf{E} \in \mathbb{R}^{V \times d}$ and the output layer
# $\mathbf{W}_{hq} \in \mathbb{R}^{h \times V}$ grow with the vocabulary. With
# 10,000 words and a few hundred units they are most of the model.
#
# ```{figure} /figures/tied.svg
# :name: fig-tied
# :alt: One matrix E gives a row to the state, and is multiplied by the state.
#
# One matrix at both ends. The word that is read picks a row; the state is
# multiplied by every row, and each product is a word's score.
# ```
#
# Both hold a vector for each word. In the embedding it says what the word
# does to the state when it is read. In the output layer it is multiplied by
# the state and, with a bias added, gives the word's score. So let them be
# one, $\mathbf{W}_{hq} = \mathbf{E}^\top$ (*tied weights*, Press and Wolf
# 2017, {numref}`fig-tied`), with $d = h$:
#
# $$\mathbf{Y}_t = \mathbf{H}_t \mathbf{E}^\top + \mathbf{b}_q.$$
#
# With two matrices, a row of the embedding is trained only where its word is
# read. A shared row is trained at every step, as every word gets a score. And
# fewer weights can learn less by heart. (The initial weights differ, too:
# those of a separate embedding have a standard deviation of 1, those of a
# shared one are small, as in an output layer. So this is not a test of tying
# alone.)


# %%
settings = {"lr": 1e-2, "schedule": "one_cycle", "batch_size": 10,
            "num_steps": 20, "held_out": valid, "seed": seed, "ctx": ctx,
            "num_epochs": d2l.epochs(max(2, round(
                2e5 / len(corpus.corpus_indices))))}
histories, sizes = {}, {}


def perplexity_on(model, part):  # without dropout
    losses, _ = d2l.evaluate(model, part.corpus_indices[:100_000], 1)
    return np.exp(losses.mean())


for label, tied in (("two matrices", False), ("one matrix", True)):
    model = d2l.CharRNN(vocab_size, 100, 100, 1, dropout=0.5,
                        tie_weights=tied)
    history = histories[label] = d2l.fit(model, corpus, **settings)
    shapes = [p.shape for p in model.collect_params().values()]
    sizes[label] = sum(map(np.prod, shapes))
    by_word = sum(np.prod(shape) for shape in shapes
                  if shape[0] == vocab_size)
    best = min(record["held_out_perplexity"] for record in history)
    print(f"{label}: {sizes[label]:,} parameters, {by_word:,} in E, W_hq and "
          f"b_q; validation at best {best:.1f}; at the end training "
          f"{perplexity_on(model, corpus):.1f}, test "
          f"{perplexity_on(model, test):.1f}")
assert sizes["two matrices"] - sizes["one matrix"] == 100 * vocab_size

# %%
d2l.plot_perplexity(histories, corpus, held_out=valid)

# %% [markdown]
# On the sonnets, both models predict the test part better than counting does.
# The one with the shared matrix has learned less of the training part by
# heart, and predicts the other two better. Most of that comes from
# overfitting later and less, as the validation part shows. There the
# perplexity rises, from the best epoch to the end, from 38.2 to 42.7 with two
# matrices, and from 36.8 to 37.7 with one: the two are 4 % apart at their
# best, and 13 % at the end. (On the test part, measured at the end alone, it
# is 6 %. To publish a number, test the epoch that the validation part chose.
# And this is one seed, on a short text.)
#
# Four perplexities are easily confused. Here are those of the model with one
# matrix. Two are of the training part: 27.3 in the line of the last epoch,
# with dropout, and 21.0, measured afterwards without it. *Held out*, in the
# lines and in the plot, is the validation part, with 37.7; the test part has
# 29.3. The validation part is the harder text: 2-grams, too, do worse there:
# 51 (in the report below) against 39.5 on the test part. (And `fit` reads it
# in ten rows, each of which begins with an empty state.) So compare one model
# with the other, not one part with the other.
#
# Let the model with the shared matrix write, after the end of a line (`\n` is
# read as `<eos>`), at a [temperature](decoding.py) of 0.8:

# %%
print("".join(d2l.generate(model, "\n", 40, temperature=0.8, seed=seed)))

# %% [markdown]
# `generate` never writes `<unk>`, though the model predicts it often: the
# other words share its probability. And a model of words cannot misspell,
# which makes its texts look better than they are.
#
# ## Words against characters
#
# A character model of the same text has a far lower perplexity. Which one
# predicts the text better? A perplexity is the number of equally likely
# choices *at each step*, and the steps are not the same: a word is a step of
# several characters. Only the probabilities that the two give the whole text
# can be compared. So add up the bits of all steps of a model, and divide by
# what both have in common, the $C$ characters of the text. A model that takes
# $S$ steps, with the perplexity $P$, needs
#
# $$\text{bits a character} = \frac{S}{C}\, \log_2 P.$$
#
# For the model of words, $S$ is the number of predicted words; for a model of
# characters, $S / C$ is nearly 1. Here is a character model of exactly the
# same text, rare words replaced and all: it has to spell `<unk>` as `<`, `u`,
# `n`, `k`, `>`.

# %%
chars, chars_valid, chars_test = d2l.load_ptb("char")
speller = d2l.CharRNN(chars.vocab_size, 64, 200, 1, dropout=0.2)
d2l.fit(speller, chars, **{**settings, "held_out": chars_valid,
                           "num_steps": 100})
bits = {}
for name, either, part in (("words", model, test),
                           ("characters", speller, chars_test)):
    losses, _ = d2l.evaluate(either, part.corpus_indices, 1)
    bits[name] = losses.sum() / np.log(2) / part.num_chars
    print(f"{name}: {losses.size:,} steps, perplexity "
          f"{np.exp(losses.mean()):.2f} a step, {bits[name]:.3f} bits a "
          f"character")
    assert np.isclose(bits[name], losses.size / part.num_chars
                      * np.log2(np.exp(losses.mean())), rtol=1e-3)

# %% [markdown]
# On the sonnets the model of words needs 14 % fewer bits on the test part:
# the higher perplexity belongs to the better model of the text. Part of that
# is overfitting: both were trained for 37 epochs, which is too long for the
# model of characters. On the validation part the printed lines say 1.25 bits
# against 1.49 after the last epoch, 16 % fewer, but 1.24 against 1.39 at the
# best epoch of each, 11 % fewer. (Neither was tuned, and it is one seed. Both
# numbers are low, since more than a third of the characters of this test part
# belong to `<unk>` and the spaces before it: do not compare them with those
# of the Penn Treebank below.) And the model of words was given the list of
# words. The character model has to learn which strings of letters are words,
# and always keeps some of its probability for those that are not. With more
# text to learn from, this should cost it less.
#
# Most models today are between the two: their tokens are frequent words, and
# pieces of the rarer ones (Sennrich et al. 2016). Nothing is `<unk>` then,
# and a text still takes fewer steps than by characters. What stays is the
# price of a large vocabulary: every step computes a score for each token in
# it.
#
# ## A common mistake
#
# *Comparing perplexities of two vocabularies.* The fewer words a vocabulary
# has, the more of the text is `<unk>`, and the easier the text becomes. Here
# the words of the training part are predicted from their frequencies alone,
# with more and more of them turned into `<unk>`. (The 1-grams above were
# measured on the test part, which has more `<unk>`.) No model has become
# better; the perplexity falls.

# %%
ids = corpus.corpus_indices
perplexities = []
for at_least in (1, 3, 10, 30):
    fewer = np.where(counts[ids] >= at_least, ids,
                     corpus.char_to_idx["<unk>"])
    perplexities.append(d2l.unigram_perplexity(fewer))
    print(f"words seen at least {at_least} x: {len(np.unique(fewer)):,}, "
          f"perplexity {perplexities[-1]:.1f}")
assert perplexities == sorted(perplexities, reverse=True)

# %% [markdown]
# So the tables of the literature agree on one preparation of the text, and
# their numbers cannot be compared with those for another one.
#
# ## Beside the published numbers
#
# The tables are of the Penn Treebank itself, with a model in each row: first
# the perplexities of models of words, then bits a character. A row that
# begins with *d2lrnn* is a model trained with this package. *Learning on* is
# *dynamic evaluation*, as in the lesson on
# [regularisation](regularisation.py); compare those numbers only with each
# other.
#
# ```{include} ../../benchmarks/records/README.md
# :start-after: <!-- ptb -->
# :end-before: <!-- end of ptb -->
# ```
#
# The first row repeats the smallest model of Zaremba et al. (2014), two
# layers of 200 units without dropout, to check whether our numbers can be
# compared with the published ones. As in the paper, the learning rate is
# halved after the fourth epoch, and after each one that follows. On the test
# part the paper has a perplexity of 114.5, and TensorFlow's tutorial, whose
# code began to halve one epoch later, 115.9: ours is three or four per cent
# lower, and on the validation part, where the tutorial has 121.4, it is 5.6 %
# lower. Two things are known to differ: each of our epochs begins at a random
# word, and our cells have two biases, which are added. What they are worth,
# we have not measured, and this is one seed. So a difference of a few per
# cent between our rows and the others says nothing.
#
# The second row has a shared matrix, dropout, and a learning rate that falls
# to zero. It is level with the medium model of Zaremba et al., within those
# few per cent, and has a third of its parameters. Its 16 epochs took 71
# minutes on one core. It also has twice the units of the first row, and its
# gradients go back over 35 steps instead of 20, so the table does not say how
# much each change brings. AWD-LSTM has two layers of 1,150 units and, since
# its matrix is shared, a third one of 400, the size of its embedding; it
# drops weights and averages them, and was trained for hundreds of epochs.
#
# In the second table, our model of words stands again, in bits. On the test
# part it needs 9 % fewer of them than our model of characters. (That one has
# more parameters. It was trained for 11 epochs instead of 16, but it takes
# more than five times as many steps in an epoch: in all, its training took
# 4.5 times as many multiplications.) Of the models of characters here, only
# AWD-LSTM, with twice as many parameters, is level with the model of words.
# Part of the advantage of words is probably the list of words that the model
# was given; our own two models also differ in size and training. (Zoneout
# lets units chosen at random keep their previous state. Published numbers by
# characters are for one of two preparations: the first has as many characters
# as ours, the second has one more in each line. If that extra character can
# always be guessed, it lowers the bits a character by 0.8 %, which is more
# than the difference between AWD-LSTM and our model of words. We do not know
# for which one that of AWD-LSTM is; the two are level either way.)
#
# ## Results

# %%
report = d2l.write_report("word_rnn", histories, corpus, settings)

# %% [markdown]
# ## Summary
#
# * A model of words is the model of characters with other ids. `<unk>` stands
#   for all words that are not in the vocabulary, `<eos>` for the end of a
#   line.
# * With a large vocabulary, many weights belong to single words. The
#   embedding and the output layer may share them.
# * Perplexities can be compared if the text and its tokens are the same. Bits
#   a character can be compared if the text is the same, down to which words
#   became `<unk>`.
#
# ## Exercises
#
# 1. (\*) A model of words has a perplexity of 90, and a word has 5.6
#    characters on average, the space included. How many bits a character is
#    that? Which perplexity by character would be as good?
# 2. (\*) How many parameters does tying save with 10,000 words and 650 units?
# 3. (\*\*) Take `<unk>` out of the test part's losses: what is the perplexity
#    on the words that the model knows? Which of the two numbers do published
#    tables show?
# 4. (\*\*\*) Let the model of words write 500 words. How many different
#    pairs of neighbouring words are not in the training part? Compare with
#    what a model of pairs writes, without smoothing.
#
# ## Further reading
#
# * M. P. Marcus, B. Santorini and M. A. Marcinkiewicz, *Building a Large
#   Annotated Corpus of English: The Penn Treebank*, 1993.
# * T. Mikolov and others, *Recurrent neural network based language model*,
#   2010; *Empirical Evaluation and Combination of Advanced Language Modeling
#   Techniques*, 2011.
# * W. Zaremba, I. Sutskever and O. Vinyals, *Recurrent Neural Network
#   Regularization*, 2014. TensorFlow's tutorial that repeats it is
#   `ptb_word_lm.py`.
# * R. Sennrich, B. Haddow and A. Birch, *Neural Machine Translation of Rare
#   Words with Subword Units*, 2016.
# * D. Krueger and others, *Zoneout: Regularizing RNNs by Randomly Preserving
#   Hidden Activations*, 2016: a model of characters on the same text.
# * O. Press and L. Wolf, *Using the Output Embedding to Improve Language
#   Models*, 2017; H. Inan, K. Khosravi and R. Socher, *Tying Word Vectors and
#   Word Classifiers*, 2017.
# * S. Merity, N. S. Keskar and R. Socher, *Regularizing and Optimizing LSTM
#   Language Models*, 2018a: words; *An Analysis of Neural Language Modeling
#   at Multiple Scales*, 2018b: words and characters.
# * B. Krause and others, *Dynamic Evaluation of Neural Sequence Models*,
#   2018.
#
# Words and their frequencies are in sections 8.2 and 8.3 of the book's second
# Chinese edition. Next: [inside a model](inside.py).
