"""What ``load_encoder`` promises."""

from __future__ import annotations

import importlib.metadata
import sys

import numpy as np
import pytest

from nearmost.encoders import Encoder, Fitted, load_encoder
from nearmost.errors import EncoderError, InputError, MissingExtraError, UnknownEncoderError


class Lengths:
    """A plug-in: one column, the length of the text."""

    spec = "lengths"
    dim = 1

    def __init__(self, argument="", state=None):
        self.argument, self.learned = argument, state

    def encode(self, texts, *, progress=None, n_threads=0):
        return np.array([[len(text)] for text in texts], dtype=np.float32)


def broken(argument, state):
    return object()


@pytest.fixture
def plug_ins(monkeypatch):
    """Entry points as an installed package would bring them: one that works, one that cannot be imported."""
    group = "nearmost.encoders"
    points = importlib.metadata.EntryPoints(
        [
            importlib.metadata.EntryPoint("lengths", "no_such_module_at_all:load", group),
            importlib.metadata.EntryPoint("lengths", f"{__name__}:Lengths", group),
            importlib.metadata.EntryPoint("broken", f"{__name__}:broken", group),
            importlib.metadata.EntryPoint("minilm", f"{__name__}:Lengths", group),
        ]
    )
    monkeypatch.setattr("importlib.metadata.entry_points", points.select)


def test_an_encoder_is_given_back_as_it_is():
    encoder = Lengths()
    assert isinstance(encoder, Encoder)
    assert not isinstance(encoder, Fitted)
    assert load_encoder(encoder) is encoder


def test_something_else_is_refused():
    with pytest.raises(InputError, match="encoder is int; it must be a spec"):
        load_encoder(3)


@pytest.mark.parametrize("spec", ["", "miniln", "bert:x", "LSA", ":"])
def test_unknown_spec_lists_the_known_ones(spec):
    with pytest.raises(UnknownEncoderError, match=r"known are minilm, minilm:int8, .*lsa, lsa:DIM, st:NAME_OR_PATH"):
        load_encoder(spec)


def test_a_plug_in_answers_to_its_name_and_a_broken_one_is_skipped_with_a_warning(plug_ins):
    state = {"a": np.zeros(3)}
    with pytest.warns(UserWarning, match="lengths = no_such_module_at_all:load is skipped"):
        encoder = load_encoder("lengths:some:thing", state=state)
    assert (encoder.argument, encoder.learned) == ("some:thing", state)
    assert encoder.encode(["abc"]).tolist() == [[3]]


def test_a_plug_in_that_makes_no_encoder_is_named(plug_ins):
    with pytest.raises(EncoderError, match="'broken' made object, which lacks spec, dim or encode"):
        load_encoder("broken")


def test_known_specs_include_plug_ins(plug_ins):
    with pytest.raises(UnknownEncoderError, match="broken, lengths"):
        load_encoder("nothing")


@pytest.mark.parametrize(
    ("spec", "missing", "extra"),
    [
        ("minilm", ["tokenizers"], "minilm"),
        ("lsa", ["sklearn", "sklearn.feature_extraction.text"], "lsa"),
        ("st:x", ["sentence_transformers"], "st"),
    ],
)
def test_a_missing_package_is_answered_with_the_command_that_installs_it(monkeypatch, spec, missing, extra):
    monkeypatch.delitem(sys.modules, f"nearmost.encoders.{extra}", raising=False)
    for name in missing:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=rf"pip install 'nearmost\[{extra}\]'"):
        load_encoder(spec)


def test_importing_the_registry_imports_no_optional_package():
    import subprocess

    code = (
        "import sys, nearmost.encoders; "
        "optional = 'torch', 'sklearn', 'onnx', 'onnxruntime', 'tokenizers', 'huggingface_hub'; "
        "print([name for name in optional if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
