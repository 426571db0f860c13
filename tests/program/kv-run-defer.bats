# kv-run --defer and --replies: calls that are asked elsewhere, by a batch service or an offline engine.
load ../helper
load ../quiz

# engine FILE... [-- FORM] - what an offline engine makes of request lines
engine() {
    local files=()
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        files+=("$1")
        shift
    done
    cat "${files[@]}" | python3 "$ROOT/tests/peer/engine.py" "$PROVIDER_URL" ${2:+"$2"}
}

# deferred JQ QUESTIONS - a run of which nothing has been asked, and a server for what plays the engine
deferred() {
    bench "${2:-3}"
    start_provider --answers answers.jsonl
    quiz_preset 1 "${1:-.}"
    kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
}

# comparable FILE - results without what differs between two runs of the same
comparable() {
    jq -cS 'del(.metadata.execution_time, .metadata.timestamp, .metadata.result_id, .template.usage_metadata,
        .evaluation_input) | del(.. | .run_name?)' "$1" | sort
}

@test "defer: calls are written as request lines, complete and named, and nothing is asked" {
    deferred
    run --separate-stderr kv-run --defer d r.json.state
    assert_failure 1
    assert_stdout ''
    assert_stderr 'kv-run: 3 calls written to d (1 file); give their replies with --replies'
    assert_equal "$(asked true)" 0
    run ls -A d
    assert_output $'endpoints.json\nrequests-1.jsonl'
    assert_equal "$(jq -c '[keys_unsorted, .method, .url, (.custom_id | test("^kv1-[0-9a-f]{40}$")), .body.model,
        (.body | has("stream"))]' d/requests-1.jsonl | sort -u)" \
        '[["custom_id","method","url","body"],"POST","/v1/chat/completions",true,"m1",false]'
    assert_equal "$(jq -c 'map(del(.bytes))' d/endpoints.json)" \
        "[{\"file\":\"requests-1.jsonl\",\"id\":\"a1\",\"model\":\"m1\",\"role\":\"answer\",\"wire\":\"chat\",\"url\":\"/v1/chat/completions\",\"base_url\":\"$PROVIDER_URL/v1\",\"dialect\":\"generic\",\"requests\":3}]"
    assert_equal "$(jq '.[0].bytes' d/endpoints.json)" "$(wc -c <d/requests-1.jsonl)"
}

@test "defer: the name of a call is that of its ten items, by printf and sha256sum (T1)" {
    deferred '.' 1
    kv-run --defer d r.json.state || true
    item() { printf '%d:%s,' "$(printf %s "$1" | wc -c)" "$1"; }
    settings=$(jq -c '.config.answering_models[0] | del(.endpoint_base_url, .endpoint_api_key, .anthropic_base_url,
        .anthropic_api_key)' r.json.state | sed 's/"temperature":0,/"temperature":0.0,/')
    expected=kv1-$({
        item kv-call-1
        item "$(jq -j '.created_at + "\n" + .config_hash' r.json.state | sha256sum | cut -c1-16)"
        item answer
        item q1
        item openai_endpoint:m1:a1:
        item ''
        item ''
        item 0
        item ''
        item "$(printf %s "$settings" | sha256sum | cut -c1-64)"
    } | sha256sum | cut -c1-40)
    assert_equal "$(jq -r .custom_id d/requests-1.jsonl)" "$expected"
}

@test "defer: twice over the same state is the same, byte for byte (T2)" {
    deferred '.answering_models += [.answering_models[0] | .id = "b"] | .replicate_count = 2' 5
    kv-run --defer d1 r.json.state || true
    kv-run --defer d2 r.json.state || true
    kv-run --defer d1 r.json.state || true
    diff -r d1 d2
    assert_equal "$(cat d1/requests-*.jsonl | wc -l)" 20
    assert_equal "$(cat d1/requests-*.jsonl | jq -r .custom_id | sort -u | wc -l)" 20
}

@test "defer: questions of equal text and replicates have names of their own (T3)" {
    start_provider
    bench 1
    sed 's/"q1"/"q2"/' bench.jsonl >>bench.jsonl.more && cat bench.jsonl.more >>bench.jsonl
    quiz_preset 1 '.replicate_count = 2'
    kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
    kv-run --defer d r.json.state || true
    assert_equal "$(jq -c .body d/requests-1.jsonl | sort -u | wc -l)" 1
    assert_equal "$(jq -r .custom_id d/requests-1.jsonl | sort -u | wc -l)" 4
}

@test "defer: no key is needed, and none is written" {
    bench 1
    start_provider
    quiz_preset 1 '(.answering_models[0], .parsing_models[0]) |= (.interface = "langchain" | .model_provider = "openai"
        | del(.endpoint_base_url))'
    kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
    run --separate-stderr kv-run r.json.state
    assert_failure 5
    run --separate-stderr kv-run --defer d r.json.state
    assert_failure 1
    assert_equal "$(jq -r '.[0] | .dialect, .base_url' d/endpoints.json)" $'openai\nhttps://api.openai.com/v1'
    OPENAI_API_KEY=sk-canary-Zq7wX31vLmT9 kv-run --defer d r.json.state || true
    run ! grep -r canary d r.json.state
}

@test "defer: three rounds with an abstention check give the rows of an ordinary run (T23)" {
    deferred '.abstention_enabled = true | .parsing_models += [.parsing_models[0] | .id = "k"]' 4
    cp preset.json other.json
    kv-manifest -b bench.jsonl -c other.json -o online.json >/dev/null
    kv-run online.json.state >online
    asked_online=$(asked true)
    : >replies
    for round in 1 2 3; do
        run --separate-stderr bash -c 'kv-run --defer d --replies replies r.json.state | kv-append -q r.json.state; exit "${PIPESTATUS[0]}"'
        assert_failure 1
        engine d/requests-*.jsonl >>replies
    done
    kv-run --defer d --replies replies r.json.state >rows
    assert_equal "$(cat d/endpoints.json)" '[]'
    diff <(comparable online) <(comparable rows)
    assert_equal "$(wc -l <rows)" 8
    assert_equal "$(($(asked true) - asked_online))" "$asked_online"
    assert_equal "$(jq -r '.template.usage_metadata.answer_generation.kv_tier' rows | sort -u)" batch
}

@test "defer: an answer whose judging waits is kept, and said once" {
    deferred . 2
    kv-run --defer d r.json.state || true
    engine d/requests-1.jsonl >out1
    run --separate-stderr kv-run --defer d --replies out1 r.json.state
    assert_failure 1
    assert_equal "$(jq -r '.metadata.failure.reason' <<<"$output" | sort | uniq -c | tr -s ' ')" \
        ' 2 judging waits for a batch'
    kv-append -q r.json.state <<<"$output"
    cp -r d before
    run --separate-stderr kv-run --defer d r.json.state
    assert_failure 1
    assert_stdout ''
    diff -r before d
    engine d/requests-1.jsonl >out2
    kv-run --replies out2 r.json.state >rows
    assert_equal "$(jq -c .template.verify_result rows)" $'true\ntrue'
}

@test "defer: a rubric is asked for with the judge, not after it" {
    deferred '.rubric_enabled = true | .evaluation_mode = "template_and_rubric"' 1
    jq -c '. + {rubric: {llm_traits: [{name: "clear", description: "Is it clear?", kind: "boolean", higher_is_better: true}]}}' \
        bench.jsonl >with.jsonl
    kv-manifest --force -b with.jsonl -c preset.json -o r.json >/dev/null
    kv-run --defer d r.json.state || true
    engine d/requests-1.jsonl >out1
    kv-run --defer d --replies out1 r.json.state >/dev/null || true
    assert_equal "$(jq -r '.body.response_format.json_schema.name' d/requests-1.jsonl | sort | tr '\n' ' ')" \
        'Answer BatchRubricScores '
}

@test "defer: only what is named waits; the rest is asked at once" {
    deferred . 2
    run --separate-stderr kv-run --defer d --defer-for judges r.json.state
    assert_failure 1
    assert_equal "$(asked true)" 2
    assert_equal "$(jq -r '.[].role' d/endpoints.json)" judge
    run --separate-stderr kv-run --defer d --defer-for answer r.json.state
    assert_failure 2
    assert_stderr "kv-run: --defer-for: expected answers, judges, not 'answer' (try 'kv-run --help')"
}

@test "defer: a directory of somebody else is left alone, and one of ours is replaced" {
    deferred . 2
    mkdir theirs && echo x >theirs/notes
    run --separate-stderr kv-run --defer theirs r.json.state
    assert_failure 3
    assert_stderr 'kv-run: theirs: holds notes, which is no file of deferred calls: name an empty directory, or none'
    mkdir d && touch d/requests-7.jsonl d/requests-1.jsonl
    kv-run --defer d r.json.state || true
    run ls -A d
    assert_output $'endpoints.json\nrequests-1.jsonl'
    engine d/requests-1.jsonl >out1
    kv-run --replies out1 r.json.state | kv-append -q r.json.state
    kv-run --defer d r.json.state
    run ls -A d
    assert_output 'endpoints.json'
}

@test "defer: where a request cannot be written no file is put in its place, and earlier ones stay" {
    command -v strace >/dev/null || skip 'no strace'
    deferred . 2
    kv-run --defer d r.json.state || true
    cp -r d before
    bench 300
    kv-manifest --force -b bench.jsonl -c preset.json -o r.json >/dev/null
    run --separate-stderr env ASAN_OPTIONS=detect_leaks=0 strace -f -o trace \
        -e trace=write -e inject=write:error=ENOSPC:when=1 kv-run --defer d r.json.state # its first
    assert_failure 4
    assert_stdout ''
    assert_stderr 'kv-run: d/requests-1.jsonl: write: no space left on device'
    diff -r before d
    kv-run --defer d r.json.state || true
    assert_equal "$(jq -c '.[0].requests' d/endpoints.json) $(wc -l <d/requests-1.jsonl)" '300 300'
}

# forms PROVIDER FORM... - the row of an ordinary call, and those of its replies in these forms
forms() {
    local form provider=$1
    shift
    [ "$provider" = openai_endpoint ] || quiz_preset 1 '(.answering_models[0], .parsing_models[0]) |=
        (.interface = "langchain" | .model_provider = "'"$provider"'" | del(.endpoint_base_url))'
    kv-manifest --force -b bench.jsonl -c preset.json -o online.json >/dev/null
    kv-manifest --force -b bench.jsonl -c preset.json -o r.json >/dev/null
    kv-run online.json.state >online || true
    assert [ -s online ]
    kv-run --defer d r.json.state || true
    for form; do
        engine d/requests-1.jsonl -- "$form" >"out-$form"
        kv-run --no-journal --replies "out-$form" r.json.state >"rows-$form" || true
        diff <(comparable online) <(comparable "rows-$form") || fail "$form"
    done
}

all_forms() {
    export ANTHROPIC_BASE_URL=$PROVIDER_URL ANTHROPIC_API_KEY=test GEMINI_BASE_URL=$PROVIDER_URL/v1beta GEMINI_API_KEY=test
    forms openai_endpoint openai vllm vllm-old xai
    forms anthropic anthropic openai
    forms google_genai gemini openai
}

@test "replies: forms of every service and engine give the row of a direct reply (T6)" {
    deferred . 1
    all_forms
    assert_equal "$(jq -c .template.verify_result rows-*)" "$(printf 'true\n%.0s' 1 2 3 4 5 6)"
}

@test "replies: a failure in each of the forms gives the row of a direct failure (T6)" {
    echo '{"rules": [{"when": {"judge": false}, "do": {"status": 400, "body": {"error": {"code": 400,
        "type": "invalid_request_error", "message": "stopped by the content filtering policy"}}}}]}' >script.json
    bench 1
    start_provider --answers answers.jsonl --script script.json
    quiz_preset 1
    all_forms
    assert_equal "$(jq -c '.metadata.failure.reason | test("stopped by the content filtering policy")' rows-*)" \
        "$(printf 'true\n%.0s' 1 2 3 4 5 6)"
}

@test "replies: what Anthropic has done, refused, was too busy for, canceled and let expire, in one file (T12)" {
    export ANTHROPIC_BASE_URL=http://127.0.0.1:9
    deferred '.answering_models[0] |= (.interface = "langchain" | .model_provider = "anthropic" | del(.endpoint_base_url))' 5
    kv-run --defer d r.json.state || true
    jq -c --slurpfile results /dev/fd/3 '{custom_id, result: $results[input_line_number - 1]}' d/requests-1.jsonl 3<<'END' >out1
{"type":"succeeded","message":{"id":"m","type":"message","role":"assistant","model":"m1","stop_reason":"end_turn","content":[{"type":"text","text":"It is 1."}],"usage":{"input_tokens":1,"output_tokens":1}}}
{"type":"errored","error":{"type":"error","error":{"type":"invalid_request_error","message":"content_policy"}}}
{"type":"errored","error":{"type":"error","error":{"type":"overloaded_error","message":"busy"}}}
{"type":"canceled"}
{"type":"expired"}
END
    cp d/requests-1.jsonl first
    run --separate-stderr kv-run --defer d --replies out1 r.json.state
    assert_failure 1
    assert_equal "$(jq -r '"\(.metadata.question_id) \(.metadata.failure.reason)"' <<<"$output" | sort)" \
        $'q1 judging waits for a batch\nq2 Adapter call failed: APIError: 400 content_filter: invalid_request_error: content_policy'
    assert_equal "$(jq -c 'map([.role, .requests])' d/endpoints.json)" '[["answer",3],["judge",1]]'
    diff <(tail -n 3 first) d/requests-1.jsonl
}

@test "replies: order means nothing, and of two answers the first that is read counts (T5)" {
    deferred . 3
    kv-run --defer d r.json.state || true
    engine d/requests-1.jsonl >out1
    tac out1 >replies
    jq -c '.response.body.choices[0].message.content = "It is 99."' out1 >>replies
    run --separate-stderr kv-run --defer d --replies replies r.json.state
    assert_failure 1
    assert_equal "$(jq -r '.template.raw_llm_response | split("\n") | last' <<<"$output" | sort)" $'It is 1.\nIt is 2.\nIt is 3.'
    [[ $stderr == *'kv-run: 3 replies passed over: the first answer to a call counts'* ]]
}

@test "replies: a refusing status is a failure, whatever error says (T7)" {
    deferred . 1
    kv-run --defer d r.json.state || true
    jq -c '{custom_id, response: {status_code: 400, body: {message: "no such thing"}}, error: null}' d/requests-1.jsonl >out1
    run --separate-stderr kv-run --defer d --replies out1 r.json.state
    assert_failure 5
    assert_stdout ''
    [[ $stderr == *'q1: no answer from '*'400 bad_request: no such thing'* ]]
    assert_equal "$(cat d/endpoints.json)" '[]'
}

@test "replies: what may pass is deferred again, until its budget is used up" {
    deferred . 1
    kv-run --defer d r.json.state || true
    jq -c '{custom_id, response: {status_code: 503, body: {error: {message: "busy"}}}, error: null}' d/requests-1.jsonl >busy
    jq -c '{custom_id, response: null, error: {code: "batch_expired", message: "m"}}' d/requests-1.jsonl >expired
    jq -c '{custom_id, response: {status_code: 500, body: {error: {message: "broken"}}}, error: null}' d/requests-1.jsonl >broken
    cp d/requests-1.jsonl first
    cat expired expired expired busy broken >replies
    run --separate-stderr kv-run --defer d --replies replies r.json.state
    assert_failure 1
    diff first d/requests-1.jsonl
    cat broken >>replies
    run --separate-stderr kv-run --defer d --replies replies r.json.state
    assert_failure 1
    [[ $stderr == *'q1: no answer from '*'500 server_error: broken'* ]]
    assert_equal "$(cat d/endpoints.json)" '[]'
    engine first >>replies
    run --separate-stderr kv-run --defer d --replies replies r.json.state
    assert_failure 1
    assert_equal "$(jq -c '.metadata.retry_counts | [.rate_limit.used, .server_error.used]' <<<"$output")" '[1,2]'
    assert_equal "$(jq -r '.template.raw_llm_response | split("\n") | last' <<<"$output")" 'It is 1.'
}

@test "replies: a refusal that says how to ask is learned from; the name stays, the body differs (T4)" {
    deferred . 2
    kv-run --defer d r.json.state || true
    cp d/requests-1.jsonl first
    jq -c '{custom_id, response: {status_code: 400, body: {error: {message:
        "Unsupported parameter: '"'max_tokens'"' is not supported with this model. Use '"'max_completion_tokens'"' instead.",
        type: "invalid_request_error", param: "max_tokens", code: "unsupported_parameter"}}}, error: null}' first >out1
    run --separate-stderr kv-run --defer d --replies out1 r.json.state
    assert_failure 1
    assert_equal "$(jq -r .custom_id d/requests-1.jsonl)" "$(jq -r .custom_id first)"
    assert_equal "$(jq -c '.body | [has("max_tokens"), has("max_completion_tokens")]' first d/requests-1.jsonl | uniq -c | tr -s ' ')" \
        $' 2 [true,false]\n 2 [false,true]'
}

@test "replies: a partial file of an engine counts as far as it goes, and a torn line is told (T24)" {
    deferred . 3
    kv-run --defer d r.json.state || true
    engine d/requests-1.jsonl -- vllm >whole
    head -n 2 whole >partial
    tail -n 1 whole | head -c 60 >>partial
    run --separate-stderr kv-run --defer d2 --replies partial r.json.state
    assert_failure 1
    [[ $stderr == *'kv-run: partial:3: a torn line, passed over: 1:'* ]]
    assert_equal "$(jq -c 'map([.role, .requests])' d2/endpoints.json)" '[["answer",1],["judge",2]]'
    { cat partial; echo; tail -n 1 whole; } >bad
    run --separate-stderr kv-run --defer d2 --replies bad r.json.state
    assert_failure 3
    [[ $stderr == 'kv-run: bad:3: 1:'* ]]
}

@test "replies: what nobody asked for is counted, and the rest is asked" {
    deferred . 2
    kv-run --defer d r.json.state || true
    engine d/requests-1.jsonl | head -n 1 >out1
    jq -c '.custom_id = "kv1-0000000000000000000000000000000000000000"' out1 >>out1.more && cat out1.more >>out1
    before=$(asked true)
    run --separate-stderr kv-run --replies out1 r.json.state
    assert_success
    assert_stderr 'kv-run: 1 of 2 calls with replies are none of this run'
    assert_equal "$(jq -c .template.verify_result <<<"$output")" $'true\ntrue'
    assert_equal "$(($(asked true) - before))" 3 # an answer and two judgements
}

@test "replies: where none is of this run nobody is asked" {
    deferred . 2
    kv-run --defer d r.json.state || true
    engine d/requests-1.jsonl >out1
    before=$(asked true)
    local file
    jq -c '.custom_id = "kv1-0000000000000000000000000000000000000000"' out1 | head -n 1 >foreign
    jq -c '.custom_id = "row-1"' foreign >other
    : >empty
    for file in foreign other; do
        run --separate-stderr kv-run --replies $file r.json.state
        assert_failure 3
        assert_stdout ''
        assert_stderr 'kv-run: --replies: of the calls with replies (1) none is of this run: nobody is asked; give the replies to what --defer has written, or leave them out'
    done
    run kv-run --replies empty r.json.state
    assert_failure 3
    # With answers there, replies may be of their judgements: only names of another kind are certain.
    kv-run --replies out1 --max-tasks 1 r.json.state | kv-append -q r.json.state
    before=$(asked true)
    run kv-run --replies other r.json.state
    assert_failure 3
    assert_equal "$(asked true)" "$before"
    run --separate-stderr kv-run --replies out1 r.json.state
    assert_success
    assert_stderr ''
}

@test "replies: from a pipe, once; and kept in the journal, so that they need not be given again" {
    deferred . 2
    kv-run --defer d r.json.state || true
    engine d/requests-1.jsonl | kv-run --defer d --replies - r.json.state >lost || true
    assert_equal "$(wc -l <lost)" 2
    run --separate-stderr kv-run --defer d2 r.json.state
    assert_failure 1
    diff d/requests-1.jsonl d2/requests-1.jsonl
    assert_equal "$(ls -A | grep -c '\.replies$' || true)" 0
    run --separate-stderr kv-run --replies - r.json.state - </dev/null
    assert_failure 2
    assert_stderr "kv-run: only one input can be standard input (try 'kv-run --help')"
}

@test "replies: a failed task that is done again is asked anew" {
    deferred . 1
    kv-run --defer d r.json.state || true
    jq -c '{custom_id, response: {status_code: 400, body: {error: {message: "m", code: "content_filter"}}}}' \
        d/requests-1.jsonl >out1
    first=$(jq -r .custom_id out1)
    kv-run --defer d --replies out1 r.json.state | kv-append -q r.json.state
    kv-status -q r.json.state
    run --separate-stderr kv-run --retry-failed --defer d --replies out1 r.json.state
    assert_failure 1
    assert_stdout ''
    assert [ "$(jq -r .custom_id d/requests-1.jsonl)" != "$first" ]
    cp d/requests-1.jsonl again
    engine again >>out1
    run --separate-stderr kv-run --retry-failed --defer d --replies out1 r.json.state
    assert_failure 1
    assert_stdout '' # its name would be another one if this row were the newest
    engine d/requests-1.jsonl >>out1
    kv-run --retry-failed --replies out1 r.json.state | kv-append -q r.json.state
    assert_equal "$(kv-status r.json.state | jq -c '[.failed_count, .passed_count]')" '[0,1]'
}

@test "replies: a command's tasks are not asked elsewhere, and both options say so" {
    deferred . 1
    run --separate-stderr kv-run --exec true --defer d r.json.state
    assert_failure 2
    assert_stderr "kv-run: --exec: a command's tasks are not asked elsewhere (try 'kv-run --help')"
    run --separate-stderr kv-run --defer-for answers r.json.state
    assert_failure 2
    assert_stderr "kv-run: --defer-for goes with --defer (try 'kv-run --help')"
}

@test "defer: has no place beside what asks nobody, or in a way of its own" {
    deferred . 1
    for option in dry-run check; do
        run --separate-stderr kv-run "--$option" --defer d r.json.state
        assert_failure 2
        assert_stderr "kv-run: --$option asks nobody elsewhere: --defer and --replies have no place beside it (try 'kv-run --help')"
        run kv-run "--$option" --replies nowhere r.json.state
        assert_failure 2
    done
    run --separate-stderr kv-run --race --defer d r.json.state
    assert_failure 2
    assert_stderr "kv-run: --race: --defer asks nobody (try 'kv-run --help')"
    assert [ ! -e d ]
    run --separate-stderr kv-run --exec true --tpm 5 r.json.state
    assert_failure 2
    assert_stderr "kv-run: --exec: what its commands use is not known to --max-tokens, --max-cost and --tpm (try 'kv-run --help')"
}
