"""Losses and heads are what their papers say: against torch where it is there, and gradients against differences."""

from __future__ import annotations

import numpy as np
import pytest

from nearmost.errors import InputError
from nearmost.finetuning.heads import HEADS, projection_of, unit, unit_back
from nearmost.finetuning.losses import LOSSES, loss_named

N, DIM, GROUPS = 40, 12, 5
CENTRES = [name for name, loss in LOSSES.items() if loss.centres]
PAIRS = [name for name, loss in LOSSES.items() if not loss.centres]
HELD = {"circle"}
"""Losses whose derivative, by their paper, takes a factor for fixed."""


@pytest.fixture
def made():
    """Rows, codes, weights, and a table of centres, all float64."""
    rng = np.random.default_rng(3)
    rows, centres = rng.normal(size=(N, DIM)), rng.normal(size=(GROUPS, DIM))
    return rows + centres.mean(axis=0), rng.integers(0, GROUPS, N), rng.uniform(0.2, 1, N), centres


def masks(codes):
    same = codes[:, None] == codes[None, :]
    return same & ~np.eye(len(codes), dtype=bool), ~same


def slope_of(function, at, step=1e-6):
    """The derivative of a function of an array, by differences."""
    found = np.zeros_like(at)
    for place in np.ndindex(*at.shape):
        moved = [at.copy(), at.copy()]
        moved[0][place] += step
        moved[1][place] -= step
        found[place] = (function(moved[0]) - function(moved[1])) / (2 * step)
    return found


@pytest.mark.parametrize("name", CENTRES)
def test_the_gradient_of_a_loss_against_centres_is_its_derivative(name, made):
    rows, codes, weights, centres = made
    scores = unit(rows)[0] @ unit(centres)[0].T
    value, slope = LOSSES[name].value(scores, codes, weights)
    assert np.isfinite(value)
    assert value > 0
    assert np.allclose(slope, slope_of(lambda s: LOSSES[name].value(s, codes, weights)[0], scores), atol=1e-5)


@pytest.mark.parametrize("name", [name for name in PAIRS if name not in HELD])
def test_the_gradient_of_a_loss_of_rows_is_its_derivative(name, made):
    rows, codes, weights, _ = made
    scores = unit(rows)[0] @ unit(rows)[0].T
    positive, negative = masks(codes)
    value, slope = LOSSES[name].value(scores, positive, negative, weights)
    assert value > 0
    assert np.allclose(
        slope, slope_of(lambda s: LOSSES[name].value(s, positive, negative, weights)[0], scores), atol=1e-5
    )


@pytest.mark.parametrize("name", PAIRS)
def test_an_anchor_without_positives_or_without_negatives_gives_no_nan(name, made):
    rows, _, weights, _ = made
    scores = unit(rows)[0] @ unit(rows)[0].T
    for codes in (np.arange(N), np.zeros(N, int)):
        positive, negative = masks(codes)
        value, slope = LOSSES[name].value(scores, positive, negative, weights)
        assert np.isfinite(value)
        assert np.isfinite(slope).all()


@pytest.mark.parametrize("name", PAIRS)
def test_a_row_is_never_its_own_pair(name, made):
    rows, codes, weights, _ = made
    scores = unit(rows)[0] @ unit(rows)[0].T
    slope = LOSSES[name].value(scores, *masks(codes), weights)[1]
    assert np.all(np.diag(slope) == 0)


@pytest.mark.parametrize("name", CENTRES)
def test_a_weight_counts_as_often_as_the_row_would(name, made):
    rows, codes, _, centres = made
    scores = unit(rows)[0] @ unit(centres)[0].T
    times = np.arange(N) % 3
    weighted = LOSSES[name].value(scores, codes, times.astype(float))[0]
    again = np.repeat(np.arange(N), times)
    assert weighted == pytest.approx(LOSSES[name].value(scores[again], codes[again], np.ones(len(again)))[0])


def test_a_weight_of_zero_takes_an_anchor_out(made):
    rows, codes, _, _ = made
    scores = unit(rows)[0] @ unit(rows)[0].T
    for name in ("triplet", "supcon", "mnrl", "circle"):
        positive, negative = masks(codes)
        weights = np.ones(N)
        weights[7:] = 0
        assert LOSSES[name].value(scores, positive, negative, weights)[0] == pytest.approx(
            LOSSES[name].value(scores[:7], positive[:7], negative[:7], np.ones(7))[0]
        )


def test_a_loss_takes_numbers_and_refuses_what_it_has_not(made):
    rows, codes, weights, centres = made
    scores = unit(rows)[0] @ unit(centres)[0].T
    assert loss_named("cosface:margin=0.1,scale=8").value(scores, codes, weights)[0] == pytest.approx(
        LOSSES["cosface"].value(scores, codes, weights, margin=0.1, scale=8)[0]
    )
    for wrong in ("arcfase", "arcface:temperature=2", "arcface:margin", "triplet:margin=-1"):
        with pytest.raises(InputError, match="loss"):
            loss_named(wrong)


# Against torch and pytorch-metric-learning


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="torch is the referee of the losses; it is not installed")


def differentiated(torch, scores, function):
    """Value and gradient of a function of scores, by torch."""
    at = torch.tensor(scores, requires_grad=True)
    value = function(at)
    value.backward()
    return value.item(), at.grad.numpy()


def by_hand(torch, name, codes):
    """The losses from their papers in torch's words, of one anchor at a time."""
    functional = torch.nn.functional
    n = len(codes)

    def each(anchor):
        others = [i for i in range(n) if i != anchor]
        alike = [i for i in others if codes[i] == codes[anchor]]
        return others, alike, [i for i in others if codes[i] != codes[anchor]]

    def triplet(s):
        parts = []
        for a in range(n):
            _, alike, strange = each(a)
            if alike and strange:
                parts.append(torch.relu(s[a, strange].max() - s[a, alike].min() + 0.5))
        return torch.stack(parts).mean()

    def contrastive(s):
        same = torch.tensor(masks(codes)[0])
        other = torch.tensor(masks(codes)[1])
        return 0.5 * ((1 - s[same]) ** 2).mean() + 0.5 * (torch.relu(0.5 - (1 - s[other])) ** 2).mean()

    def online_contrastive(s):  # as sentence-transformers has it, on all pairs of the batch
        distance = 1 - s
        same, other = (distance[torch.tensor(mask)] for mask in masks(codes))
        far, near = same[same > other.min()], other[other < same.max()]
        return ((far**2).sum() + (torch.relu(0.5 - near) ** 2).sum()) / n

    def mnrl(s):
        parts = []
        for a in range(n):
            _, alike, strange = each(a)
            if alike and strange:
                own = [functional.cross_entropy(s[a, [p, *strange]][None] / 0.05, torch.tensor([0])) for p in alike]
                parts.append(torch.stack(own).mean())
        return torch.stack(parts).mean()

    def supcon(s):
        parts = []
        for a in range(n):
            others, alike, _ = each(a)
            if alike:
                parts.append(torch.logsumexp(s[a, others] / 0.1, 0) - (s[a, alike] / 0.1).mean())
        return torch.stack(parts).mean()

    def circle(s):
        parts, m, scale = [], 0.25, 64
        for a in range(n):
            _, alike, strange = each(a)
            if alike and strange:
                p, q = s[a, alike], s[a, strange]
                pull = torch.relu(1 + m - p.detach())
                push = torch.relu(q.detach() + m)
                total = torch.logsumexp(scale * push * (q - m), 0) + torch.logsumexp(-scale * pull * (p - 1 + m), 0)
                parts.append(functional.softplus(total))
        return torch.stack(parts).mean()

    return locals()[name]


@pytest.mark.parametrize("name", PAIRS)
def test_losses_of_rows_equal_those_written_in_torch(name, made, torch):
    rows, codes, _, _ = made
    scores = unit(rows)[0] @ unit(rows)[0].T
    value, slope = LOSSES[name].value(scores, *masks(codes), np.ones(N))
    wanted, gradient = differentiated(torch, scores, by_hand(torch, name, codes))
    assert value == pytest.approx(wanted, rel=1e-9)
    assert np.allclose(slope, gradient, atol=1e-9)


@pytest.mark.parametrize("name", ["softmax", "arcface", "cosface", "supcon", "circle", "triplet"])
def test_losses_equal_those_of_pytorch_metric_learning(name, made, torch):
    losses = pytest.importorskip("pytorch_metric_learning.losses", reason="pytorch-metric-learning is not installed")
    from pytorch_metric_learning import distances, miners, reducers

    rows, codes, _, centres = made
    rows = np.concatenate(
        [rows, 0.2 * rows[:GROUPS] - centres]
    )  # some lie on the far side of their centre, beyond ArcFace's turning point
    codes = np.concatenate([codes, np.arange(GROUPS)])
    given, labels = torch.tensor(rows, requires_grad=True), torch.tensor(codes)
    if name in CENTRES:
        theirs = {
            "softmax": lambda: losses.NormalizedSoftmaxLoss(GROUPS, DIM, temperature=0.05),
            "arcface": lambda: losses.ArcFaceLoss(GROUPS, DIM, margin=np.rad2deg(0.5), scale=64),
            "cosface": lambda: losses.CosFaceLoss(GROUPS, DIM, margin=0.35, scale=64),
        }[name]()
        theirs.W.data = torch.tensor(centres.T)
        value = theirs(given, labels)
    elif name == "triplet":
        cosine = distances.CosineSimilarity()
        theirs = losses.TripletMarginLoss(margin=0.5, distance=cosine, reducer=reducers.MeanReducer())
        value = theirs(given, labels, miners.BatchHardMiner(distance=cosine)(given, labels))
    else:
        made_by = {"supcon": losses.SupConLoss, "circle": losses.CircleLoss}[name]
        options = {"supcon": {"temperature": 0.1}, "circle": {"m": 0.25, "gamma": 64}}[name]
        value = made_by(**options)(given, labels)
    value.backward()
    near, lengths = unit(rows)
    if name in CENTRES:
        directions, sizes = unit(centres)
        ours, slope = LOSSES[name].value(near @ directions.T, codes, np.ones(len(codes)))
        gradient = slope @ directions
        assert np.allclose(unit_back(directions, sizes, slope.T @ near), theirs.W.grad.numpy().T, atol=1e-6)
    else:
        ours, slope = LOSSES[name].value(near @ near.T, *masks(codes), np.ones(len(codes)))
        gradient = slope @ near + slope.T @ near
    assert ours == pytest.approx(value.item(), rel=1e-6)
    assert np.allclose(unit_back(near, lengths, gradient), given.grad.numpy(), atol=1e-6)


def test_mnrl_of_pairs_is_the_one_of_sentence_transformers(made, torch):
    """One partner an anchor, the other partners its negatives: plain cross-entropy over the batch."""
    rng = np.random.default_rng(0)
    anchors, partners = (unit(rng.normal(size=(16, DIM)))[0] for _ in range(2))
    scores, own = anchors @ partners.T, np.eye(16, dtype=bool)
    value, slope = LOSSES["mnrl"].value(scores, own, ~own, np.ones(16))
    wanted, gradient = differentiated(
        torch, scores, lambda s: torch.nn.functional.cross_entropy(s * 20, torch.arange(16))
    )
    assert value == pytest.approx(wanted)
    assert np.allclose(slope, gradient)


# Heads


@pytest.mark.parametrize("name", HEADS)
def test_a_head_begins_as_the_identity(name):
    rows = unit(np.random.default_rng(0).normal(size=(100, 32)).astype(np.float32))[0]
    arrays = HEADS[name].start(rows, 32, np.random.default_rng(0))
    embedded = unit(HEADS[name].forward(arrays, rows))[0]
    assert np.linalg.norm(embedded - rows, axis=1).max() < 0.05


@pytest.mark.parametrize("name", HEADS)
def test_the_gradient_of_a_head_is_its_derivative(name):
    rng = np.random.default_rng(0)
    rows, wanted = rng.normal(size=(9, 6)), rng.normal(size=(9, 6))
    arrays = HEADS[name].start(rows, 6, rng)
    arrays = {key: array + rng.normal(0, 0.3, array.shape) for key, array in arrays.items()}
    found = HEADS[name].backward(arrays, rows, wanted)
    assert found.keys() == arrays.keys()
    for key in arrays:

        def value(array, key=key):
            return float((HEADS[name].forward({**arrays, key: array}, rows) * wanted).sum())

        assert np.allclose(found[key], slope_of(value, arrays[key]), atol=1e-6), key


def test_the_gradient_through_unit_length_is_its_derivative():
    rng = np.random.default_rng(0)
    rows, wanted = rng.normal(size=(5, 4)), rng.normal(size=(5, 4))
    near, lengths = unit(rows)
    found = unit_back(near, lengths, wanted)
    assert np.allclose(found, slope_of(lambda r: float((unit(r)[0] * wanted).sum()), rows), atol=1e-6)


@pytest.mark.parametrize("name", HEADS)
def test_a_projection_does_what_the_trained_head_did(name, tmp_path):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(50, 16)).astype(np.float32)
    arrays = HEADS[name].start(rows, 16, rng)
    arrays = {key: (array + rng.normal(0, 0.2, array.shape)).astype(np.float32) for key, array in arrays.items()}
    projection = projection_of(name, arrays)
    found = projection.apply(rows)
    assert np.allclose(found, unit(HEADS[name].forward(arrays, unit(rows)[0]))[0], atol=1e-5)
    projection.save(tmp_path / "made.head")
    again = type(projection).load(tmp_path / "made.head").apply(rows)
    assert found.tobytes() == again.tobytes()
