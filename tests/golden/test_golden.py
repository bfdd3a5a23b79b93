"""Files that earlier versions wrote stay readable for ever, and give the answers that are written down beside them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nearmost import store
from nearmost.index import Index

HERE = Path(__file__).parent
ANSWERS = json.loads((HERE / "answers.json").read_text())


def test_every_golden_file_has_its_answers() -> None:
    assert {path.name for path in HERE.glob("*.nearmost")} == set(ANSWERS)
    assert len(ANSWERS) >= 10


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_golden_file_gives_the_answers_of_its_day(name: str) -> None:
    wanted = ANSWERS[name]
    rows = np.array(wanted["rows"], dtype=np.float32)
    with Index.open(HERE / name, verify="full") as index:
        assert (len(index), index.dim, index.metric.name) == (*rows.shape, name.removesuffix(".nearmost").split("-")[1])
        assert list(index.keys) == wanted["keys"]
        assert index.texts is not None
        assert list(index.texts) == wanted["texts"]
        for row, key in enumerate(wanted["keys"]):
            assert index.keys.row(key) == row
            assert (index.vector(key) == rows[row]).all()
        for effort in (None, 1000):  # exactly, and through lists or links, all of them
            ids, scores = index.search(wanted["queries"], k=len(wanted["ids"][0]), effort=effort)
            assert ids.tolist() == wanted["ids"]
            np.testing.assert_allclose(scores, np.float32(wanted["scores"]), rtol=3e-7)
        assert index.info()["encoder"] == wanted["encoder"]


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_golden_file_holds_what_its_encoder_learnt(name: str) -> None:
    arrays = store.read(HERE / name, "full").arrays
    for section, numbers in ANSWERS[name]["encoder arrays"].items():
        assert arrays[section].tolist() == numbers
