"""The golden flow (ams-api.md section 15), request by request, over TLS with a plain HTTP client."""

import ssl

import httpx

from tests.fakes.ams_api import SERVICE
from tests.fakes.ams_server import AmsServer

SUB = "/v1/projects/P/subscriptions/S"
ACK = "projects/P/subscriptions/S"


def test_fourteen_requests(tmp_path):
    with AmsServer(tmp_path) as server:
        trust = ssl.create_default_context(cafile=str(server.authority.certificate))
        with httpx.Client(verify=trust, base_url=f"https://{server.endpoint}", trust_env=False) as client:

            def ask(method, path, token, body=None):
                answer = client.request(method, path, json=body, headers={"x-api-key": token})
                assert answer.status_code == 200, answer.text
                return answer.json()

            ask("POST", "/v1/projects/P", SERVICE, {"description": "d"})
            admin = {"email": "a@b", "projects": [{"project": "P", "roles": ["project_admin"]}]}
            padm = ask("POST", "/v1/users/padm", SERVICE, admin)["token"]
            member = {"projects": [{"project": "P", "roles": ["publisher", "consumer"]}], "email": "c@d"}
            ps = ask("POST", "/v1/projects/P/members/ps", padm, member)["token"]
            ask("PUT", "/v1/projects/P/topics/T", padm)
            ask("POST", "/v1/projects/P/topics/T:modifyAcl", padm, {"authorized_users": ["ps"]})
            ask("PUT", SUB, padm, {"topic": "projects/P/topics/T", "ackDeadlineSeconds": 300, "pushConfig": {}})
            ask("POST", f"{SUB}:modifyAcl", padm, {"authorized_users": ["ps"]})
            messages = [{"attributes": {}, "data": "msg 1"}, {"attributes": {}, "data": "msg 2"}]
            published = ask("POST", "/v1/projects/P/topics/T:publish", ps, {"messages": messages})
            assert published["messageIds"] == ["0", "1"]
            for number in (0, 1):
                (received,) = ask("POST", f"{SUB}:pull", ps, {"maxMessages": "1"})["receivedMessages"]
                assert received["ackId"] == f"{ACK}:{number}"
                assert received["message"]["data"] == f"msg {number + 1}"
                assert received["message"]["messageId"] == str(number)
                if number == 0:
                    ask("POST", f"{SUB}:acknowledge", ps, {"ackIds": [received["ackId"]]})
            for path in ("/v1/users/padm", "/v1/users/ps", "/v1/projects/P"):
                ask("DELETE", path, SERVICE)
