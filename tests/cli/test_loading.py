"""Models that the commands cannot use are refused in a sentence."""
from importlib import resources

import d2lrnn as d2l
import pytest

from d2lrnn_cli.loading import load_model


def test_a_model_without_a_vocabulary_is_refused(tmp_path):
    model = d2l.CharRNN(3, 2, 4, 1)
    model.initialize()
    d2l.save_model(tmp_path / "mute.safetensors", model)
    with pytest.raises(ValueError, match=r"mute\.safetensors holds a model "
                                         r"without a vocabulary: save it"):
        load_model(tmp_path / "mute.safetensors")


def test_a_model_of_a_lesson_is_refused():
    path = resources.files("lyrics_data") / "sonnets.safetensors"
    with pytest.raises(ValueError, match="WindowLSTM, which only its own"):
        load_model(path)
