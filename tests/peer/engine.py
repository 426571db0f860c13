"""engine - answers request lines as a batch service or an offline engine does: engine.py URL [FORM] <IN >OUT

Each body is posted to the server at URL, whose reply becomes a line in the form of FORM: openai, vllm,
vllm-old, anthropic, gemini or xai."""
import http.client
import json
import sys
from urllib.parse import urlsplit


def openai(key, status, body):
    return {"id": "batch_req_1", "custom_id": key, "response": {"status_code": status, "request_id": "r", "body": body},
            "error": None}


def vllm(key, status, body):
    whole = openai(key, status, body if status == 200 else None)
    whole["id"] = "vllm-1"
    whole["error"] = None if status == 200 else body
    return whole


def vllm_old(key, status, body):
    if status != 200:
        return vllm(key, status, body)
    return {"id": "vllm-1", "custom_id": key, "response": body, "error": None}


def anthropic(key, status, body):
    if status == 200:
        return {"custom_id": key, "result": {"type": "succeeded", "message": body}}
    return {"custom_id": key, "result": {"type": "errored", "error": body}}


def gemini(key, status, body):
    return {"key": key, "response": body} if status == 200 else {"key": key, "error": body["error"]}


def xai(key, status, body):
    if status == 200:
        return {"batch_request_id": key, "batch_result": {"response": {"chat_get_completion": body}}}
    return {"batch_request_id": key, "error_message": body["error"]["message"]}


def main():
    at = urlsplit(sys.argv[1])
    form = globals()[(sys.argv[2] if len(sys.argv) > 2 else "openai").replace("-", "_")]
    server = http.client.HTTPConnection(at.hostname, at.port)
    for line in sys.stdin:
        request = json.loads(line)
        assert list(request) == ["custom_id", "method", "url", "body"], line
        server.request("POST", request["url"], json.dumps(request["body"]), {"Content-Type": "application/json"})
        reply = server.getresponse()
        body = json.loads(reply.read())
        print(json.dumps(form(request["custom_id"], reply.status, body)), flush=True)


main()
