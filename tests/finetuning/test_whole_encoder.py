"""Training an encoder with sentence-transformers' trainer, on a tiny model of random weights made here."""

from __future__ import annotations

import builtins
import json

import numpy as np
import pytest

import nearmost as nm

TOPICS = {
    "sea": ["harbour", "sailor", "anchor", "tide", "wave", "ship"],
    "sky": ["pilot", "cloud", "runway", "wing", "engine", "jet"],
    "soil": ["farmer", "plough", "seed", "harvest", "field", "barn"],
}
SMALL_TALK = ["today", "people", "said", "that", "many", "would", "come", "again", "after", "long", "week", "nobody"]


def texts_of(n, seed):
    rng = np.random.default_rng(seed)
    labels = [str(label) for label in rng.choice(list(TOPICS), n)]
    return [" ".join([*rng.choice(TOPICS[label], 2), *rng.choice(SMALL_TALK, 5)]) for label in labels], labels


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The folder of a sentence-transformers model with two small layers and random weights."""
    for package in ("torch", "sentence_transformers", "accelerate", "datasets"):
        pytest.importorskip(package, reason=f"training an encoder needs {package}")
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("tiny")
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *SMALL_TALK,
        *(word for one in TOPICS.values() for word in one),
    ]
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder / "bert")
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    BertModel(BertConfig(vocab_size=len(words), max_position_embeddings=64, **shape)).save_pretrained(folder / "bert")
    body = Transformer(str(folder / "bert"), max_seq_length=32)
    SentenceTransformer(modules=[body, Pooling(32)]).save(str(folder / "model"))
    return folder / "model"


def r_precision(spec, texts, labels):
    return nm.evaluate_retrieval(nm.load_encoder(spec).encode(texts), labels).figures["r_precision"]


def test_a_trained_encoder_is_loaded_by_its_spec_and_finds_more_of_a_label(model, tmp_path):
    texts, labels = texts_of(240, 0)
    seen, told = [], []
    spec = nm.finetune_encoder(
        texts, labels, encoder=f"st:{model}", output=tmp_path / "made", epochs=4, rate=3e-3,
        watch=seen.append, progress=lambda *call: told.append(call),
    )  # fmt: skip
    assert spec == f"st:{tmp_path / 'made'}"
    fresh = texts_of(200, 1)
    assert r_precision(spec, *fresh) > r_precision(f"st:{model}", *fresh) + 0.15
    assert 1 <= len(seen) <= 4
    assert seen[-1].loss < 0.6
    assert told[-1][0] > 0
    assert not (tmp_path / "made" / "checkpoints").exists()


def test_pairs_train_an_encoder_too(model, tmp_path):
    texts, labels = texts_of(240, 0)
    by_label = {label: [row for row, one in enumerate(labels) if one == label] for label in TOPICS}
    pairs = [pair for rows in by_label.values() for pair in zip(rows[::2], rows[1::2], strict=False)]
    held = texts_of(60, 2)
    spec = nm.finetune_encoder(
        texts, pairs=pairs, encoder=f"st:{model}", output=tmp_path / "made", epochs=3, rate=3e-3, valid=held, batch=16
    )
    fresh = texts_of(200, 1)
    assert r_precision(spec, *fresh) > r_precision(f"st:{model}", *fresh) + 0.05


def test_an_interrupted_run_goes_on_from_its_checkpoint(model, tmp_path):
    texts, labels = texts_of(120, 0)
    options = {"encoder": f"st:{model}", "output": tmp_path / "made", "epochs": 3, "rate": 1e-3, "patience": 5}

    def stop(epoch):
        if epoch.number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        nm.finetune_encoder(texts, labels, watch=stop, **options)
    kept = sorted((tmp_path / "made" / "checkpoints").glob("checkpoint-*"))
    assert kept
    done = json.loads((kept[-1] / "trainer_state.json").read_text())["epoch"]
    seen = []
    nm.finetune_encoder(texts, labels, watch=seen.append, **options)
    assert [epoch.number for epoch in seen] == list(range(int(done) + 1, 4))


def test_the_command_trains_on_what_labelling_exported(model, tmp_path, capsys):
    """Labels by hand and weak ones; a row whose weak label has no confidence is left out."""
    from nearmost.cli import main

    texts, labels = texts_of(240, 0)
    with (tmp_path / "exported.jsonl").open("w") as file:
        for number, (text, label) in enumerate(zip(texts, labels, strict=True)):
            by_hand = number % 3 == 0
            told = {
                "__Topic__MANUAL": label if by_hand else None,
                "__Topic__WEAK_SUPERVISION": None if by_hand else label,
            }
            told["__Topic__WEAK_SUPERVISION__confidence"] = None if by_hand else "0.9000"
            head, _, rest = text.partition(" ")
            file.write(json.dumps({"title": head, "body": rest, **told}) + "\n")
        wrong = {"__Topic__WEAK_SUPERVISION": "nonsense", "__Topic__WEAK_SUPERVISION__confidence": "0.0000"}
        file.write(json.dumps({"title": "x", "body": "y", "__Topic__MANUAL": None, **wrong}) + "\n")
    made = tmp_path / "made"
    arguments = ["finetune", tmp_path / "exported.jsonl", "--whole", "--task", "Topic", "--text", "{title} {body}"]
    arguments += ["--encoder", f"st:{model}", "-o", made, "--epochs", "4", "--rate", "3e-3", "--json"]
    assert main([str(one) for one in arguments]) == 0
    ran = capsys.readouterr()
    told = json.loads(ran.out.splitlines()[-1])
    assert told["encoder"] == f"st:{made}"
    assert "each label counts the same here" in ran.err
    fresh = texts_of(200, 1)
    assert r_precision(told["encoder"], *fresh) > r_precision(f"st:{model}", *fresh) + 0.15
    assert main(["index", str(tmp_path / "exported.jsonl"), "--text", "{title} {body}", "--encoder", told["encoder"],
                 "-o", str(tmp_path / "a.nearmost")]) == 0  # fmt: skip


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"encoder": "minilm"}, "st:NAME or st:FOLDER"),
        ({"encoder": "st:x", "loss": "arcface"}, "triplet, contrastive"),
        ({"encoder": "st:x", "pairs": [(0, 1)]}, "one of the two"),
    ],
)
def test_what_cannot_be_trained_is_said(options, says, tmp_path):
    with pytest.raises(nm.InputError, match=says):
        nm.finetune_encoder(["a", "b"], ["x", "y"], output=tmp_path, **options)


def test_without_torch_it_is_said_what_to_install(monkeypatch, tmp_path):
    real = builtins.__import__

    def without(name, *rest):
        if name.split(".")[0] in ("torch", "accelerate"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name.split(".")[0])
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.delitem(__import__("sys").modules, "nearmost.finetuning.trainer", raising=False)
    with pytest.raises(nm.MissingExtraError, match=r"nearmost\[finetune\]"):
        nm.finetune_encoder(["a", "b"], ["x", "y"], encoder="st:x", output=tmp_path)
