"""The grammar of jazz notes against examples worked out by hand."""
import string
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from d2lrnn.jazz import grammar, theory
from d2lrnn.jazz.midi import Note
from hypothesis import example, given
from hypothesis import strategies as st

C_MAJOR = (48, 52, 55)  # C E G; of C, F and G major, G major is the highest
A_MINOR = (57, 60, 64)  # A C E; A Dorian, as that on B has a C#
G_SEVENTH = (55, 59, 62, 65)  # G B D F; only C major has all four
B_DIMINISHED = (59, 62, 65)  # B D F
ALL = tuple(range(48, 60))

pitches = st.integers(grammar.LOWEST, grammar.HIGHEST)
chord_pitches = st.lists(st.integers(36, 84), min_size=1, max_size=7,
                         unique=True).map(lambda p: tuple(sorted(p)))
lengths = st.integers(1, 24).map(lambda n: Fraction(n, 4))


def chord(pitches, onset=0):
    return Note(Fraction(onset), Fraction(4), pitches)


def melody(*pitches, length=1):
    return [Note(Fraction(i) * length, Fraction(length), (pitch,))
            for i, pitch in enumerate(pitches)]


def rng(seed=0):
    return np.random.default_rng(seed)


# -- theory ---------------------------------------------------------------

@pytest.mark.parametrize("steps, semitones, name", [
    (0, 0, "P1"), (0, 1, "A1"), (0, -1, "d1"), (0, -2, "dd1"),
    (1, 0, "d2"), (1, 1, "m2"), (1, 2, "M2"), (1, 3, "A2"), (1, -1, "dd2"),
    (2, 3, "m3"), (2, 4, "M3"), (3, 5, "P4"), (3, 6, "A4"), (3, 4, "d4"),
    (4, 6, "d5"), (4, 5, "dd5"), (4, 7, "P5"), (4, 9, "AA5"),
    (5, 8, "m6"), (6, 11, "M7"), (7, 12, "P8"), (8, 13, "m9"),
    (9, 15, "m10"), (10, 17, "P11"), (13, 22, "m14"), (14, 24, "P15"),
    (-1, -1, "m-2"), (-1, 0, "d-2"), (-1, 1, "dd-2"), (-2, -3, "m-3"),
    (-3, -4, "d-4"), (-4, -6, "d-5"), (-7, -12, "P-8"), (-9, -15, "m-10")])
def test_interval_names(steps, semitones, name):
    assert theory.interval_name(steps, semitones) == name
    assert theory.parse_interval(name) == (steps, semitones)


@given(steps=st.integers(-40, 40), semitones=st.integers(-60, 60))
def test_interval_names_go_both_ways(steps, semitones):
    name = theory.interval_name(steps, semitones)
    assert theory.parse_interval(name) == (steps, semitones)


@pytest.mark.parametrize("name", [
    "", "P", "5", "P0", "P2", "P3", "M1", "m5", "M4", "P-1", "d-1", "Ad5",
    "m3 ", "PP5", "mm3", "m03", "P5\n", "P1000", "m٣"])
def test_names_of_no_interval(name):
    with pytest.raises(ValueError, match="is not an interval: write one"):
        theory.parse_interval(name)


@given(first=st.integers(0, 127), second=st.integers(0, 127),
       third=st.integers(0, 127))
def test_intervals_add_up(first, second, third):
    one = theory.interval_between(first, second)
    two = theory.interval_between(second, third)
    assert theory.interval_between(first, third) == (
        one[0] + two[0], one[1] + two[1])


@pytest.mark.parametrize("pitches, root, quality", [
    (C_MAJOR, "C", "major"), ((52, 55, 60), "C", "major"),
    ((55, 60, 64), "C", "major"), ((48, 52, 55, 59), "C", "major"),
    (G_SEVENTH, "G", "major"), ((53, 55, 59, 62), "G", "major"),
    ((55, 59, 65), "G", "major"), ((55, 59, 65, 69), "G", "major"),
    (A_MINOR, "A", "minor"), ((50, 53, 57, 60), "D", "minor"),
    ((57, 60, 67), "A", "minor"), (B_DIMINISHED, "B", "diminished"),
    ((59, 62, 65, 69), "B", "diminished"),
    ((59, 62, 65, 68), "G#", "diminished"),
    ((48, 52, 56), "C", "augmented"), ((48, 53, 55), "F", "other"),
    ((48, 55), "C", "other"), ((48,), "C", "other"),
    ((48, 51, 52, 55), "C", "other"),  # two thirds
    # as spelled: D- F A- is C# F G#, of which F has no third
    ((49, 53, 56), "F", "other"), ((56, 60, 63), "C", "other")])
def test_chord_qualities(pitches, root, quality):
    assert theory.pitch_name(theory.chord_root(pitches)) == root
    assert theory.chord_quality(pitches) == quality


def test_of_two_roots_the_lowest():
    assert theory.chord_root((66, 53)) == theory.chord_root((53, 66)) == 53


@pytest.mark.parametrize("pitches, names", [
    (C_MAJOR, "G A B C D E F#"),
    (G_SEVENTH, "C D E F G A B"),
    ((51, 55, 58), "B- C D E- F G A"),
    ((52, 56, 59), "B C# D# E F# G# A#"),
    # D, G and C Dorian have D F A C, and A Dorian has an F#
    ((50, 53, 57, 60), "G A B- C D E F"),
    ((57, 60, 64), "A B C D E F# G"),
    (B_DIMINISHED, "D E F G A B C"),
    # A- C E- is in D- E- F G- A- B- C too, but B- stands higher
    ((56, 60, 63), "B- C D- E- F G A-"),
    # B- D F G#, to the eye no dominant seventh; F Dorian has all four
    ((58, 62, 65, 68), "F G A- B- C D E-"),
    # of tonics that sound alike the flat one
    ((49, 51, 53, 54, 56, 58, 60), "E- F G- A- B- C D-"),
    ((59, 61, 63, 64, 66, 68, 70), "D- E- F- G- A- B- C-"),
    (ALL, "B C# D E F# G# A")])
def test_derived_scales(pitches, names):
    assert theory.derived_scale(pitches) == tuple(names.split())


@pytest.mark.parametrize("tonic", theory.TONICS)
@pytest.mark.parametrize("semitones", [theory.MAJOR, theory.DORIAN])
def test_scales_have_each_letter_once_and_the_right_sizes(tonic, semitones):
    names = theory.scale_names(tonic, semitones)
    assert names[0] == tonic
    assert sorted(name[0] for name in names) == sorted(theory.LETTERS)
    sounding = [("C.D.EF.G.A.B".index(name[0]) + name.count("#")
                 - name.count("-")) % 12 for name in names]
    assert [(p - sounding[0]) % 12 for p in sounding] == list(semitones)


# -- notes to tokens ------------------------------------------------------

@pytest.mark.parametrize("chord_pitches, types", [
    # the twelve pitches from C to B
    (C_MAJOR, "C A S A C A S C A S X S"),
    (A_MINOR, "C A S A C A S S A C A S"),
    (G_SEVENTH, "S A C A S C A C A S A C"),
    (B_DIMINISHED, "S A C A S C A S X S A C"),
    # in B- Dorian E- is a chord note, C# is D-, and so no note of the scale
    ((56, 60, 63), "C A A C A S X S C A S A"),
    (ALL, "C C C C C C C C C C C C")])
def test_types_worked_out_by_hand(chord_pitches, types):
    assert [grammar.note_type(pitch, chord_pitches)
            for pitch in range(60, 72)] == types.split()


def test_the_examples_of_windows():
    # down a minor third; up from C# to E-, a diminished third; down from C#
    # to B, a major second: the upper end is always a d5 above the lower
    for first, second, window in [(72, 69, "<P1,d-5>"), (61, 63, "<dd5,d1>"),
                                  (61, 59, "<m2,P-4>"), (60, 58, "<m2,P-4>"),
                                  (60, 60, "<m3,m-3>"), (60, 84, "<m17,M13>")]:
        tokens = grammar.to_tokens(melody(first, second), [chord(ALL)])
        assert tokens == ["C,1.000", f"C,1.000,{window}"]


@given(first=pitches, second=pitches)
def test_windows_are_a_diminished_fifth_wide_about_the_note(first, second):
    upper, lower = map(theory.parse_interval,
                       grammar.window_names(first, second))
    assert (upper[0] - lower[0], upper[1] - lower[1]) == (4, 6)
    assert (upper[1] + lower[1]) / 2 == second - first


def test_tokens_of_a_measure():
    third, quarter = Fraction(1, 3), Fraction(1, 4)
    notes = [Note(Fraction(4), third, (67,)), Note(4 + third, third, ()),
             Note(4 + 2 * third, third, (64, 69)),
             Note(Fraction(5), quarter, (66,)),
             Note(Fraction(6), Fraction(2), (62,))]
    chords = [chord(C_MAJOR, 4), chord(G_SEVENTH, 6)]
    assert grammar.to_tokens(notes, chords) == [
        "C,0.333", "R,0.333", "S,0.333,<P4,m-2>", "S,0.250,<P1,d-5>",
        "C,2.000,<d1,P-5>"]


def test_the_chord_is_the_last_one_struck_or_the_first():
    chords = [chord((49, 52, 56), 1), chord(C_MAJOR, 2), chord(A_MINOR, 3)]
    notes = [Note(Fraction(n, 4), Fraction(1, 4), (60,))
             for n in (0, 3, 4, 7, 8, 11, 12, 15)]
    types = [token[0] for token in grammar.to_tokens(notes, chords)]
    assert types == ["A"] * 4 + ["C"] * 4


def test_each_measure_begins_without_a_window():
    measures = [melody(60, 64), [], melody(67)]
    chords = [[chord(C_MAJOR)]] * 3
    assert grammar.tokens_of(measures, chords) == [
        "C,1.000", "C,1.000,<P5,A1>", "C,1.000"]


def test_measures_without_chords():
    with pytest.raises(ValueError, match="give each measure its chords"):
        grammar.tokens_of([melody(60)], [])
    for chords in ([], [chord(())]):
        with pytest.raises(ValueError, match="give each measure its chords"):
            grammar.to_tokens(melody(60), chords)
        with pytest.raises(ValueError, match="give each measure its chords"):
            grammar.to_notes(["C,1.000"], chords, rng())


# -- tokens to notes ------------------------------------------------------

@given(notes=st.lists(pitches, min_size=1, max_size=12), pitches=chord_pitches,
       seed=st.integers(0, 99))
def test_notes_to_tokens_to_notes(notes, pitches, seed):
    tokens = grammar.to_tokens(melody(*notes), [chord(pitches)])
    phrase = grammar.to_notes(tokens, [chord(pitches)], rng(seed))
    assert [note.onset for note in phrase] == list(range(len(notes)))
    again = grammar.to_tokens(phrase, [chord(pitches)])
    assert [t.split(",")[:2] for t in again] == [
        t.split(",")[:2] for t in tokens]
    for token, (before, after) in zip(tokens[1:], pairwise(phrase),
                                      strict=True):
        (before,), (after,) = before.pitches, after.pitches
        _, _, (upper, lower) = grammar.parse_token(token)
        kind = token[0]
        allowed = [p for p in range(before + lower, before + upper + 1)
                   if 48 <= p <= 95 and grammar.note_type(p, pitches) == kind]
        assert after in allowed or not allowed


@given(previous=pitches, pitch=pitches, pitches=chord_pitches,
       seed=st.integers(0, 99))
def test_a_note_lies_in_its_own_window(previous, pitch, pitches, seed):
    _, token = grammar.to_tokens(melody(previous, pitch), [chord(pitches)])
    (note,) = grammar.to_notes([token], [chord(pitches)], rng(seed), previous)
    assert abs(note.pitches[0] - pitch) <= 3
    assert grammar.note_type(note.pitches[0], pitches) == token[0]


def test_every_note_of_the_window_is_drawn():
    drawn = [grammar.to_notes(["C,1.000,<P5,P-5>"], [chord(C_MAJOR)],
                              rng(seed), 60)[0].pitches for seed in range(99)]
    assert set(drawn) == {(55,), (60,), (64,), (67,)}
    assert drawn == [grammar.to_notes(
        ["C,1.000,<P5,P-5>"], [chord(C_MAJOR)], rng(seed), 60)[0].pitches
        for seed in range(99)]


@pytest.mark.parametrize("token, previous, expected", [
    ("C,1.000,<P1,P1>", 61, 60),  # C and E: C is nearer to C#
    ("C,1.000,<P1,P1>", 62, 60),  # as near as E: the lower
    ("C,1.000,<P1,P1>", 63, 64),
    ("X,1.000,<m3,m-3>", 60, 58),
    ("C,1.000,<P-8,P-8>", 48, 48),  # below octave 3
    ("C,1.000,<P15,P15>", 95, 91),  # above octave 6, where G is the highest
    ("S,1.000,<P15,P15>", 95, 95),
    ("A,1.000,<m3,m2>", 59, 61)])
def test_the_nearest_of_a_type(token, previous, expected):
    for seed in range(9):
        (note,) = grammar.to_notes([token], [chord(C_MAJOR)], rng(seed),
                                   previous)
        assert note.pitches == (expected,)


@pytest.mark.parametrize("kind, pitches, instead", [
    ("X", A_MINOR, "A"), ("X", ALL, "C"), ("S", ALL, "C"), ("A", ALL, "C"),
    # D Dorian and no other note of it: S is lacking, and A is not
    ("S", (50, 52, 53, 55, 57, 59, 60), "C"),
    ("A", (50, 52, 53, 55, 57, 59, 60), "A")])
def test_a_type_that_a_chord_lacks(kind, pitches, instead):
    for seed in range(9):
        (note,) = grammar.to_notes([f"{kind},1.000"], [chord(pitches)],
                                   rng(seed))
        assert grammar.note_type(note.pitches[0], pitches) == instead


def test_where_a_phrase_begins():
    alone = {grammar.to_notes([token], [chord(ALL)], rng(seed))[0].pitches[0]
             for token in ("C,1.000", "C,1.000,<P1,d-5>")
             for seed in range(400)}
    assert alone == set(range(60, 84))
    after = {grammar.to_notes(["C,1.000"], [chord(ALL)], rng(seed), 60)[0]
             .pitches[0] for seed in range(200)}
    assert after == set(range(55, 66))


def test_the_phrase_has_the_chords_clock():
    chords = [chord((60, 64, 67), 8), chord((61, 65, 68), 10)]
    for seed in range(20):
        notes = grammar.to_notes(["C,1.000"] * 4, chords, rng(seed), onset=8)
        assert [note.onset for note in notes] == [0, 1, 2, 3]
        assert [{p % 12 for p in note.pitches} <= {0, 4, 7}
                for note in notes] == [True, True, False, False]


@pytest.mark.parametrize("duration, expected", [
    ("0.000", "0.000"), ("0.083", "0.000"), ("0.125", "0.000"),
    ("0.126", "0.250"), ("0.250", "0.250"), ("0.333", "0.250"),
    ("0.375", "0.250"), ("0.376", "0.500"), ("0.667", "0.750"),
    ("1.333", "1.250"), ("1.667", "1.750"), ("12.000", "12.000")])
def test_smooth(duration, expected):
    assert grammar.quantize([f"C,{duration}", f"S,{duration},<P1,d-5>"]) == [
        f"C,{expected}", f"S,{expected},<P1,d-5>"]


def test_notes_of_no_length():
    tokens = ["C,0.000", "C,0.100", "C,0.333", "R,0.083", "R,0.500",
              "C,1.000", "C,0.000"]
    notes = grammar.to_notes(tokens, [chord(C_MAJOR)], rng())
    assert [(float(note.onset), float(note.length), len(note.pitches))
            for note in notes] == [
        (0, .25, 1), (.25, .5, 0), (.75, 1, 1), (1.75, .25, 1)]
    assert grammar.to_notes([], [chord(C_MAJOR)], rng()) == []


@given(tokens=st.lists(st.builds(
    "{},{:.3f}{}".format, st.sampled_from("CSAX"), st.floats(0, 9),
    st.sampled_from(["", ",<P1,d-5>", ",<P22,m20>", ",<d-20,dd-24>"]))),
    pitches=chord_pitches)
def test_phrases_do_not_overlap_and_stay_in_their_octaves(tokens, pitches):
    notes = grammar.to_notes(tokens, [chord(pitches)], rng())
    for before, after in pairwise(notes):
        assert before.onset + before.length == after.onset
    for note in notes:
        assert note.length > 0 and note.length % Fraction(1, 4) == 0
        assert all(48 <= pitch <= 95 for pitch in note.pitches)


@pytest.mark.parametrize("token, sentence", [
    ("", "is not a token"), ("C", "is not a token"), ("C,1", "is not a token"),
    ("Q,1.000", "is not a token"), ("C,-1.000", "is not a token"),
    ("C,nan", "is not a token"), ("C,1.000,", "is not a token"),
    ("C,1.000,<P1>", "is not a token"),
    ("C,1.000,<P1,d-5>\n", "is not a token"),
    ("C,1.000,<P1,d-5,P1>", "is not a token"), (None, "is not a token"),
    ("R,1.000,<P1,d-5>", "is not a token"), ("C,1e9", "is not a token"),
    ("C,1.000,<P3,d-5>", "'P3' is not an interval"),
    ("C,1.000,<P1, d-5>", "' d-5' is not an interval"),
    ("C,1.000,<d-5,P1>", "write the upper one first")])
def test_malformed_tokens(token, sentence):
    with pytest.raises(ValueError, match=sentence):
        grammar.to_notes([token], [chord(C_MAJOR)], rng())


@given(token=st.text("CSAXRPMmd<>,.-123456780 ", max_size=24)
       | st.text(string.printable, max_size=9))
@example("C,1.000,<d1,A1>")
def test_any_text_is_a_token_or_a_sentence(token):
    try:
        notes = grammar.to_notes([token], [chord(C_MAJOR)], rng())
    except ValueError as error:
        assert ": write " in str(error)
    else:
        assert len(notes) == 1
