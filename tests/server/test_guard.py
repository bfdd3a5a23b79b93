"""Only the browser that was handed the token, from the server's own pages, is answered."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from nearmost.errors import InputError
from nearmost.label import Project
from nearmost.server.guard import Guard, Guarded
from nearmost.server.serving import serve
from nearmost.server.workbench import workbench

PATHS = ["/", "/browse", "/label", "/api/records", "/export/file", "/static/page.js", "/labels.css", "/nothing"]


@pytest.fixture
def stranger(project: Project, guard: Guard) -> Any:
    return TestClient(Guarded(workbench(project, guard), guard), base_url="http://127.0.0.1:8123")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("shown", [{}, {"token": "wrong"}, {"token": ""}])
def test_without_the_token_nothing_is_answered(stranger: Any, path: str, shown: dict[str, str]) -> None:
    assert stranger.get(path, params=shown).status_code == 403
    assert stranger.post(path, params=shown, json={}).status_code == 403


def test_the_printed_address_hands_the_token_over_and_hides_it(stranger: Any, guard: Guard) -> None:
    answer = stranger.get(guard.address.removeprefix("http://127.0.0.1:8123"), follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert stranger.get("/").status_code == 200  # with the cookie
    assert guard.token not in stranger.get("/").text


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1:1", "127.0.0.1.evil.example:8123", "", "localhost:80"])
def test_a_name_that_was_bent_to_this_machine_is_refused(client: Any, host: str) -> None:
    assert client.get("/api/records", headers={"host": host}).status_code == 403
    assert client.get("/api/records", headers={"host": "localhost:8123"}).status_code in (200, 403)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1:8123", "http://127.0.0.1:8124"])
def test_requests_from_pages_of_other_sites_are_refused(client: Any, project: Project, origin: str) -> None:
    body = {"task": "Topic", "record": 0, "label": "Sports"}
    assert client.post("/api/annotate", json=body, headers={"origin": origin}).status_code == 403
    assert client.post("/api/annotate", json=body, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert project.manual("Topic")[0] == -1
    own = {"origin": "http://127.0.0.1:8123", "sec-fetch-site": "same-origin"}
    assert client.post("/api/annotate", json=body, headers=own).status_code == 200
    assert project.manual("Topic")[0] == 0


def test_every_answer_carries_the_policy_and_no_page_breaks_it(client: Any) -> None:
    for path in ("/", "/browse", "/label", "/heuristics", "/map", "/export"):
        answer = client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert " style=" not in answer.text
        assert " onclick=" not in answer.text
        assert answer.text.count("<script") == answer.text.count('<script type="application/json"') + answer.text.count(
            'src="/static/'
        )
        assert "http://" not in answer.text.replace("http://www.w3.org", "")
        assert "https://" not in answer.text


def test_what_users_wrote_is_text_and_never_markup(client: Any, project: Project) -> None:
    assert "News &lt;b&gt;&amp;" in client.get("/").text
    project.add_records([{"id": "x", "headline": "</script><script>alert(1)</script>", "body": "<img src=x>"}])
    project.save_slice("'><script>", "x")
    for path in ("/browse", "/export"):
        text = client.get(path).text
        assert "<script>alert" not in text
        assert "'><script>" not in text


def test_a_huge_request_is_refused_unread(client: Any) -> None:
    answer = client.post("/api/annotate", content=b"{}", headers={"content-length": str(1 << 40)})
    assert answer.status_code == 413


def test_only_this_machine_is_served() -> None:
    for host in ("0.0.0.0", "192.168.1.4", "example.org"):
        with pytest.raises(InputError, match="this machine alone"):
            serve(lambda guard: None, host=host, ready=None)  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize("port", [-1, 65536, 99999999])
def test_a_port_that_cannot_be_is_refused(port: int) -> None:
    with pytest.raises(InputError, match=f"port is {port}"):
        serve(lambda guard: pytest.fail("nothing is to be served"), port=port, ready=None)
