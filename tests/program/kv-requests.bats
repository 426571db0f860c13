# kv-manifest --requests: any requests, answered as they are, durably.
load ../helper
load ../quiz

# requests N [JQ] - requests.jsonl of N lines, edited by a jq filter, and a server that answers them
requests() {
    bench 3
    start_provider --answers answers.jsonl ${3:+--script "$3"}
    quiz_preset 1
    seq "$1" | jq -c '{custom_id: "r \(.)", method: "POST", url: "/v1/chat/completions",
        body: {model: "m1", messages: [{role: "user", content: "What is number \(.)?"}], seed: 12345678901234567890}} | '"${2:-.}" \
        >requests.jsonl
}

begin() {
    kv-manifest --requests requests.jsonl -c preset.json -o r.json "$@" >/dev/null
}

@test "requests: each becomes a line of OpenAI's batch output, and goes on after a stop" {
    requests 3
    begin
    assert_equal "$(kv-status --pending r.json.state | jq -r .task_id | tr '\n' ,)" 'r 1,r 2,r 3,'
    kv-run --max-tasks 1 r.json.state 2>/dev/null | kv-append -q r.json.state
    kv-run r.json.state | kv-append -q r.json.state
    assert_equal "$(asked true)" 3
    kv-finalize --jsonl r.json.state >summary
    assert_equal "$(jq -r .jsonl_path summary)" r.jsonl
    run jq -c '[keys_unsorted, .task_id == .custom_id, .response.status_code, .error,
        .response.body.choices[0].message.content]' r.jsonl
    assert_line -n 0 '[["id","custom_id","response","error","task_id"],true,200,null,"It is 1."]'
    assert_line -n 2 '[["id","custom_id","response","error","task_id"],true,200,null,"It is 3."]'
    rm r.jsonl
    kv-finalize --jsonl r.json >/dev/null # asked for again
    assert_equal "$(wc -l <r.jsonl)" 3
}

@test "requests: bodies are sent byte for byte, to their paths" {
    printf '%s\n' 'import sys, http.server' 'class H(http.server.BaseHTTPRequestHandler):' \
        '    def do_POST(self):' \
        '        body = self.rfile.read(int(self.headers["Content-Length"]))' \
        '        open("seen", "ab").write(self.path.encode() + b" " + body + b"\n")' \
        '        reply = b"{\"object\":\"list\",\"data\":[1.0, 2e0],\"usage\":{\"prompt_tokens\":7,\"total_tokens\":7}}"' \
        '        self.send_response(200); self.send_header("Content-Length", str(len(reply))); self.end_headers()' \
        '        self.wfile.write(reply)' \
        '    def log_message(self, *a): pass' \
        's = http.server.HTTPServer(("127.0.0.1", 0), H); print(s.server_port, flush=True)' \
        's.timeout = 60' '[s.handle_request() for _ in range(2)]' >server.py
    mkfifo port
    python3 server.py >port 3>&- &
    read -r PROVIDER_PORT <port
    PROVIDER_URL=http://127.0.0.1:$PROVIDER_PORT
    quiz_preset 1 '.async_max_workers = 1'
    printf '%s\n' '{"custom_id":"e","method":"POST","url":"/v1/embeddings","body":{"model":"m1", "input":"é\u00e9", "x":1.50e+3}}' \
        '{"custom_id":"c","method":"POST","url":"/v1/chat/completions","body":{"messages":[],"model":"m1"}}' >requests.jsonl
    begin
    kv-run r.json.state >rows
    wait
    assert_equal "$(cat seen)" '/v1/embeddings {"model":"m1", "input":"é\u00e9", "x":1.50e+3}
/v1/chat/completions {"messages":[],"model":"m1"}'
    [[ $(head -n 1 rows) == *'"body":{"object":"list","data":[1.0,2e0],"usage":{"prompt_tokens":7,"total_tokens":7}}},"error":null'* ]]
}

@test "requests: limits of tokens go on where earlier runs have stopped" {
    requests 3
    begin
    kv-run --max-tasks 2 r.json.state 2>/dev/null | kv-append -q r.json.state
    run --separate-stderr kv-run --max-tokens 20 r.json.state
    assert_failure 1
    assert_stdout ''
    assert_stderr 'kv-run: stopped by --max-tokens; 1 task is pending'
}

# replies - rows of four protocols, one that does not say what it used, and a failure
replies() {
    jq -c '{id: "x", custom_id: .[0], response: .[1], error: null, task_id: .[0]}' >rows <<'END'
["r 1", {"status_code": 200, "body": {"model": "m1-x", "choices": [{"finish_reason": "length"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}}}}]
["r 2", {"status_code": 200, "body": {"type": "message", "model": "claude-x", "stop_reason": "end_turn",
    "usage": {"input_tokens": 7, "cache_read_input_tokens": 3, "output_tokens": 2}}}]
["r 3", {"status_code": 200, "body": {"object": "response", "model": "m1-x", "status": "incomplete",
    "incomplete_details": {"reason": "max_output_tokens"},
    "usage": {"input_tokens": 100, "output_tokens": 50, "output_tokens_details": {"reasoning_tokens": 20}}}}]
["r 4", {"status_code": 200, "body": {"modelVersion": "gemini-x", "candidates": [{"finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 1000, "candidatesTokenCount": 200, "thoughtsTokenCount": 300}}}]
["r 5", {"status_code": 200, "body": {"object": "list", "model": "e-x", "data": [], "usage": {"prompt_tokens": 8, "total_tokens": 8}}}]
["r 6", {"status_code": 200, "body": {"model": "silent-x", "choices": []}}]
["r 7", null]
END
}

@test "requests: what replies say of their use is counted in every protocol, and what none says is null" {
    requests 7
    begin
    replies
    kv-append -q r.json.state rows
    run kv-status --usage r.json.state
    assert_equal "$(jq -c '.usage[] | [.model, .calls, .uncounted, .input, .cached, .output, .reasoning, .truncated]' <<<"$output")" \
        '["m1-x",2,0,110,4,55,20,2]
["claude-x",1,0,10,3,2,null,0]
["gemini-x",1,0,1000,null,500,300,0]
["e-x",1,0,8,null,0,null,0]
["silent-x",1,1,null,null,null,null,0]'
    kv-finalize r.json.state >summary
    assert_equal "$(jq -c .tokens summary)" '{"input":1128,"output":557,"total":1685}'
    run jq -c '[.usage[] | [.model, .answers, .input_tokens, .output_tokens, .estimated]], .total.input_tokens' \
        <(kv-report --json r.json)
    assert_output '[["claude-x",1,10,2,0],["e-x",1,8,0,0],["gemini-x",1,1000,500,0],["m1-x",2,110,55,0],["silent-x",1,null,null,1]]
1128'
    run kv-report --text r.json
    assert_line --regexp '^silent-x +answers +1 +– +– +– +– +–$'
    refute_line --partial 'Differences'
}

@test "requests: where no reply says what it used, nothing is 0" {
    requests 2
    begin
    replies
    sed -n 's/r 6/r 1/gp' rows | kv-append -q r.json.state
    sed -n 's/r 7/r 2/gp' rows | kv-append -q r.json.state
    kv-finalize r.json.state >summary
    assert_equal "$(jq -c '[.tokens, .cost]' summary)" '[{"input":null,"output":null,"total":null},null]'
    assert_equal "$(kv-report --json r.json | jq -c '[.total.input_tokens, .total.output_tokens]')" '[null,null]'
}

@test "requests: what a run priced is told afterwards" {
    requests 2
    echo '{"m1": {"input": 1000000, "output": 2000000}}' >prices.json
    begin
    kv-run --prices prices.json r.json.state >rows
    kv-append -q r.json.state rows
    local cost
    cost=$(jq -s 'map(.response.body.usage | .prompt_tokens + 2 * .completion_tokens) | add' rows)
    assert [ "$cost" -gt 0 ]
    assert_equal "$(kv-status --usage r.json.state | jq '.cost + 0')" "$cost"
    assert_equal "$(kv-finalize r.json.state | jq '.cost + 0')" "$cost"
    assert_equal "$(kv-report --json r.json | jq '.total.cost + 0')" "$cost"
}

@test "requests: a cost that the service says in a header is counted, and told afterwards" {
    jq -n '{rules: [{do: {headers: {"x-litellm-response-cost": "0.25"}}}]}' >script.json
    requests 2 . script.json
    begin
    echo '{"m1": {"input": 1, "output": 2}}' >prices.json
    run --separate-stderr kv-run --prices prices.json --max-cost 1 r.json.state
    assert_success
    [[ $stderr == *'spent 0.50'* ]]
    kv-append -q r.json.state <<<"$output"
    assert_equal "$(jq -c '[.kv_cost, .kv_priced]' <<<"$output" | sort -u)" '[0.25,null]'
    assert_equal "$(kv-status --usage r.json.state | jq .cost)" 0.5
    assert_equal "$(kv-finalize r.json.state | jq .cost)" 0.5
    assert_equal "$(kv-report --json r.json | jq .total.cost)" 0.5
}

@test "requests: what is refused stays pending, and is a line with an error once it is given up" {
    jq -n '{rules: [{when: {contains: "number 2"}, do: {status: 400, error: {message: "no such parameter"}}}]}' >script.json
    requests 3 . script.json
    begin
    run --separate-stderr kv-run r.json.state
    assert_failure
    [[ $stderr == *'r 2: no answer from '*'400 bad_request'* ]]
    kv-append -q r.json.state <<<"$output"
    kv-run --give-up 1 r.json.state >row
    assert_equal "$(jq -c '[.custom_id, .response, .error.code, .failure.category]' row)" \
        '["r 2",null,"bad_request","unexpected_error"]'
    kv-append -q r.json.state <row
    assert_equal "$(kv-status r.json.state | jq .failed_count)" 1
}

@test "requests: mistakes are named by their lines, all of them, and nothing is written" {
    start_provider
    quiz_preset 1
    cat >requests.jsonl <<'END'
{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"m1"}}
{"custom_id":"b","method":"GET","url":"/v1/chat/completions","body":{"model":"m1"}}
{"custom_id":"c","method":"POST","url":"/v1/chat/completions","body":{"model":"m9"}}
{"custom_id":"d","method":"POST","url":"/v1/chat/completions","body":{"model":"m1","stream":true}}
END
    run --separate-stderr begin
    assert_failure 3
    assert_stderr 'kv-manifest: requests.jsonl:2: method: only "POST" is known
kv-manifest: requests.jsonl:3: body.model: is none of the answering models of the configuration
kv-manifest: requests.jsonl:4: body.stream: a reply that comes in pieces is no line of a file; leave it out'
    assert [ ! -e r.json.state ]
    sed -n '1p;1p' requests.jsonl >twice && mv twice requests.jsonl
    run --separate-stderr begin
    assert_failure 3
    assert_stderr "kv-manifest: requests.jsonl: the task 'a' is there twice"
}

@test "requests: a file without a request, and all that a line lacks, are told" {
    start_provider
    quiz_preset 1
    : >requests.jsonl
    run --separate-stderr begin
    assert_failure 3
    assert_stderr 'kv-manifest: requests.jsonl: there is no request in it'
    echo '{"custom_id":"a"}' >requests.jsonl
    run --separate-stderr begin
    assert_failure 3
    assert_stderr 'kv-manifest: requests.jsonl:1: url: a path is expected, as "/v1/chat/completions"; body: an object is expected'
    assert [ ! -e r.json.state ]
}

@test "requests: a request that was added to a finished file is asked alone by the command that is said" {
    requests 2
    begin
    kv-run r.json.state | kv-append -q r.json.state
    kv-finalize r.json.state >/dev/null
    begin --if-absent
    sed 's/r 2/r 3/; s/number 2/number 3/' requests.jsonl | tail -n 1 >more
    cat more >>requests.jsonl
    run --separate-stderr begin --if-absent
    assert_failure 1
    assert [ ! -e r.json.state ]
    refute_regex "$stderr" extend-from
    sh -c "$(sed 's/.*say the same: \([^;]*\);.*/\1/' <<<"$stderr")" >/dev/null
    kv-run NEW.json.state | kv-append -q NEW.json.state
    kv-status -q NEW.json.state
    assert_equal "$(asked true)" 3
}

@test "requests: --check asks the models of the requests, and no judge" {
    requests 2
    begin
    run --separate-stderr kv-run --check r.json.state
    assert_success
    assert_equal "$(jq -r .model <<<"$output")" 'openai_endpoint:m1 (a1)'
}

@test "requests: a file that says something else now is refused" {
    requests 2
    begin
    sed -i 's/number 2/number 3/' requests.jsonl
    run --separate-stderr kv-run r.json.state
    assert_failure 3
    assert_stderr 'kv-run: requests.jsonl: has other requests than the run was begun with; put that right, or begin a new one'
    run --separate-stderr begin --if-absent
    assert_failure 1
    [[ $stderr == *'its requests were other ones'* ]]
}

@test "requests: --dry-run, and what says how questions are asked, is for questions" {
    requests 1
    begin
    run --separate-stderr kv-run --dry-run r.json.state
    assert_failure 2
    assert_stderr "kv-run: r.json.state: its tasks are requests, which are sent as they are: --dry-run is for questions (try 'kv-run --help')"
    for option in answer-cmd judge-cmd judge-fallback template-cmd manual-traces replay; do
        run --separate-stderr kv-run "--$option" j r.json.state
        assert_failure 2
        assert_stderr "kv-run: r.json.state: its tasks are requests, which are sent as they are: --$option is for questions (try 'kv-run --help')"
    done
    run --separate-stderr kv-manifest --requests requests.jsonl -c preset.json -o s.json --template-cmd cat
    assert_failure 2
    assert_stderr "kv-manifest: --requests is a manifest without a benchmark: what is said of questions has no place in it (try 'kv-manifest --help')"
}

@test "requests: are deferred as they are, and replies from elsewhere are their results" {
    requests 3
    begin
    run --separate-stderr kv-run --defer d r.json.state
    assert_failure 1
    assert_stderr 'kv-run: 3 calls written to d (1 file); give their replies with --replies'
    cmp d/requests-1.jsonl requests.jsonl
    assert_equal "$(asked true)" 0
    python3 "$ROOT/tests/peer/engine.py" "$PROVIDER_URL" vllm <d/requests-1.jsonl >out
    : >"$JOURNAL"
    kv-run --replies out r.json.state >rows
    assert_equal "$(asked true)" 0
    kv-run r.json.state >online
    diff <(jq -c 'del(.response.request_id, .response.body.id)' rows | sort) \
        <(jq -c 'del(.response.request_id, .response.body.id)' online | sort)
}

@test "requests: a line that became another one while the run went is not sent" {
    echo '{"rules":[{"when":{},"do":{"latency_ms":1000}}]}' >script.json
    requests 2 . script.json
    begin
    kv-run -j 1 r.json.state >rows 2>said &
    until [ "$(asked true)" = 1 ]; do sleep 0.02; done
    sed 's/number 2/number 3/' requests.jsonl >changed
    cat changed >requests.jsonl
    wait $! || true
    assert_equal "$(asked true)" 1
    assert_equal "$(jq -r .task_id rows)" 'r 1'
    grep -qx 'kv-run: r 2: requests.jsonl: has changed since it was read' said
}

@test "requests: shards of a file are disjoint and cover it" {
    requests 3
    for i in 1 2; do
        kv-manifest --print --requests requests.jsonl -c preset.json --shard "$i/2"
    done >printed
    assert_equal "$(sort printed | tr '\n' ' ')" '{"task_id":"r 1"} {"task_id":"r 2"} {"task_id":"r 3"} '
}

@test "requests: the example of make answers a file, and goes on where it was stopped" {
    requests 3
    cp "$ROOT/share/examples/requests.mk" .
    make -s -f requests.mk >/dev/null
    assert_equal "$(jq -r '.response.body.choices[0].message.content' replies.jsonl | sort | tr '\n' ,)" \
        'It is 1.,It is 2.,It is 3.,'
    make -s -f requests.mk >/dev/null
    assert_equal "$(asked true)" 3
}
