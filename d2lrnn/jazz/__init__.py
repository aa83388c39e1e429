"""Improvise jazz: MIDI files, a grammar of notes, a model, sound, pictures."""
from d2lrnn.jazz.audio import piano_roll, render
from d2lrnn.jazz.midi import read_tune, write_tune
from d2lrnn.jazz.model import (
    Phrases,
    djmodel,
    fit,
    generate_music,
    music_inference_model,
    one_hot,
    predict_and_sample,
)
from d2lrnn.jazz.training_data import Music, load_music_utils

__all__ = [
    "Music",
    "Phrases",
    "djmodel",
    "fit",
    "generate_music",
    "load_music_utils",
    "music_inference_model",
    "one_hot",
    "piano_roll",
    "predict_and_sample",
    "read_tune",
    "render",
    "write_tune",
]
