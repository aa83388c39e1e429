# %% [markdown]
# # Solutions: after recurrent networks
#
# The exercises are at the end of the page *After recurrent networks*, which
# has no code. The code below checks what is calculated here.

# %%
import numpy as np

# %% [markdown]
# ## 1
#
# Only the exponential of the third score changes, and with it the sum.
#
# ### Solution
#
# The exponentials are 7.39, 1 and 20.09, and their sum is 28.47. So the
# weights are 0.26, 0.04 and 0.71, and $a_3 = 0.26 - 0.04 + 0.35 = 0.58$. One
# score has changed, but all three weights have: they share the sum.

# %%
exponentials = np.exp([2, 0, 3])
weights = exponentials / exponentials.sum()
a_3 = weights @ [1, -1, 0.5]
print(weights.round(2), a_3.round(2))
assert np.allclose(exponentials, [7.39, 1, 20.09], atol=0.01)
assert np.allclose(weights, [0.26, 0.04, 0.71], atol=0.01)
assert abs(a_3 - 0.58) < 0.005

# %% [markdown]
# ## 2
#
# Divide both numbers by $T h$.
#
# ### Solution
#
# $T^2 h > T h^2$ exactly when $T > h$: with 256 units, from 257 positions on.
# For a shorter text the scores of attention cost less than the recurrence, and
# they can all be computed at once.

# %%
h = 256
assert [T**2 * h > T * h**2 for T in (h, h + 1)] == [False, True]

# %% [markdown]
# ## 3
#
# Put $h_1 = a_1 h_0 + b_1$ into $h_2 = a_2 h_1 + b_2$.
#
# ### Solution
#
# $h_2 = a_2 a_1 h_0 + a_2 b_1 + b_2$, so the step is
# $(0.9 \cdot 0.5,\; 0.9 \cdot 1 - 1) = (0.45, -0.1)$. From $h_0 = 2$ it leads
# to $0.45 \cdot 2 - 0.1 = 0.8$. One after the other, $h_1 = 0.5 \cdot 2 + 1 =
# 2$ and $h_2 = 0.9 \cdot 2 - 1 = 0.8$.

# %%
(a_1, b_1), (a_2, b_2) = (0.5, 1), (0.9, -1)
a, b = a_2 * a_1, a_2 * b_1 + b_2
assert np.allclose([a, b, a * 2 + b, a_2 * (a_1 * 2 + b_1) + b_2],
                   [0.45, -0.1, 0.8, 0.8])

# %% [markdown]
# ## 4
#
# The picture is a text of $28 \cdot 28$ characters over a vocabulary of 256.
#
# ### Solution
#
# The product has 784 factors, one for each pixel. A uniform guess has a
# perplexity of 256, the number of grey values. The pixel above is 28 places
# back: 28 steps for a recurrent network, one for attention, however large the
# picture is.

# %%
place = np.arange(28 * 28).reshape(28, 28)
assert place.size == 784 and set((place[1:] - place[:-1]).ravel()) == {28}
assert np.isclose(np.exp(-np.log(1 / 256)), 256)
