"""Fine-tuning brings groups together on rows that it has not seen, the same each time, and says what cannot be done."""

from __future__ import annotations

import numpy as np
import pytest

import nearmost as nm
from nearmost.finetuning.batches import batches
from nearmost.finetuning.examples import Examples
from nearmost.finetuning.heads import HEADS
from nearmost.finetuning.losses import LOSSES
from nearmost.finetuning.memory import Memory
from nearmost.finetuning.mining import hard_negatives

CENTRES = [name for name, loss in LOSSES.items() if loss.centres]
PAIRS = [name for name, loss in LOSSES.items() if not loss.centres]


def mixed(seed=0, n=1200, dim=24, groups=6, noise=6.0):
    """Groups that differ in six columns, under noise in all the others: what a head can learn to look past."""
    rng = np.random.default_rng(seed)
    means = np.zeros((groups, dim))
    means[:, :6] = np.random.default_rng(99).normal(size=(groups, 6)) * 2
    codes = rng.integers(0, groups, n)
    scale = np.where(np.arange(dim) < 6, 1.0, noise / 4)
    return (means[codes] + rng.normal(size=(n, dim)) * scale).astype(np.float32), [f"group {code}" for code in codes]


@pytest.fixture(scope="module")
def data():
    return mixed(0), mixed(1)


def r_precision(rows, groups):
    return nm.evaluate_retrieval(rows, groups, queries=300).figures["r_precision"]


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_brings_unseen_rows_of_a_group_together(loss, data):
    (rows, groups), (others, truth) = data
    made = nm.finetune(rows, groups, loss=loss, head="linear", epochs=15, rate=3e-3)
    assert r_precision(made.apply(others), truth) > r_precision(others, truth) + 0.08


@pytest.mark.parametrize("head", HEADS)
def test_every_head_brings_unseen_rows_of_a_group_together(head, data):
    (rows, groups), (others, truth) = data
    made = nm.finetune(rows, groups, head=head)
    assert (made.dim_in, made.dim_out) == (24, 24)
    assert r_precision(made.apply(others), truth) > r_precision(others, truth) + 0.08


def test_a_linear_head_may_have_fewer_columns(data):
    (rows, groups), (others, truth) = data
    made = nm.finetune(rows, groups, head="linear", dim=8)
    assert made.dim_out == 8
    assert r_precision(made.apply(others), truth) > r_precision(others, truth) + 0.08


def test_the_same_seed_gives_the_same_head_and_another_another(data):
    rows, groups = data[0]
    one, two, other = (nm.finetune(rows, groups, epochs=3, seed=seed).apply(rows[:5]) for seed in (1, 1, 2))
    assert one.tobytes() == two.tobytes() != other.tobytes()


def test_a_saved_head_gives_the_same_rows_bit_for_bit(data, tmp_path):
    (rows, groups), (others, _) = data
    made = nm.finetune(rows, groups, epochs=3)
    made.save(tmp_path / "groups.head")
    assert nm.Projection.load(tmp_path / "groups.head").apply(others).tobytes() == made.apply(others).tobytes()


def test_an_index_refitted_with_a_head_finds_more_of_the_group(data):
    (rows, groups), (others, truth) = data
    index = nm.Index.build(others)
    better = index.refit(nm.finetune(rows, groups))
    truth = np.array(truth)

    def precision(searched):
        ids = searched.search(others[:100], 10, leave_out=np.arange(100)).ids
        return (truth[ids] == truth[:100, None]).mean()

    assert precision(better) > precision(index) + 0.08
    assert better.search(others[3], 1).ids.tolist() == [3]  # the query goes through the head too


def test_the_full_rows_that_an_index_keeps_do_not_undo_the_head(data, tmp_path):
    (rows, groups), (others, _) = data
    head = nm.finetune(rows, groups)
    wanted = nm.Index.build(head.apply(others)).search(head.apply(others[:50]), 10)
    nm.Index.build(others).refit(head).save(tmp_path / "kept.nearmost")
    kept = nm.Index.open(tmp_path / "kept.nearmost")
    assert kept.search(others[:50], 10).ids.tolist() == wanted.ids.tolist()
    assert (
        kept.refit(None).search(others[:50], 10).ids.tolist()
        == nm.Index.build(others).search(others[:50], 10).ids.tolist()
    )
    full = kept.search(others[:50], 10, rescore=len(others)).scores  # who asks for it gets it
    assert np.allclose(full, nm.Index.build(others).search(others[:50], 10).scores, atol=1e-6)


def test_texts_are_encoded_once_and_the_head_fits_their_encoder(data):
    class Counting:
        spec, dim, seen = "counting", 24, 0

        def encode(self, texts, *, progress=None, n_threads=0):
            Counting.seen += len(texts)
            return np.stack([data[0][0][int(text)] for text in texts])

    rows, groups = data[0]
    texts = [str(row) for row in range(len(rows))]
    made = nm.finetune(texts, groups, encoder=Counting(), epochs=2)
    assert Counting.seen == len(rows)
    assert made.apply(rows).tobytes() == nm.finetune(rows, groups, epochs=2).apply(rows).tobytes()


def test_wrong_labels_that_are_known_to_be_doubtful_do_less_harm(data):
    (rows, groups), (others, truth) = data
    rng = np.random.default_rng(0)
    wrong = rng.random(len(groups)) < 0.6
    noisy = np.where(wrong, rng.permutation(groups), groups)
    trained = {
        name: r_precision(
            nm.finetune(rows, noisy, confidence=confidence, valid=(others[:400], truth[:400])).apply(others[400:]),
            truth[400:],
        )
        for name, confidence in (("all", None), ("sure", np.where(wrong, 0.02, 1.0)))
    }
    assert trained["sure"] > trained["all"] + 0.01


def test_rows_without_a_label_or_confidence_are_left_out(data):
    rows, groups = data[0]
    kept = np.arange(len(rows)) % 3 > 0
    some = [group if keep else None for group, keep in zip(groups, kept, strict=True)]
    few = [group for group, keep in zip(groups, kept, strict=True) if keep]
    alone = nm.finetune(rows[kept], few, epochs=2).apply(rows)
    assert nm.finetune(rows, some, epochs=2).apply(rows).tobytes() == alone.tobytes()
    assert nm.finetune(rows, groups, confidence=kept, epochs=2).apply(rows).tobytes() == alone.tobytes()


@pytest.mark.parametrize("loss", ["mnrl", "contrastive", "online_contrastive", "triplet"])
def test_pairs_teach_too(loss):
    rng = np.random.default_rng(0)
    meaning = rng.normal(size=(900, 6))
    rows = np.concatenate([np.concatenate([meaning, rng.normal(size=(900, 18)) * 1.5], axis=1) for _ in range(2)])
    pairs = np.stack([np.arange(900), np.arange(900) + 900], axis=1)
    made = nm.finetune(rows, pairs=pairs[:600], loss=loss, head="linear", rate=3e-3, stop_on="mrr")
    held = np.concatenate([rows[600:900], rows[1500:]])
    groups = np.tile(np.arange(300), 2)
    before, after = (nm.evaluate_retrieval(each, groups).figures["mrr"] for each in (held, made.apply(held)))
    assert after > before + 0.1


def test_pairs_that_are_not_alike_are_kept_apart():
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(size=(400, 1)), rng.normal(size=(400, 11)) * 0.6], axis=1).astype(np.float32)
    sign = rows[:, 0] > 0
    pairs = rng.integers(0, 400, (1500, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    table = np.column_stack([pairs, (sign[pairs[:, 0]] == sign[pairs[:, 1]]).astype(int)])
    valid = (rng.normal(size=(400, 12)) * np.array([1, *[0.6] * 11]),)
    made = nm.finetune(
        rows, pairs=table, loss="contrastive", valid=(valid[0], valid[0][:, 0] > 0), head="linear", rate=3e-3
    )
    other = rng.normal(size=(400, 12)) * np.array([1, *[0.6] * 11])
    assert r_precision(made.apply(other), other[:, 0] > 0) > r_precision(other, other[:, 0] > 0) + 0.1


@pytest.mark.parametrize("options", [{"hard_negatives": 3}, {"memory": 2000}, {"memory": 10}])
def test_hard_negatives_and_memory_join_in(options, data):
    (rows, groups), (others, truth) = data
    made = nm.finetune(rows, groups, loss="mnrl", head="linear", epochs=6, rate=3e-3, batch=32, **options)
    plain = nm.finetune(rows, groups, loss="mnrl", head="linear", epochs=6, rate=3e-3, batch=32)
    assert r_precision(made.apply(others), truth) > r_precision(others, truth) + 0.08
    assert made.apply(rows).tobytes() != plain.apply(rows).tobytes()


def test_hard_negatives_are_the_nearest_rows_of_other_groups():
    rng = np.random.default_rng(0)
    rows, codes = rng.normal(size=(300, 6)).astype(np.float32), rng.integers(0, 5, 300)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    scores = np.where(codes[:, None] == codes[None, :], -np.inf, unit @ unit.T)
    assert hard_negatives(rows, codes, 3).tolist() == np.argsort(-scores, axis=1)[:, :3].tolist()


def test_memory_forgets_the_oldest_and_never_gives_back_the_batch():
    memory = Memory(5, 1)
    for batch in ([0, 1, 2], [3, 4], [5]):
        memory.put(np.array(batch), np.array(batch, dtype=np.float32)[:, None] * 10)
    rows, embedded = memory.beside(np.array([4]))
    assert sorted(rows.tolist()) == [1, 2, 3, 5]
    assert embedded[:, 0].tolist() == (rows * 10).tolist()
    memory.put(np.arange(20), np.arange(20, dtype=np.float32)[:, None])
    assert sorted(memory.beside(np.array([0]))[0].tolist()) == [15, 16, 17, 18, 19]


def test_every_row_is_seen_once_an_epoch_beside_some_of_its_group():
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(40), rng.integers(2, 9, 40))
    examples = Examples.of_groups(rng.normal(size=(len(codes), 4)), codes)
    seen = [batch.anchors for batch in batches(examples, 32, rng)]
    assert sorted(set(np.concatenate(seen).tolist())) == list(range(len(codes)))
    for anchors in seen:
        assert len(anchors) <= 32
        assert (np.unique(examples.codes[anchors], return_counts=True)[1] >= 2).all()


def test_small_groups_are_held_out_whole_and_large_ones_in_part():
    rng = np.random.default_rng(0)
    small = Examples.of_groups(rng.normal(size=(60, 3)), np.repeat(np.arange(20), 3)).split(0.25, rng)
    assert not set(small[0].codes.tolist()) & set(small[1].codes.tolist())
    large = Examples.of_groups(rng.normal(size=(60, 3)), np.repeat(np.arange(3), 20)).split(0.25, rng)
    assert [np.bincount(part.codes).tolist() for part in large] == [[15] * 3, [5] * 3]


def test_training_stops_when_it_serves_no_more(data):
    (rows, groups), _ = data
    seen = []
    nm.finetune(rows, groups, head="linear", rate=1e-2, patience=2, watch=seen.append)
    values = [epoch.value for epoch in seen]
    assert len(values) < 101
    assert np.argmax(values) == len(values) - 3
    assert [epoch.number for epoch in seen] == list(range(len(seen)))


def test_labels_that_mean_nothing_leave_the_embedding_as_it_is():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(600, 16)).astype(np.float32)
    made = nm.finetune(rows, rng.integers(0, 3, 600), epochs=10)
    ids, after = (nm.Index.build(each).search(each[:50], 10).ids for each in (rows, made.apply(rows)))
    assert np.mean([len(set(a) & set(b)) / 10 for a, b in zip(ids.tolist(), after.tolist(), strict=True)]) > 0.9


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"groups": None}, "groups, a label a row, or pairs"),
        ({"groups": ["a"] * 10}, "at least two groups"),
        ({"groups": ["a", "b"]}, "one a row"),
        ({"groups": ["a", "b"] * 5, "head": "deep"}, "linear, skip, gated, mlp"),
        ({"groups": ["a", "b"] * 5, "loss": "hinge"}, "softmax, arcface"),
        ({"groups": ["a", "b"] * 5, "dim": 2}, "head='linear' takes"),
        ({"groups": ["a", "b"] * 5, "valid": 1.5}, "share between 0 and 1"),
        ({"groups": ["a", "b"] * 5, "stop_on": "accuracy"}, "r_precision"),
        ({"groups": ["a", "b"] * 5, "memory": 5}, "losses that compare rows"),
        ({"groups": ["a", "b"] * 5, "confidence": [-1] * 10}, "not below 0"),
        ({"pairs": [(0, 10)]}, "from 0 to 9"),
        ({"pairs": [(0, 1), (1, 2)], "loss": "arcface"}, "learn from groups"),
        ({"pairs": [(0, 1, 0), (1, 2, 0)]}, "at least two such pairs"),
        ({"groups": ["a"] * 8 + ["b", "c"], "valid": 0.1}, "too few"),
    ],
)
def test_what_cannot_be_done_is_said(arguments, says):
    with pytest.raises((nm.InputError, nm.NotFiniteError), match=says):
        nm.finetune(np.random.default_rng(0).normal(size=(10, 4)), **arguments)
