"""``nearmost finetune`` and what takes its head: the index, and ``nearmost evaluate --retrieval``."""

from __future__ import annotations

import importlib.util
import json

import numpy as np
import pytest

import nearmost as nm

pytest.importorskip("sklearn", reason="the encoder lsa needs scikit-learn")

TOPICS = {
    "sea": ["harbour", "sailor", "anchor", "tide", "wave", "ship", "mast"],
    "sky": ["pilot", "cloud", "runway", "wing", "engine", "jet", "storm"],
    "soil": ["farmer", "plough", "seed", "harvest", "field", "barn", "tractor"],
}
SMALL_TALK = ["today", "people", "said", "that", "many", "would", "come", "again", "after", "long", "week", "nobody"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Labelled texts to learn from and to try it on, and an index of all of them with an encoder that learned."""
    folder = tmp_path_factory.mktemp("finetune")
    rng = np.random.default_rng(0)

    def records(n):
        for _ in range(n):
            label = str(rng.choice(list(TOPICS)))
            words = [*rng.choice(TOPICS[label], 1), *rng.choice(SMALL_TALK, 4), f"day{rng.integers(12)}"]
            yield {
                "text": " ".join(rng.permutation(words)),
                "label": label,
                "sure": round(float(rng.uniform(0.5, 1)), 2),
            }

    everything = []
    for name, n in (("train", 400), ("test", 200)):
        made = list(records(n))
        (folder / f"{name}.jsonl").write_text("".join(f"{json.dumps(record)}\n" for record in made))
        everything += [record["text"] for record in made]
    nm.Index.build(nm.Corpus.of(everything), encoder="lsa:32").save(folder / "all.nearmost")
    return folder


@pytest.fixture(scope="module")
def head(files):
    from nearmost.cli import main

    made = files / "a.head"
    options = ["--encoder-of", files / "all.nearmost", "-o", made]
    assert main([str(one) for one in ("finetune", files / "train.jsonl", *options)]) == 0
    return made


def evaluated(run, files, *options):
    return run("evaluate", files / "test.jsonl", "--retrieval", "--encoder-of", files / "all.nearmost", *options)


def test_a_head_is_trained_and_measured_on_other_texts(run, files, head, tmp_path):
    document = json.loads(evaluated(run, files, "--head", head, "--json").out)
    before, after = (document["figures"]["precision@10"][side] for side in ("before", "after"))
    assert after > before + 0.1
    told = evaluated(run, files, "--head", head, "--report", tmp_path / "page.html")
    assert f"{before:.4f}   {after:.4f}" in told.out.replace("  ", "   ").replace("    ", "   ")
    assert "harbour" in (tmp_path / "page.html").read_text() or "Gained most" in (tmp_path / "page.html").read_text()
    alone = json.loads(evaluated(run, files, "--json").out)
    assert alone["figures"]["precision@10"] == before


def test_an_index_is_refitted_with_the_head(files, head):
    index = nm.Index.open(files / "all.nearmost")
    better = index.refit(nm.Projection.load(head))
    texts = [json.loads(line) for line in (files / "test.jsonl").read_text().splitlines()]
    labels = np.array([*(json.loads(line)["label"] for line in (files / "train.jsonl").read_text().splitlines())])
    right = []
    for searched in (index, better):
        ids = searched.search([one["text"] for one in texts[:60]], 10, allow=np.arange(600) < 400).ids
        right.append(np.mean([labels[row] == one["label"] for one, row in zip(texts, ids, strict=False)]))
    assert right[1] > right[0] + 0.04


def test_an_index_is_refitted_on_the_command_line_with_its_keys(run, files, head, tmp_path):
    before = (files / "all.nearmost").read_bytes()
    made = tmp_path / "better.nearmost"
    told = run("refit", files / "all.nearmost", "--head", head, "-o", made)
    assert told.status == 0
    assert "better.nearmost: 600 rows x 32, cosine, encoder lsa:32" in told.out
    assert "skip 32 -> 32" in told.out
    assert (files / "all.nearmost").read_bytes() == before
    wanted = nm.Index.open(files / "all.nearmost").refit(nm.Projection.load(head))
    with nm.Index.open(made) as better:
        rows = better.vectors().rows[:50]
        assert np.array_equal(better.search(rows, 5).ids, wanted.search(rows, 5).ids)
        assert list(better.keys) == list(wanted.keys)
        assert list(better.texts) == list(wanted.texts)
    assert run("verify", made).status == 0
    assert run("refit", made, "--project", "none").status == 0  # a head keeps full rows, and so there is a way back
    with nm.Index.open(made) as back, nm.Index.open(files / "all.nearmost") as first:
        assert np.array_equal(back.vectors().rows, first.vectors().rows)
        assert back.info()["projection"] is None


def test_what_a_head_finds_can_be_put_in_the_order_of_the_full_rows(run, files, head, tmp_path):
    made = tmp_path / "better.nearmost"
    assert run("refit", files / "all.nearmost", "--head", head, "-o", made).status == 0
    with nm.Index.open(made) as better, nm.Index.open(files / "all.nearmost") as plain:
        for option, wanted in (
            (["--rescore", "40"], better.search("harbour today", 5, rescore=40)),
            (["--rescore", "600"], plain.search("harbour today", 5)),
            ([], better.search("harbour today", 5, rescore=0)),
        ):
            found = json.loads(run("search", made, "harbour today", "-k", "5", *option, "--json").out)["neighbors"]
            assert [one["key"] for one in found] == [better.keys[row] for row in wanted.ids.tolist()]
    own = json.loads(run("search", made, "--key", "7", "-k", "5", "--rescore", "600", "--json").out)
    first = json.loads(run("search", files / "all.nearmost", "--key", "7", "-k", "5", "--json").out)
    assert [one["key"] for one in own["neighbors"]] == [one["key"] for one in first["neighbors"]]


def test_refitting_in_place_never_loses_the_rows(run, files, tmp_path):
    own = tmp_path / "own.nearmost"
    own.write_bytes((files / "all.nearmost").read_bytes())
    lost = run("refit", own, "--project", "8")
    assert (lost.status, "would be lost: name another file with -o, or say --keep-full" in lost.err) == (1, True)
    assert own.read_bytes() == (files / "all.nearmost").read_bytes()
    assert json.loads(run("refit", own, "--project", "pca:8", "--keep-full", "--json").out)["dim"] == 8
    assert run("refit", own, "--project", "8", "--drop-full").status == 1
    assert run("refit", own, "--project", "8", "--drop-full", "-o", tmp_path / "small.nearmost").status == 0
    again = run("refit", tmp_path / "small.nearmost", "--project", "4", "-o", tmp_path / "smaller.nearmost")
    assert (again.status, "what they were before is lost" in again.err) == (1, True)
    assert not (tmp_path / "smaller.nearmost").exists()
    gone = run("refit", tmp_path / "none.nearmost", "--head", "x.head")
    assert (gone.status, "none.nearmost" in gone.err) == (1, True)
    kept = tmp_path / "notes.txt"
    kept.write_text("notes")
    assert run("refit", own, "--project", "none", "-o", kept).status == 1
    assert kept.read_text() == "notes"


def test_texts_of_several_columns_are_read_by_a_template(run, files, tmp_path):
    records = [json.loads(line) for line in (files / "train.jsonl").read_text().splitlines()]
    with (tmp_path / "two.jsonl").open("w") as two, (tmp_path / "one.jsonl").open("w") as one:
        for record in records:
            first, _, rest = record["text"].partition(" ")
            two.write(json.dumps({"title": first, "body": rest, "label": record["label"]}) + "\n")
            one.write(json.dumps({"text": f"{first}. {rest}", "label": record["label"]}) + "\n")
    options = ["--encoder-of", files / "all.nearmost", "--epochs", "2", "-o"]
    assert (
        run("finetune", tmp_path / "two.jsonl", "--text", "{title}. {body}", *options, tmp_path / "t.head").status == 0
    )
    assert run("finetune", tmp_path / "one.jsonl", *options, tmp_path / "o.head").status == 0
    assert (tmp_path / "t.head").read_bytes() == (tmp_path / "o.head").read_bytes()


def test_the_whole_encoder_wants_one_that_can_be_trained_before_it_reads(run, tmp_path):
    wrong = run("finetune", tmp_path / "none.jsonl", "--whole", "-o", tmp_path / "made")
    assert (wrong.status, "encoder 'minilm' cannot be trained here; wanted st:NAME or st:FOLDER" in wrong.err) == (
        1,
        True,
    )
    if importlib.util.find_spec("accelerate") is None:
        without = run("finetune", tmp_path / "none.jsonl", "--whole", "--encoder", "st:x", "-o", tmp_path / "made")
        assert (without.status, "pip install 'nearmost[finetune]'" in without.err) == (1, True)


def test_the_same_command_makes_the_same_file(run, files, head, tmp_path):
    again = tmp_path / "again.head"
    ran = run("finetune", files / "train.jsonl", "--encoder-of", files / "all.nearmost", "-o", again, "--json")
    assert again.read_bytes() == head.read_bytes()
    document = json.loads(ran.out)
    assert (document["dim_in"], document["dim_out"]) == (32, 32)
    assert document["epochs"][0]["loss"] is None
    assert document["epochs"][-1]["r_precision"] > document["epochs"][0]["r_precision"]


def test_labels_may_be_unsure_held_out_and_validated_elsewhere(run, files, tmp_path):
    options = ["--encoder-of", files / "all.nearmost", "-o", tmp_path / "b.head", "--confidence", "sure"]
    options += ["--valid", files / "test.jsonl", "--hold-out", "sea", "--head", "linear", "--dim", "8"]
    assert run("finetune", files / "train.jsonl", *options).status == 0
    found = evaluated(run, files, "--head", tmp_path / "b.head", "--unseen", "sea")
    assert "sea (not in training)" in found.out
    wrong = run("finetune", files / "train.jsonl", *options[:4], "--hold-out", "see")
    assert (wrong.status, "no row has this label; there are sea, sky, soil" in wrong.err) == (1, True)


def test_what_labelling_exported_goes_straight_in(run, files, tmp_path):
    """Labels by hand count in full, weak ones by their confidence, and rows without either are left out."""
    records = [json.loads(line) for line in (files / "train.jsonl").read_text().splitlines()]
    with (tmp_path / "exported.jsonl").open("w") as exported, (tmp_path / "plain.jsonl").open("w") as plain:
        for number, one in enumerate(records):
            manual, weak = (one["label"], None) if number % 4 == 0 else (None, one["label"] if number % 4 < 3 else None)
            sure = None if weak is None else f"{one['sure']:.4f}"
            row = {"text": one["text"], "__Topic__MANUAL": manual, "__Topic__WEAK_SUPERVISION": weak}
            exported.write(json.dumps({**row, "__Topic__WEAK_SUPERVISION__confidence": sure}) + "\n")
            told = {"text": one["text"], "label": manual or weak, "sure": 1 if manual else one["sure"] if weak else 0}
            plain.write(json.dumps(told) + "\n")
    options = ["--encoder-of", files / "all.nearmost", "--epochs", "3"]
    assert (
        run("finetune", tmp_path / "exported.jsonl", "--task", "Topic", *options, "-o", tmp_path / "e.head").status == 0
    )
    told = run("finetune", tmp_path / "plain.jsonl", "--confidence", "sure", *options, "-o", tmp_path / "p.head")
    assert told.status == 0
    assert (tmp_path / "e.head").read_bytes() == (tmp_path / "p.head").read_bytes()


def test_pairs_of_texts_are_two_columns(run, files, tmp_path):
    rng = np.random.default_rng(1)
    lines = ["question,answer"]
    for _ in range(300):
        words = TOPICS[str(rng.choice(list(TOPICS)))]
        lines.append(",".join(" ".join([*rng.choice(words, 2), *rng.choice(SMALL_TALK, 6)]) for _ in range(2)))
    (tmp_path / "pairs.csv").write_text("\n".join(lines))
    options = ["--text", "question", "--other", "answer", "--encoder-of", files / "all.nearmost", "--stop-on", "mrr"]
    assert run("finetune", tmp_path / "pairs.csv", *options, "-o", tmp_path / "c.head").status == 0
    assert nm.Projection.load(tmp_path / "c.head").dim_in == 32


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["finetune", "x.csv", "-o", "y", "--whole", "--head", "mlp"], "leave --head"),
        (["finetune", "x.csv", "-o", "y", "--restart"], "goes with --whole"),
        (["refit", "x.nearmost", "--project", "none", "--keep-full"], "the rows are full"),
        (["evaluate", "x", "--head", "y"], "go with --retrieval"),
        (["evaluate", "x", "--retrieval", "--report", "y.html"], "go with --head"),
        (["evaluate", "x", "--retrieval", "--pairs", "y"], "--retrieval alone"),
        (["finetune", "x.csv", "-o", "no/where.head"], "no such folder"),
    ],
)
def test_wrong_usage_is_told(run, arguments, says):
    ran = run(*arguments)
    assert ran.status == 2
    assert says in ran.err
