# kv-batch: what is ordered is ordered once, whoever dies, and all that comes back is kept.
load ../helper

setup() {
    kv_setup
    export OPENAI_API_KEY=sk-test-0123456789 ANTHROPIC_API_KEY=sk-ant-test-0123456789
    export KV_BATCH_SPEED=1000
    start_provider
}

# requests N [PREFIX] - lines for chat completions
requests() {
    jq -nc --argjson n "$1" --arg p "${2:-r}" 'range(1; $n + 1) | {custom_id: "\($p)\(.)", method: "POST",
        url: "/v1/chat/completions", body: {model: "m", messages: [{role: "user", content: "q\(.)"}]}}'
}

# messages N [PREFIX] - lines for Anthropic
messages() {
    jq -nc --argjson n "$1" --arg p "${2:-r}" 'range(1; $n + 1) | {custom_id: "\($p)\(.)", method: "POST",
        url: "/v1/messages", body: {model: "m", max_tokens: 100, messages: [{role: "user", content: "q\(.)"}]}}'
}

# endpoint openai|anthropic - endpoints.json for every file
endpoint() {
    local base=$PROVIDER_URL
    [ "$1" = anthropic ] || base=$PROVIDER_URL/v1
    jq -n --arg d "$1" --arg u "$base" '[{id: "m", dialect: $d, base_url: $u}]' >endpoints.json
}

openai() { # N
    endpoint openai
    requests "$1" >requests.jsonl
}

anthropic() { # N
    endpoint anthropic
    messages "$1" >requests.jsonl
}

# switch JSON - tells the service how to misbehave (tests/peer/batches.h)
switch() {
    curl -sS -d "$1" "$PROVIDER_URL/batch-control" >/dev/null
}

# ordered - how often requests were ordered: "COUNT TIMES" a line for each number of times
ordered() {
    sort "$JOURNAL" | jq -r '.ordered // empty' | sort | uniq -c | awk '{ n[$1]++ } END { for (t in n) print n[t], t }'
}

# finish N - runs until nothing is open, and all N requests have a reply
finish() {
    local i
    for i in $(seq 40); do
        kv-batch submit r.batches requests.jsonl >/dev/null 2>>err || true
        kv-batch collect r.batches >>out 2>>err || true
        [ "$(answered)" -lt "$1" ] || return 0
    done
    tail -n 5 err r.batches >&2
    return 1
}

answered() {
    [ -e r.replies ] || { echo 0 && return; }
    jq -r 'select(.response.status_code == 200) | .custom_id' r.replies | sort -u | wc -l
}

events() {
    jq -r .event r.batches | tr '\n' ' '
}

needs_strace() {
    strace -o /dev/null true 2>/dev/null || skip 'strace cannot trace here'
    export ASAN_OPTIONS=detect_leaks=0 # LeakSanitizer does not work under strace
}

@test "requests are ordered, looked after and collected by three processes" {
    openai 5
    run --separate-stderr kv-batch submit r.batches requests.jsonl
    assert_success
    assert_equal "$(jq -c '[.part, .requests, .status]' <<<"$output")" '[1,5,"validating"]'
    run --separate-stderr kv-batch status r.batches
    assert_failure 1
    assert_equal "$(jq -c '[.status, .done]' <<<"$output")" '["completed",5]'
    run --separate-stderr kv-batch collect r.batches
    assert_success
    assert_stderr ''
    assert_equal "$(jq -c '[.custom_id, .response.status_code, .kv.part, .kv.tier]' <<<"${lines[4]}")" '["r5",200,1,"batch"]'
    assert_equal "$(cat r.replies)" "$output"
    assert_equal "$(events)" 'begin part sending uploaded sending created ended collected '
    assert [ ! -e r.batch-1.jsonl ]
    run kv-batch collect r.batches
    assert_success
    assert_output ''
    run kv-batch collect --all r.batches
    assert_equal "${#lines[@]}" 5
    run kv-batch submit r.batches requests.jsonl
    assert_success
    assert_output ''
    assert_equal "$(ordered)" '5 1'
}

@test "Anthropic's batches come back in the same form" {
    anthropic 3
    kv-batch submit r.batches requests.jsonl >/dev/null
    kv-batch collect r.batches >out
    assert_equal "$(jq -c '[.custom_id, .response.status_code, .response.body.type]' out | head -n 1)" '["r1",200,"message"]'
    assert_equal "$(events)" 'begin part sending created ended collected '
}

@test "a batch that is under way stays so, and its status says how far it is" {
    anthropic 3
    switch '{"looks": 2}'
    kv-batch submit r.batches requests.jsonl >/dev/null
    run --separate-stderr kv-batch status r.batches
    assert_failure 1
    assert_equal "$(jq -c '[.status, .requests, .done]' <<<"$output")" '["in_progress",3,0]'
    run kv-batch collect r.batches
    assert_failure 1
    assert_output ''
    run kv-batch collect r.batches
    assert_success
}

# ---- cutting ----

@test "more than a batch may hold is cut, for Anthropic so that no two parts are equal (T17)" {
    openai 120
    kv-batch submit --batch-size 50 r.batches requests.jsonl >out
    assert_equal "$(jq -c .requests out | tr '\n' ' ')" '50 50 20 '
    anthropic 120
    kv-batch submit --batch-size 50 a.batches requests.jsonl >out
    assert_equal "$(jq -s -c 'map(.requests) | [add, (unique | length) == length]' out)" '[120,true]'
}

@test "parts stay below the limit of bytes (T27)" {
    endpoint openai
    local text
    text=$(head -c 1000000 /dev/zero | tr '\0' x)
    for i in $(seq 45); do
        printf '{"custom_id":"r%d","method":"POST","url":"/v1/chat/completions","body":{"model":"m","messages":[{"role":"user","content":"%s"}]}}\n' "$i" "$text"
    done >requests.jsonl
    kv-batch submit r.batches requests.jsonl >/dev/null
    assert_equal "$(jq -s -c 'map(select(.event == "part")) | [length, (map(.bytes) | max) <= 19000000, (map(.requests) | add)]' r.batches)" '[3,true,45]'
}

@test "files of two models or urls, and lines that are none, are refused by number" {
    endpoint openai
    { requests 1 && requests 1 x | jq -c '.body.model = "n"'; } >requests.jsonl
    run kv-batch submit r.batches requests.jsonl
    assert_failure 3
    assert_output 'kv-batch: requests.jsonl:2: another model than in the first line: a file is for one model'
    { requests 1 && echo nothing && requests 1 y; } >requests.jsonl
    run kv-batch submit r.batches requests.jsonl
    assert_failure 3
    assert_output 'kv-batch: requests.jsonl:2: not a JSON object'
    assert [ ! -e r.batches ]
}

@test "where nothing was ordered all verbs but submit say so, and leave nothing" {
    local verb
    for verb in status collect cancel 'adopt 1 b' 'forget 1' tidy; do
        # shellcheck disable=SC2086
        set -- $verb
        run kv-batch "$1" nofile.json.state "${@:2}"
        assert_failure 3
        assert_output 'kv-batch: nofile.json.batches: no ledger: nothing was ordered there (kv-batch submit begins one)'
        run kv-batch "$1" nofile.batches "${@:2}"
        assert_failure 3
    done
    assert_equal "$(ls -A | grep nofile)" ''
    openai 1
    kv-batch submit r.batches requests.jsonl >/dev/null
    kv-batch status r.batches >/dev/null || true
    assert [ ! -e .r.run ]
}

@test "the help names every verb" {
    local verb
    run kv-batch --help
    for verb in submit status collect cancel adopt forget tidy; do
        assert_line --regexp "^  $verb LEDGER"
    done
}

@test "where nobody is said to be asked the message says what is missing" {
    requests 1 >requests.jsonl
    run kv-batch submit r.batches requests.jsonl
    assert_failure 3
    assert_output 'kv-batch: requests.jsonl: who is asked is not said: there is no endpoints.json; write one (kv-batch(1)), or name it with -e'
    run kv-batch submit -e none.json r.batches requests.jsonl
    assert_failure
    assert_output 'kv-batch: none.json: no such file or directory'
}

@test "options that do not fit are told before a ledger is touched" {
    openai 1
    run kv-batch submit --batch-size 0 r.batches requests.jsonl
    assert_failure 2
    assert_output --partial "--batch-size: expected N or N,BYTES, from 1, not '0'"
    run kv-batch submit --batch-as foo r.batches requests.jsonl
    assert_failure 2
    assert_output --partial "--batch-as: expected files, anthropic, not 'foo'"
    run kv-batch status --batch-size 3 r.batches
    assert_failure 2
    assert_output --partial 'status: --endpoints, --batch-size and --batch-as go with submit'
    run kv-batch submit --all r.batches requests.jsonl
    assert_failure 2
    run ls -A
    refute_output --partial r.batches
}

@test "two requests with one id are refused with both lines, and nothing is ordered" {
    openai 4
    requests 1 | jq -c '.custom_id = "r3" | .body.messages[0].content = "other"' >>requests.jsonl
    run kv-batch submit --batch-size 2 r.batches requests.jsonl
    assert_failure 3
    assert_output 'kv-batch: requests.jsonl:5: custom_id "r3": another request than in requests.jsonl:3'
    endpoint openai
    requests 2 >one.jsonl
    requests 2 | jq -c '.body.model = "n"' >two.jsonl
    run kv-batch submit r.batches one.jsonl two.jsonl
    assert_failure 3
    assert_output 'kv-batch: two.jsonl:1: custom_id "r1": another request than in one.jsonl:1'
    run kv-batch submit r.batches
    assert_failure 3
    assert_output 'kv-batch: r.batches: no ledger: nothing was ordered there (kv-batch submit begins one)'
    assert_equal "$(ordered)" ''
    run ls -A
    refute_output --partial r.batch
}

@test "the same request twice is ordered once, which is said" {
    openai 3
    requests 2 | jq . -c | sed 's/:/: /' >>requests.jsonl
    run --separate-stderr kv-batch submit r.batches requests.jsonl
    assert_success
    assert_stderr 'kv-batch: r.batches: requests.jsonl: 2 lines are the same as ones before, the first is line 4: ordered once'
    assert_equal "$(ordered)" '3 1'
}

@test "a service that is not known to have batches is asked only where the user says so" {
    jq -n --arg u "$PROVIDER_URL/v1" '[{id: "m", dialect: "groq", base_url: $u}]' >endpoints.json
    requests 2 >requests.jsonl
    run kv-batch submit r.batches requests.jsonl
    assert_failure 3
    assert_output --partial -- '--batch-as files'
    kv-batch submit --batch-as files r.batches requests.jsonl >/dev/null
    assert_equal "$(ordered)" '2 1'
}

# ---- what comes back ----

@test "each of the untried services is asked in its own way, as far as that is known" {
    local dialect base
    for dialect in azure groq together perplexity; do
        case $dialect in perplexity) base=$PROVIDER_URL ;; *) base=$PROVIDER_URL/v1 ;; esac
        jq -n --arg d "$dialect" --arg u "$base" '[{id: "m", dialect: $d, base_url: $u}]' >endpoints.json
        requests 2 "$dialect-" >requests.jsonl
        AZURE_OPENAI_API_KEY=k GROQ_API_KEY=k TOGETHER_API_KEY=k PERPLEXITY_API_KEY=k \
            kv-batch submit --batch-as files "$dialect.batches" requests.jsonl >/dev/null
    done
    assert_equal "$(jq -r '.ordered // empty' "$JOURNAL" | tr '\n' ' ')" \
        'azure-1 azure-2 groq-1 groq-2 together-1 together-2 perplexity-1 perplexity-2 '
}

@test "replies in any order, twice, or with other words count once (T5)" {
    openai 6
    switch '{"reorder": true, "duplicate": true, "capitals": true, "iso_dates": true}'
    kv-batch submit r.batches requests.jsonl >/dev/null
    run --separate-stderr kv-batch collect r.batches
    assert_success
    assert_stderr 'kv-batch: r.batches: part 1: 1 requests are answered more than once: the first counts'
    assert_equal "$(tail -n 1 r.batches | jq -c '[.replies, .failures, .missing]')" '[6,0,0]'
}

@test "what expired is ordered again, what was done is kept (T9)" {
    openai 10
    switch '{"expire": 6}'
    kv-batch submit r.batches requests.jsonl >/dev/null
    run --separate-stderr kv-batch collect r.batches
    assert_failure 1
    assert_stderr 'kv-batch: r.batches: part 1: 4 of 10 requests expired; run again'
    assert_equal "$(tail -n 1 r.batches | jq -c '[.replies, .failures, .missing]')" '[6,0,4]'
    run kv-batch collect r.batches
    assert_failure 1
    assert_output 'kv-batch: r.batches: part 1: 4 of 10 requests have no reply: submit them again'
    switch '{"expire": -1}'
    finish 10
    run kv-batch collect r.batches
    assert_success
    assert_equal "$(ordered | sort | tr '\n' ' ')" '4 2 6 1 '
}

@test "a batch of refusals stops with status 5, and is not ordered again (T8)" {
    stop_provider
    echo '{"rules": [{"when": {}, "do": {"status": 400, "body": {"error": {"message": "no such parameter", "type": "invalid_request_error"}}}}]}' >script.json
    start_provider --script script.json
    openai 4
    kv-batch submit r.batches requests.jsonl >/dev/null
    run --separate-stderr kv-batch collect r.batches
    assert_failure 5
    assert_equal "$(jq -c '[.custom_id, .response.status_code]' <<<"${lines[0]}")" '["r1",400]'
    assert_regex "$stderr" '4 of 4 requests were refused: 400: no such parameter'
    assert_equal "$(jq -c 'select(.event == "ended") | [.output, .errors != null]' r.batches)" '[null,true]'
    kv-batch submit r.batches requests.jsonl >/dev/null
    assert_equal "$(ordered)" '4 1'
}

@test "Anthropic's four ends: done, refused, overloaded, expired (T12)" {
    stop_provider
    jq -n '{rules: [{when: {contains: "q2"}, do: {status: 400, body: {type: "error", error: {type: "invalid_request_error", message: "no"}}}},
        {when: {contains: "q3", first: 1}, do: {status: 529, body: {type: "error", error: {type: "overloaded_error", message: "busy"}}}}]}' >script.json
    start_provider --script script.json
    anthropic 5
    switch '{"expire": 3}'
    kv-batch submit r.batches requests.jsonl >/dev/null
    kv-batch collect r.batches >out 2>err || true
    assert_equal "$(jq -r '[.custom_id, (.response.status_code // .error.code)] | map(tostring) | join(" ")' out | tr '\n' ,)" \
        'r1 200,r2 400,r3 529,r4 batch_expired,r5 batch_expired,'
    switch '{"expire": -1}'
    kv-batch submit r.batches requests.jsonl >out
    assert_equal "$(jq .requests out)" 3
}

@test "a transfer that is cut, and a file that lacks lines, are fetched again" {
    openai 20
    switch '{"cut": 2}'
    kv-batch submit r.batches requests.jsonl >/dev/null
    kv-batch collect r.batches >out
    assert_equal "$(wc -l <out)" 20
    openai 20
    switch '{"omit": 3}'
    KV_BATCH_SPEED=1000000 kv-batch submit o.batches requests.jsonl >/dev/null
    run --separate-stderr env KV_BATCH_SPEED=1000000 kv-batch collect o.batches
    assert_stderr 'kv-batch: o.batches: part 1: 3 of 20 requests have no reply; run again'
}

@test "a batch is not there for a while, and its files are not named yet (T16)" {
    openai 3
    kv-batch submit r.batches requests.jsonl >/dev/null
    switch '{"missing": 3, "null_files": 2}'
    local i
    for i in 1 2 3 4 5; do
        run kv-batch collect r.batches
        assert_failure 1
        assert_output ''
    done
    run kv-batch collect r.batches
    assert_success
    assert_equal "${#lines[@]}" 3
}

@test "results at another host are refused, and no key goes there (T22)" {
    anthropic 2
    switch '{"results_url": "http://127.0.0.2:9/steal"}'
    kv-batch submit r.batches requests.jsonl >/dev/null
    run kv-batch collect r.batches
    assert_failure 5
    assert_output --partial 'its results are said to be at another host than 127.0.0.1'
}

@test "100,000 replies are collected in constant memory (T26)" {
    [ -z "${KV_SAN:-}" ] || skip 'a sanitizer takes memory of its own'
    endpoint openai
    requests 100000 >requests.jsonl
    run -0 peak peak.kb kv-batch submit --batch-size 25000,200000000 r.batches requests.jsonl
    assert [ "$(cat peak.kb)" -lt 65536 ]
    run -0 peak peak.kb sh -c 'kv-batch collect r.batches >out'
    assert [ "$(cat peak.kb)" -lt 65536 ]
    assert_equal "$(wc -l <out)" 100000
    assert_equal "$(wc -l <r.replies)" 100000
}

@test "a disk without room is told as such, and the results are there for the next process" {
    needs_strace
    openai 3
    kv-batch submit r.batches requests.jsonl >/dev/null
    run strace -qq -o /dev/null -e trace=write -e inject=write:error=ENOSPC:when=1 kv-batch collect r.batches
    assert_failure 4
    assert_output 'kv-batch: results: write: no space left on device'
    kv-batch collect r.batches >out
    assert_equal "$(wc -l <out)" 3
}

# ---- refusals of whole batches ----

@test "a full queue is waited for, and later parts are smaller (T10)" {
    openai 200
    switch '{"batch_fails": {"code": "token_limit_exceeded", "message": "Enqueued token limit reached for m. Limit: 1,000 enqueued tokens."}}'
    kv-batch submit r.batches requests.jsonl >/dev/null
    run kv-batch status r.batches
    assert_failure 1
    assert_output --partial 'the queue is full: Enqueued token limit reached'
    assert_equal "$(jq -c 'select(.event == "refused") | [.code, .limit]' r.batches)" '["token_limit_exceeded",1000]'
    assert_equal "$(jq -r 'select(.event == "given-up") | .reason' r.batches)" 'larger than the queue: cut into smaller parts'
    switch '{"batch_fails": null}'
    kv-batch submit r.batches requests.jsonl >out || true
    assert [ "$(jq -s 'map(.requests) | max' out)" -lt 60 ]
    assert_equal "$(jq -s 'map(.requests) | add' out)" 200
    assert_equal "$(jq -s 'map(select(.status != "not sent")) | length' out)" 1
    finish 200
    assert_equal "$(ordered)" '200 1' # what failed as a whole was not done
}

@test "one bad line is the failure of its call, the others are ordered again (T11)" {
    openai 5
    switch '{"batch_fails": {"code": "invalid_json_line", "message": "This line is not parseable", "line": 3}}'
    kv-batch submit r.batches requests.jsonl >/dev/null
    run kv-batch status r.batches
    assert_failure 1
    assert_output --partial 'its line 3, "r3", is refused: This line is not parseable'
    switch '{"batch_fails": null}'
    run --separate-stderr kv-batch collect r.batches
    assert_failure 1
    assert_equal "$(jq -c '[.custom_id, .response.status_code, .response.body.error.message, .kv.part]' <<<"$output")" \
        '["r3",400,"This line is not parseable",1]'
    run kv-batch collect r.batches
    assert_failure 1
    assert_output 'kv-batch: r.batches: part 1: 4 of 5 requests have no reply: submit them again'
    kv-batch submit r.batches requests.jsonl >out
    assert_equal "$(jq .requests out)" 4
    kv-batch collect r.batches >/dev/null
    assert_equal "$(jq -r 'select(.response.status_code == 400) | .custom_id' r.replies)" r3
    assert_equal "$(answered)" 4
    assert [ ! -e r.batch-2.jsonl ]
}

@test "what a part lacks is told until those very requests are ordered again, or forgotten" {
    openai 10
    requests 3 s >others.jsonl
    switch '{"expire": 6}'
    kv-batch submit r.batches requests.jsonl >/dev/null
    kv-batch collect r.batches >/dev/null 2>&1 || true
    switch '{"expire": -1}'
    kv-batch submit r.batches others.jsonl >/dev/null # of the same model, at the same URL
    local lacks='kv-batch: r.batches: part 1: 4 of 10 requests have no reply: submit them again'
    run --separate-stderr kv-batch collect r.batches
    assert_failure 1
    assert_stderr "$lacks"
    assert_equal "${#lines[@]}" 3
    cp r.batches kept
    kv-batch forget r.batches 1
    run --separate-stderr kv-batch status r.batches
    assert_success
    assert_stderr ''
    run kv-batch forget r.batches 1
    assert_failure 3
    cp kept r.batches
    sed -n 7,9p requests.jsonl >some.jsonl
    kv-batch submit r.batches some.jsonl >/dev/null
    run --separate-stderr kv-batch collect r.batches
    assert_failure 1
    assert_stderr "${lacks/4 of 10/1 of 10}"
    finish 10
    run --separate-stderr kv-batch status r.batches
    assert_success
    assert_stderr ''
}

@test "what a part lacked is read no more once it is ordered again" {
    openai 10
    switch '{"expire": 6}'
    kv-batch submit r.batches requests.jsonl >/dev/null
    kv-batch collect r.batches >/dev/null 2>&1 || true
    switch '{"expire": -1}'
    finish 10
    assert_equal "$(tail -n 1 r.batches | jq -c '[.event, .part, .loss]')" '["given-up",1,"again"]'
    echo 'no request' >r.batch-1.jsonl
    run --separate-stderr kv-batch status r.batches
    assert_success
    assert_stderr ''
}

@test "a batch that fails for a reason of ours is told in the service's words, with status 3" {
    openai 2
    switch '{"batch_fails": {"code": "model_mismatch", "message": "two models"}}'
    kv-batch submit r.batches requests.jsonl >/dev/null
    run --separate-stderr kv-batch status r.batches
    assert_failure 3
    assert_stderr 'kv-batch: r.batches: part 1: the batch failed: model_mismatch: two models'
    run kv-batch collect r.batches
    assert_failure 3
    assert_output 'kv-batch: r.batches: part 1: the batch failed: model_mismatch: two models; its requests are not ordered'
    switch '{"batch_fails": null}'
    kv-batch submit r.batches requests.jsonl >/dev/null
    run --separate-stderr kv-batch collect r.batches
    assert_success
    assert_stderr ''
    rm r.*
    switch '{"batch_fails": {"code": "invalid_json_line", "message": "not parseable", "line": 3}}'
    kv-batch submit r.batches requests.jsonl >/dev/null
    run kv-batch status r.batches # it has two lines
    assert_failure 3
    assert_output --partial 'the batch failed: invalid_json_line: not parseable'
    rm r.*
    switch '{"batch_fails": {"code": "model_mismatch"}}'
    kv-batch submit r.batches requests.jsonl >/dev/null
    run --separate-stderr kv-batch status r.batches
    assert_stderr 'kv-batch: r.batches: part 1: the batch failed: model_mismatch'
    rm r.*
    switch '{"batch_fails": {}}'
    kv-batch submit r.batches requests.jsonl >/dev/null
    run --separate-stderr kv-batch status r.batches
    assert_stderr 'kv-batch: r.batches: part 1: the batch failed: no reason is given'
}

@test "429 at creation is waited for, as long as the service says, and the next parts are not tried" {
    anthropic 9
    export KV_BATCH_SPEED=1
    switch '{"refuse_create": 1, "refuse_message": "too many requests", "retry_after": 2}'
    run --separate-stderr kv-batch submit --batch-size 4 r.batches requests.jsonl
    assert_failure 1
    assert_stderr 'kv-batch: r.batches: part 1: nothing more is taken now: 429: too many requests; run again in 2 s'
    run --separate-stderr kv-batch submit r.batches
    assert_failure 1
    assert_equal "$stderr$(ordered)" ''
    until kv-batch submit r.batches >/dev/null 2>&1; do sleep 0.1; done
    assert_equal "$(ordered)" '9 1'
    rm r.*
    switch '{"refuse_create": 1, "retry_after": 0}'
    run --separate-stderr kv-batch submit r.batches requests.jsonl
    assert_regex "$stderr" 'nothing more is taken now: 429: too many requests; run again in 10 min$'
}

@test "no more batches are created at OpenAI within an hour than it takes, which is said" {
    openai 2
    export KV_BATCH_SPEED=1
    {
        jq -nc '{event: "begin", at: (now | todate), kv_batches: 1, nonce: "0123456789abcdef", mark: "0123456789abcdef", state: "r.state"}'
        jq -nc --arg u "$PROVIDER_URL/v1" 'range(1; 2001) | {at: (now | todate), part: .} |
            . + {event: "part", endpoint: "n", wire: "chat", dialect: "openai", shape: "files", url: "/v1/chat/completions", base_url: $u, model: "m", requests: 1, bytes: 1},
            . + {event: "created", batch: "b\(.part)"}, . + {event: "given-up", reason: "forgotten", loss: "dropped"}'
    } >r.batches
    run --separate-stderr kv-batch submit r.batches requests.jsonl
    assert_failure 1
    assert_stderr "kv-batch: r.batches: part 2001: 2000 batches were created within an hour, which is all that ${PROVIDER_URL#http://} takes: run again later"
    assert_equal "$(ordered)" ''
    KV_BATCH_SPEED=1000000 kv-batch submit r.batches >/dev/null
    assert_equal "$(ordered)" '2 1'
}

@test "a look that is to be made again soon waits for that, and a later one is left to others" {
    openai 3
    kv-batch submit r.batches requests.jsonl >/dev/null
    switch '{"busy_looks": 2, "retry_after": 60}'
    run --separate-stderr kv-batch collect r.batches
    assert_success
    assert_stderr ''
    rm r.*
    kv-batch submit --batch-size 1 r.batches requests.jsonl >/dev/null
    switch '{"busy_looks": 1, "retry_after": 3600}'
    run --separate-stderr kv-batch status r.batches
    assert_failure 1
    assert_stderr "kv-batch: r.batches: part 1: ${PROVIDER_URL#http://}: 429: Too many requests; run again"
    : >"$JOURNAL"
    requests 1 t >more.jsonl
    run --separate-stderr env KV_BATCH_SPEED=1 kv-batch submit r.batches more.jsonl
    assert_failure 1
    assert_regex "$stderr" '^kv-batch: r.batches: 127.0.0.1:[0-9]+ wants to be asked again at 20.*Z: run again then$'
    assert_equal "$(ordered)" ''
    until kv-batch collect r.batches >/dev/null 2>&1; do sleep 0.1; done # 3.6 s
    assert_equal "$(answered)" 3
}

# ---- what is in doubt ----

# A lost reply, at each of the two POSTs, and in each of the ways in which one is lost.
lost() { # SWITCH...
    local s
    for s; do
        rm -f r.batch* r.replies out err
        requests 4 "$s-" >requests.jsonl
        [ "$(jq -r '.[0].dialect' endpoints.json)" = openai ] || messages 4 "$s-" >requests.jsonl
        switch "{\"$s\": 1}"
        finish 4 || fail "$s"
        assert_equal "$s $(jq -r ".ordered // empty" "$JOURNAL" | grep -c "^$s-")" "$s 4"
    done
}

@test "a reply that was lost orders nothing twice: OpenAI" {
    openai 1
    lost close_upload drop_upload fail_upload blank_upload close_create drop_create fail_create blank_create
    run cat err
    assert_output --partial 'had been ordered: batch batch_'
    assert_output --partial 'the reply names no batch; whether it was done is looked for'
}

@test "a reply that was lost orders nothing twice: Anthropic" {
    anthropic 1
    lost close_create drop_create fail_create blank_create
}

@test "a batch that failed before is not taken for one whose reply was lost" {
    openai 3
    switch '{"batch_fails": {"code": "token_limit_exceeded", "message": "Enqueued token limit reached for m."}}'
    kv-batch submit r.batches requests.jsonl >/dev/null
    kv-batch status r.batches >/dev/null 2>&1 || true
    switch '{"batch_fails": null, "drop_create": 1, "list_lag": 0.02}'
    until [ "$(ordered)" ]; do kv-batch submit r.batches >/dev/null 2>&1 || true; done
    finish 3
    assert_equal "$(jq -r 'select(.event == "created") | .batch' r.batches | tr '\n' ' ') $(ordered)" 'batch_2 batch_3  3 1'
}

@test "a clock here that is two hours ahead orders nothing twice" {
    switch '{"clock": -7200}'
    openai 4
    switch '{"drop_upload": 1, "drop_create": 1}'
    finish 4
    assert_equal "$(ordered)" '4 1'
    assert_equal "$(curl -sS "$PROVIDER_URL/v1/files?purpose=batch" | jq '.data | length')" 1
    rm r.*
    forgotten
    kv-batch submit r.batches more.jsonl >/dev/null
    kv-batch collect r.batches >/dev/null
    assert_equal "$(answered) $(ordered | sort | tr '\n' ' ')" '7 3 2 5 1 ' # of the two ledgers
}

@test "a batch that is not in the list yet is waited for (T15)" {
    openai 3
    switch '{"drop_create": 1, "list_lag": 0.02}'
    run kv-batch submit r.batches requests.jsonl
    assert_success
    assert_equal "$(ordered)" '3 1'
    assert_equal "$(jq -c 'select(.event == "created") | .adopted' r.batches)" true
}

@test "a batch without our label is known by its file" {
    openai 3
    switch '{"drop_create": 1, "forget_metadata": true}'
    finish 3
    assert_equal "$(ordered)" '3 1'
}

@test "a foreign batch of equal size is looked at and left, ours is adopted (T14)" {
    anthropic 4
    switch '{"foreign": 4, "drop_create": 1}'
    kv-batch submit r.batches requests.jsonl >/dev/null 2>&1 || true
    finish 4
    assert_equal "$(jq -c 'select(.event == "created") | .adopted' r.batches)" true
    assert_equal "$(ordered)" '4 1'
}

@test "while a doubt stands its requests are held, and a person may decide" {
    export KV_BATCH_SPEED=1
    anthropic 3
    switch '{"hold": true, "drop_create": 1}'
    run --separate-stderr kv-batch submit r.batches requests.jsonl
    assert_failure 1
    assert_regex "$stderr" 'kv-batch adopt r.batches 1 BATCH, or kv-batch forget r.batches 1'
    run kv-batch submit r.batches requests.jsonl
    assert_failure 1
    assert_equal "$(ordered)" '3 1'
    local id
    id=$(jq -r '.batch // empty' "$JOURNAL" | head -n 1)
    run kv-batch adopt r.batches 1 msgbatch_999
    assert_failure 3
    kv-batch adopt r.batches 1 "$id"
    messages 4 s >more.jsonl
    switch '{"drop_create": 1}'
    kv-batch submit r.batches more.jsonl >/dev/null 2>&1 || true
    run kv-batch adopt r.batches 2 "$id"
    assert_failure 3
    assert_output "kv-batch: batch $id is that of another part"
    kv-batch forget r.batches 2
    switch '{"hold": false}'
    kv-batch collect r.batches >out
    assert_equal "$(wc -l <out)" 3
}

@test "two ledgers on one account adopt only their own (T28)" {
    openai 3
    switch '{"drop_create": 2}'
    kv-batch submit a.batches requests.jsonl >/dev/null 2>&1 &
    kv-batch submit b.batches requests.jsonl >/dev/null 2>&1 || true
    wait $! || true
    for l in a b; do
        kv-batch submit $l.batches requests.jsonl >/dev/null 2>&1
        kv-batch collect $l.batches >/dev/null
        assert_equal "$(wc -l <$l.replies)" 3
    done
    assert_equal "$(ordered)" '3 2'
    assert [ "$(jq -r 'select(.event == "created") | .batch' a.batches)" != "$(jq -r 'select(.event == "created") | .batch' b.batches)" ]
}

@test "a key of another project orders nothing twice (T25)" {
    switch '{"projects": true}'
    openai 3
    kv-batch submit r.batches requests.jsonl >/dev/null
    requests 3 s >more.jsonl
    switch '{"drop_create": 1, "list_lag": 3600}'
    KV_BATCH_SPEED=1 timeout 1 kv-batch submit r.batches more.jsonl >/dev/null 2>&1 || true
    switch '{"list_lag": 0}'
    run env OPENAI_API_KEY=sk-other-0123456789 kv-batch submit r.batches more.jsonl
    assert_failure 1
    assert_output --partial 'cannot be seen with this key'
    assert_equal "$(ordered)" '6 1'
    kv-batch submit r.batches >/dev/null 2>&1
    kv-batch collect r.batches >/dev/null
    assert_equal "$(answered)" 6
    assert_equal "$(ordered)" '6 1'
}

@test "a wrong key is status 5, and the batch goes on" {
    stop_provider
    start_provider --key right
    openai 2
    export OPENAI_API_KEY=right
    kv-batch submit r.batches requests.jsonl >/dev/null
    run env OPENAI_API_KEY=wrong kv-batch collect r.batches
    assert_failure 5
    assert_output --partial 'refuses the key'
    kv-batch collect r.batches >out
    assert_equal "$(wc -l <out)" 2
}

@test "without a key nothing is written down for a service, and others go on" {
    jq -n --arg u "$PROVIDER_URL" '[{file: "requests.jsonl", id: "m", dialect: "openai", base_url: "https://api.openai.com/v1"},
        {file: "messages.jsonl", id: "m", dialect: "anthropic", base_url: $u}]' >endpoints.json
    requests 2 >requests.jsonl
    messages 3 a >messages.jsonl
    run --separate-stderr env -u OPENAI_API_KEY kv-batch submit r.batches requests.jsonl messages.jsonl
    assert_failure 5
    assert_regex "$stderr" '^kv-batch: r.batches: .*OPENAI_API_KEY'
    assert_equal "$(jq -r 'select(.event == "part") | "\(.shape) \(.requests)"' r.batches)" 'anthropic 3'
    assert_equal "$(ordered)" '3 1'
}

# ---- a ledger that was put back from an older copy ----

# forgotten - part 2 was ordered after the copy of the ledger that lies there now
forgotten() {
    openai 3
    kv-batch submit r.batches requests.jsonl >/dev/null
    kv-batch collect r.batches >/dev/null
    cp r.batches copy
    requests 4 s >more.jsonl
    kv-batch submit r.batches more.jsonl >/dev/null
    cp copy r.batches
}

@test "a batch that the ledger has forgotten is adopted with its requests, and nothing is ordered twice" {
    forgotten
    rm r.batch-2.jsonl
    run --separate-stderr kv-batch submit r.batches more.jsonl
    assert_success
    assert_stderr 'kv-batch: r.batches: part 2: had been ordered: batch batch_4 is looked after'
    assert_equal "$(jq -c '[.part, .batch, .model, .requests]' <<<"$output")" '[2,"batch_4","m",4]'
    assert_equal "$(cmp r.batch-2.jsonl more.jsonl)" ''
    assert_equal "$(jq -c 'select(.part == 2) | [.event, .adopted, .file, .url, .wire, .sha256]' r.batches | tr '\n' ' ')" \
        "[\"part\",null,\"file-3\",\"/v1/chat/completions\",\"chat\",\"$(sha256sum more.jsonl | cut -c 1-64)\"] [\"created\",true,null,null,null,null] "
    kv-batch collect r.batches >out
    assert_equal "$(wc -l <out) $(ordered)" '4 7 1'
}

@test "where a service keeps no labels what the ledger has forgotten is ordered again" {
    forgotten
    switch '{"forget_metadata": true}'
    kv-batch submit r.batches more.jsonl >/dev/null
    assert_equal "$(ordered | sort | tr '\n' ' ')" '3 1 4 2 '
}

@test "whatever a copy of the ledger has of its last part, nothing is ordered twice" {
    openai 3
    kv-batch submit r.batches requests.jsonl >/dev/null
    requests 4 s >more.jsonl
    kv-batch submit r.batches more.jsonl >/dev/null
    kv-batch collect r.batches >/dev/null
    cp r.batches whole
    cp r.replies replies
    local n files
    for n in $(seq 2 "$(wc -l <whole)"); do
        for files in kept gone; do
            rm -f r.*
            head -n "$n" whole >r.batches
            # Replies are as old as the ledger, or newer; and so are files of requests.
            if [ "$files" = kept ] || grep -q '"collected"' r.batches; then
                cp replies r.replies
            fi
            if [ "$files" = kept ]; then
                cp requests.jsonl r.batch-1.jsonl
                cp more.jsonl r.batch-2.jsonl
            fi
            kv-batch submit r.batches requests.jsonl more.jsonl >/dev/null 2>err || true
            kv-batch collect r.batches >/dev/null 2>>err || true
            assert_equal "$n $files $(answered) $(ordered)" "$n $files 7 7 1"
        done
    done
}

@test "requests that a service does not hand out are those that lie there, or that the results name" {
    forgotten
    switch '{"keep_uploads": true, "hold": true}'
    kv-batch submit r.batches more.jsonl >/dev/null
    assert_equal "$(ordered)" '7 1'
    cp copy r.batches
    rm r.batch-2.jsonl
    switch '{"hold": false}'
    kv-batch submit r.batches more.jsonl >/dev/null
    assert_equal "$(jq -r .custom_id r.batch-2.jsonl | tr '\n' ' ')" 's1 s2 s3 s4 '
    kv-batch collect r.batches >/dev/null
    assert_equal "$(answered) $(ordered)" '7 7 1'
}

@test "what the ledger has forgotten and the service has deleted is told once, and holds nothing up" {
    forgotten
    kv-batch collect r.batches >/dev/null
    kv-batch tidy r.batches
    cp copy r.batches
    export KV_BATCH_SPEED=1000000 # half an hour has passed
    run --separate-stderr kv-batch submit r.batches more.jsonl
    assert_success
    assert_stderr 'kv-batch: r.batches: part 2: of batch batch_4 nothing is left at the service'
    assert_equal "$(answered) $(ordered)" '7 7 1' # the replies are here
    requests 1 t >third.jsonl
    run --separate-stderr kv-batch submit r.batches third.jsonl
    assert_success
    assert_stderr ''
    assert_equal "$(ordered)" '8 1'
}

@test "an open part of which nothing is left at the service is given up, and holds nothing up" {
    openai 3
    kv-batch submit r.batches requests.jsonl >/dev/null
    cp r.batches copy
    kv-batch collect r.batches >/dev/null
    kv-batch tidy r.batches
    cp copy r.batches
    rm -f r.batch-1.jsonl
    requests 1 t >third.jsonl
    export KV_BATCH_SPEED=1000000 # half an hour has passed
    run --separate-stderr kv-batch submit r.batches third.jsonl
    assert_success
    assert_stderr 'kv-batch: r.batches: part 1: of batch batch_2 nothing is left at the service'
    assert_equal "$(ordered)" '4 1'
}

@test "while it is not known which requests a batch has, nothing is ordered there" {
    switch '{"hold": true}'
    openai 3
    kv-batch submit r.batches requests.jsonl >/dev/null
    cp r.batches copy
    requests 4 s >more.jsonl
    kv-batch submit r.batches more.jsonl >/dev/null
    cp copy r.batches
    mv r.batch-2.jsonl away
    switch '{"keep_uploads": true}'
    requests 2 t >third.jsonl
    run --separate-stderr kv-batch submit r.batches third.jsonl
    assert_failure 1
    assert_stderr 'kv-batch: r.batches: part 2: which requests batch batch_4 has is not known: nothing is ordered there until it has ended, or r.batch-2.jsonl is back'
    assert_equal "$(ordered)" '7 1'
    cp away r.batch-2.jsonl
    kv-batch submit r.batches more.jsonl >/dev/null
    assert_equal "$(ordered)" '7 1'
    cp copy r.batches
    rm r.batch-2.jsonl
    switch '{"hold": false}'
    kv-batch submit r.batches more.jsonl third.jsonl >/dev/null
    kv-batch collect r.batches >/dev/null
    assert_equal "$(answered) $(ordered)" '9 9 1'
}

@test "where the list cannot be read now nothing is ordered, and what has ended is collected" {
    forgotten
    switch '{"fail_list": 1}'
    run --separate-stderr kv-batch submit r.batches more.jsonl
    assert_failure 1
    assert_stderr "kv-batch: r.batches: part 1: ${PROVIDER_URL#http://}: 500: The server had an error; run again"
    assert_equal "$(ordered)" '7 1'
    kv-batch submit r.batches more.jsonl >/dev/null
    assert_equal "$(ordered)" '7 1'
}

# taken - as forgotten, and the number 2 is another part's by now
taken() {
    forgotten
    cp endpoints.json openai.json
    endpoint anthropic
    messages 2 a >messages.jsonl
    switch '{"list_lag": 3600}'
    kv-batch submit r.batches messages.jsonl >/dev/null
    switch '{"list_lag": 0}'
    cp openai.json endpoints.json
}

@test "a death while a forgotten batch is adopted under another number orders nothing twice" {
    taken
    kv-batch submit r.batches more.jsonl >/dev/null
    cp r.batches whole
    local n first
    first=$(grep -n '"part":3' whole | head -n 1 | cut -d : -f 1)
    for n in $(seq "$first" "$(wc -l <whole)"); do
        head -n "$n" whole >r.batches
        kv-batch submit r.batches more.jsonl >/dev/null
        assert_equal "$n $(ordered)" "$n 9 1"
        assert_equal "$(jq -rs 'map(.part) | max' r.batches)" 3
    done
    kv-batch collect r.batches >/dev/null
    assert_equal "$(answered) $(ordered)" '9 9 1'
}

@test "where a number is taken no other part's request file is taken for that of a forgotten batch" {
    openai 3
    kv-batch submit r.batches requests.jsonl >/dev/null
    kv-batch collect r.batches >/dev/null
    cp r.batches copy
    requests 4 s >more.jsonl
    requests 4 t >third.jsonl
    switch '{"hold": true}'
    kv-batch submit r.batches more.jsonl >/dev/null
    kv-batch submit r.batches third.jsonl >/dev/null
    mv r.batch-3.jsonl away
    cp copy r.batches
    cp endpoints.json openai.json
    endpoint anthropic
    messages 2 a >messages.jsonl
    switch '{"list_lag": 3600}'
    kv-batch submit r.batches messages.jsonl >/dev/null
    switch '{"list_lag": 0}'
    cp openai.json endpoints.json
    mv away r.batch-3.jsonl
    switch '{"keep_uploads": true}'
    run --separate-stderr kv-batch submit r.batches more.jsonl third.jsonl
    assert_failure 1
    assert_regex "$stderr" 'part 4: which requests batch batch_4 has is not known: nothing is ordered there until it has ended, or r.batch-4.jsonl is back'
    assert_equal "$(jq -r .custom_id r.batch-3.jsonl | tr '\n' ' ')" 't1 t2 t3 t4 '
    switch '{"hold": false}'
    kv-batch submit r.batches more.jsonl third.jsonl >/dev/null
    kv-batch collect r.batches >/dev/null
    assert_equal "$(answered) $(ordered)" '13 13 1'
}

@test "a forgotten batch is not adopted by the file that lies there if its results are deleted" {
    forgotten
    cp r.batch-2.jsonl away
    kv-batch submit r.batches more.jsonl >/dev/null
    kv-batch collect r.batches >/dev/null
    kv-batch tidy r.batches
    cp copy r.batches
    cp away r.batch-2.jsonl
    run --separate-stderr env KV_BATCH_SPEED=1000000 kv-batch submit r.batches more.jsonl
    assert_success
    assert_stderr 'kv-batch: r.batches: part 2: of batch batch_4 nothing is left at the service'
    run --separate-stderr kv-batch collect r.batches
    assert_success
    assert_equal "$(answered) $(ordered)" '7 7 1'
}

@test "results that are not found just after a batch has ended are not taken for deleted" {
    forgotten
    rm r.batch-2.jsonl
    switch '{"keep_uploads": true}'
    curl -sS "$PROVIDER_URL/v1/batches/batch_4" >/dev/null # it has ended
    curl -sS "$PROVIDER_URL/v1/batches" >list
    assert_equal "$(jq -r '.data[0].status' list)" completed
    switch '{"missing_results": 1}'
    export KV_BATCH_SPEED=1
    run --separate-stderr kv-batch submit r.batches more.jsonl
    assert_failure 1
    assert_stderr 'kv-batch: r.batches: part 2: which requests batch batch_4 has is not known, and its results are not to be had now: nothing is ordered there until they are, or r.batch-2.jsonl is back'
    kv-batch submit r.batches more.jsonl >/dev/null
    kv-batch collect r.batches >/dev/null
    assert_equal "$(answered) $(ordered)" '7 7 1'
}

@test "a batch that ended without results is given up, and holds nothing up" {
    switch '{"hold": true, "keep_uploads": true}'
    openai 3
    kv-batch submit r.batches requests.jsonl >/dev/null
    cp r.batches copy
    requests 2 s >more.jsonl
    kv-batch submit r.batches more.jsonl >/dev/null
    local n
    for n in 2 4; do
        curl -sS -X POST "$PROVIDER_URL/v1/batches/batch_$n/cancel" >/dev/null
    done
    cp copy r.batches
    rm r.batch-*
    switch '{"null_files": 9, "hold": false, "keep_uploads": true}'
    run --separate-stderr kv-batch status r.batches
    assert_stderr 'kv-batch: r.batches: part 2: batch batch_4 has ended without results: its requests can be ordered again
kv-batch: r.batches: part 1: batch batch_2 has ended without results: its requests can be ordered again'
    kv-batch submit r.batches requests.jsonl more.jsonl >/dev/null
    switch '{"null_files": 0}'
    kv-batch collect r.batches >/dev/null
    assert_equal "$(answered) $(ordered)" '5 5 2' # what was cancelled is not paid
}

@test "an open part whose batch and request file are gone is told with the way out" {
    switch '{"keep_uploads": true}'
    openai 3
    kv-batch submit r.batches requests.jsonl >/dev/null
    rm r.batch-1.jsonl
    switch '{"projects": true}' # the key is another one
    export OPENAI_API_KEY=sk-other-0123456789
    requests 1 t >third.jsonl
    run --separate-stderr kv-batch submit r.batches third.jsonl
    assert_failure 1
    assert_stderr 'kv-batch: r.batches: part 1: which requests batch batch_2 has is not known, as it is not found at the service: nothing is ordered there until r.batch-1.jsonl is back; to give it up: kv-batch forget r.batches 1 (it may be paid twice)'
    kv-batch forget r.batches 1
    kv-batch submit r.batches third.jsonl >/dev/null
    assert_equal "$(ordered)" '4 1'
}

# ---- what is lost here ----

@test "replies that were collected and are gone are fetched again, and nothing is ordered twice" {
    openai 5
    kv-batch submit r.batches requests.jsonl >/dev/null
    kv-batch collect r.batches >/dev/null
    cp r.replies one
    cp requests.jsonl openai.jsonl
    cp endpoints.json openai.json
    anthropic 3
    sed -i 's/"custom_id":"r/&a/' requests.jsonl
    kv-batch submit r.batches requests.jsonl >/dev/null
    kv-batch collect r.batches >/dev/null
    cp r.replies both
    rm r.replies
    local told='replies that were collected are no more in r.replies: they are fetched again, which costs nothing'
    run --separate-stderr kv-batch submit -e openai.json r.batches openai.jsonl
    assert_stderr "kv-batch: r.batches: 8 $told"
    assert_equal "$(ordered)" '8 1'
    run --separate-stderr kv-batch collect r.batches
    assert_success
    assert_stderr ''
    assert_equal "$(answered) $(jq -r .custom_id r.replies | sort | tr '\n' ' ')" "8 $(jq -r .custom_id both | sort | tr '\n' ' ')"
    assert [ ! -e r.batch-1.jsonl ] && assert [ ! -e r.batch-2.jsonl ]
    cp one r.replies # of the copy that is there only what it lacks is fetched
    run --separate-stderr kv-batch collect r.batches
    assert_success
    assert_stderr "kv-batch: r.batches: 3 $told"
    assert_equal "${#lines[@]} $(answered) $(ordered)" '3 8 8 1'
    cat one one >r.replies # longer than all that was collected
    run --separate-stderr kv-batch collect r.batches
    assert_stderr "kv-batch: r.batches: 3 $told"
    assert_equal "$(answered) $(ordered)" '8 8 1'
    run --separate-stderr kv-batch collect r.batches
    assert_success
    assert_equal "$output$stderr" ''
}

@test "replies that are gone, here and at the service, are paid for again only where a person says so" {
    openai 3
    kv-batch submit r.batches requests.jsonl >/dev/null
    kv-batch collect r.batches >/dev/null
    kv-batch tidy r.batches
    rm r.replies
    export KV_BATCH_SPEED=1000000 # half an hour has passed
    local n
    for n in 1 2; do
        run --separate-stderr kv-batch submit r.batches requests.jsonl
        assert_failure 5
        assert_regex "$stderr" 'r.batches: part 1: its replies are gone, here and at the service: nothing is ordered there; to pay for them again: kv-batch forget r.batches 1$'
        assert_equal "$(ordered)" '3 1'
    done
    kv-batch forget r.batches 1
    kv-batch submit r.batches requests.jsonl >/dev/null
    kv-batch collect r.batches >/dev/null
    assert_equal "$(answered) $(ordered)" '3 3 2'
}

@test "a failure for which a batch was refused is no reply that could be lost" {
    openai 3
    switch '{"batch_fails": {"code": "invalid_json_line", "message": "no", "line": 2}}'
    kv-batch submit r.batches requests.jsonl >/dev/null
    kv-batch collect r.batches >/dev/null 2>&1 || true
    rm r.replies
    run --separate-stderr kv-batch status r.batches
    assert_failure 1
    refute_regex "$stderr" 'no more in'
}

@test "a part that was not sent, and has no request file any more, is given up" {
    local shape
    for shape in openai anthropic; do
        rm -f r.*
        "$shape" 2
        kv-batch submit r.batches requests.jsonl >/dev/null
        head -n 2 r.batches >copy # whoever made it died then
        rm r.*
        cp copy r.batches
        switch '{"forget_metadata": true}'
        requests 1 "$shape" >more.jsonl
        [ "$shape" = openai ] || messages 1 "$shape" >more.jsonl
        run --separate-stderr kv-batch submit r.batches more.jsonl
        assert_success
        assert_stderr 'kv-batch: r.batches: part 1: its request file is gone, and it was not ordered: given up'
        assert_equal "$(jq -c '[.part, .requests]' <<<"$output")" '[2,1]'
    done
}

@test "a part in doubt whose request file is gone waits for a person, and others go on" {
    anthropic 3
    kv-batch submit r.batches requests.jsonl >/dev/null
    head -n 3 r.batches >copy # sending
    rm r.*
    cp copy r.batches
    openai 2
    run --separate-stderr kv-batch collect r.batches
    assert_failure 1
    assert_regex "$stderr" 'part 1: may have been ordered; .* kv-batch adopt r.batches 1 BATCH, or kv-batch forget r.batches 1'
    kv-batch adopt r.batches 1 "$(jq -r '.batch // empty' "$JOURNAL" | head -n 1)"
    kv-batch collect r.batches >/dev/null
    assert_equal "$(answered) $(ordered)" '3 3 1'
}

@test "what a part lacks is not counted while the requests of an open part are not known" {
    openai 3
    switch '{"expire": 1}'
    kv-batch submit r.batches requests.jsonl >/dev/null
    kv-batch collect r.batches >/dev/null 2>&1 || true
    switch '{"expire": -1, "hold": true, "keep_uploads": true}'
    requests 2 s >more.jsonl
    kv-batch submit r.batches more.jsonl >/dev/null
    rm r.batch-2.jsonl
    run --separate-stderr kv-batch status r.batches
    assert_failure 1
    assert_regex "$stderr" 'part 2: which requests batch batch_4 has is not known: .*to give it up: kv-batch forget r.batches 2'
    refute_regex "$stderr" 'no such file'
}

# twice - part 1 is in doubt, and its file was made a batch twice
twice() {
    openai 3
    kv-batch submit r.batches requests.jsonl >/dev/null
    sed -i '$d' r.batches
    jq -nc --arg f "$(jq -r '.file // empty' r.batches)" --arg l "$(jq -r '.mark // empty' r.batches)/1" \
        '{input_file_id: $f, endpoint: "/v1/chat/completions", completion_window: "24h", metadata: {kv: $l}}' |
        curl -sS -d @- "$PROVIDER_URL/v1/batches" >second
}

@test "of two batches of one part the oldest is adopted, and the other is cancelled" {
    switch '{"hold": true}'
    twice
    run --separate-stderr kv-batch status r.batches
    assert_failure 1
    assert_equal "$(jq -r '.batch' <<<"$output")" batch_2
    assert_regex "$stderr" 'part 1: was ordered twice: batch batch_3 is cancelled'
    run curl -sS "$PROVIDER_URL/v1/batches/batch_3"
    assert_equal "$(jq -r .status <<<"$output")" cancelled
    switch '{"hold": false}'
    kv-batch collect r.batches >out
    assert_equal "$(wc -l <out)" 3
}

@test "of two batches of one part the one that has failed is left" {
    switch '{"batch_fails": {"code": "invalid_request", "message": "no"}}'
    openai 3
    kv-batch submit r.batches requests.jsonl >/dev/null
    switch '{"batch_fails": null}'
    twice
    run --separate-stderr kv-batch status r.batches
    assert_equal "$(jq -r '.batch' <<<"$output")" batch_3
}

# ---- the ledger ----

@test "a torn last line of the ledger is cut off, told, and gone on from (T19)" {
    openai 2
    kv-batch submit r.batches requests.jsonl >/dev/null
    printf '{"event":"ended","part":1' >>r.batches
    run --separate-stderr kv-batch collect r.batches
    assert_success
    assert_stderr 'kv-batch: r.batches: a torn last line of 25 bytes is cut off'
    assert_equal "$(events)" 'begin part sending uploaded sending created ended collected '
}

@test "a file that is no ledger is named" {
    openai 1
    echo '{"a":1}' >r.batches
    run kv-batch status r.batches
    assert_failure 3
    assert_output 'kv-batch: r.batches: not a ledger'
}

@test "beside a state that cannot be read nothing is ordered, as nothing says how the calls are named" {
    openai 1
    echo '{"format_version": "2.0"' >r.state
    run kv-batch submit r.state requests.jsonl
    assert_failure 3
    assert_output --partial 'r.state'
    assert [ ! -e r.batches ]
}

@test "a ledger that is changed under a process is not written into" {
    openai 3
    kv-batch submit r.batches requests.jsonl >/dev/null
    kv-batch collect r.batches >/dev/null
    cp r.batches copy
    requests 2 s >more.jsonl
    switch '{"drop_create": 1, "list_lag": 3600}'
    KV_BATCH_SPEED=2 kv-batch submit r.batches more.jsonl >/dev/null 2>err 3>&- &
    local pid=$! status=0
    until grep -q 'looked for' err || ! kill -0 "$pid"; do :; done # for 2.5 s
    head -n 2 copy >r.batches
    switch '{"list_lag": 0}'
    wait "$pid" || status=$?
    assert_equal "$status $(tail -n 1 err)" '3 kv-batch: r.batches: it was changed while it is worked with, and may lack what was ordered last: run again'
    assert_equal "$(cat r.batches)" "$(head -n 2 copy)"
    kv-batch submit r.batches requests.jsonl more.jsonl >/dev/null
    assert_equal "$(ordered)" '5 1'
}

@test "a second process is told, and does nothing" {
    openai 2
    kv-batch submit r.batches requests.jsonl >/dev/null
    run flock .r.run kv-batch status r.batches
    assert_failure 6
}

@test "parts are cancelled, forgotten and tidied" {
    openai 4
    switch '{"hold": true}'
    kv-batch submit --batch-size 2 r.batches requests.jsonl >/dev/null
    kv-batch cancel r.batches 1
    kv-batch forget r.batches 2
    run --separate-stderr kv-batch collect r.batches
    assert_success
    assert_stderr 'kv-batch: r.batches: part 1: 2 of 2 requests were cancelled; run again'
    run kv-batch forget r.batches 2
    assert_failure 3
    assert_output 'kv-batch: part 2 is not open: it is given up'
    switch '{"hold": false}'
    finish 4
    kv-batch tidy r.batches
    run curl -sS "$PROVIDER_URL/v1/files?purpose=batch"
    assert_equal "$(jq '.data | length' <<<"$output")" 1 # of the part that was forgotten
    anthropic 2
    kv-batch submit a.batches requests.jsonl >/dev/null
    kv-batch collect a.batches >/dev/null
    kv-batch tidy a.batches
    assert_equal "$(tail -n 1 a.batches | jq -r .event)" tidied
}

@test "more than twenty parts are looked at by the list" {
    openai 25
    kv-batch submit --batch-size 1 r.batches requests.jsonl >/dev/null
    kv-batch status r.batches >out || true
    assert_equal "$(jq -r .status out | sort | uniq -c | awk '{ print $1, $2 }')" '25 completed'
}

@test "verbs and operands that do not fit are told" {
    run kv-batch
    assert_failure 2
    run kv-batch wait r.batches
    assert_failure 2
    assert_output --partial "'wait' is not known"
    run kv-batch status
    assert_failure 2
    run kv-batch adopt r.batches 1
    assert_failure 2
    assert_output --partial 'adopt: give the number of a part, and a batch'
    openai 1
    kv-batch submit r.batches requests.jsonl >/dev/null
    run kv-batch cancel r.batches 7
    assert_failure 2
    assert_output --partial "there is no part '7'"
}

# ---- deaths ----

# A process that is killed before its Nth system call of a kind, for every N there is; then others go on.
# Each trial has requests of its own, of which the journal counts how often they were ordered.
die_everywhere() { # openai|anthropic CALL...
    local shape=$1 call n deaths trials=0
    shift
    for call; do
        for n in $(seq 200); do
            rm -rf r.* .r.* out err
            "$shape" 3
            sed -i "s/\"custom_id\":\"r/&$shape-$call-$n-/" requests.jsonl
            deaths=0
            [ "$shape" = openai ] || switch '{"foreign": 3}' # of equal size, about the same time
            die "$call" "$n" submit r.batches requests.jsonl
            die "$call" "$n" collect r.batches
            finish 3 || fail "$call $n: not all are answered"
            assert_equal "$call $n: $(jq -r '.ordered // empty' "$JOURNAL" | grep -c "$shape-$call-$n-")" "$call $n: 3"
            trials=$((trials + deaths))
            [ "$deaths" -gt 0 ] || break
        done
    done
    echo "# $shape: $trials deaths" >&3
    assert [ "$trials" -ge 15 ]
}

# die CALL N ARGUMENT... - kv-batch, killed before its Nth call; counts in $deaths
die() {
    local status=0 call=$1 n=$2
    shift 2
    { strace -qq -o /dev/null -e "trace=$call" -e "inject=$call:signal=KILL:when=$n" kv-batch "$@" >/dev/null; } 2>/dev/null || status=$?
    [ "$status" -ne 137 ] || deaths=$((deaths + 1))
}

@test "killed before any write, sync, send or receipt, nothing is ordered twice and all is there: OpenAI (T13)" {
    needs_strace
    die_everywhere openai pwrite64 fdatasync rename sendto recvfrom write
}

@test "killed before any write, sync, send or receipt, nothing is ordered twice and all is there: Anthropic (T14)" {
    needs_strace
    die_everywhere anthropic pwrite64 fdatasync sendto recvfrom
}

@test "killed while the service has the body, has done the work, or hands out results (T13)" {
    local shape point
    for shape in openai anthropic; do
        for point in upload-before upload-middle upload-after create-before create-after results-before; do
            case $shape-$point in anthropic-upload*) continue ;; esac
            rm -rf r.* .r.* out err pid
            "$shape" 3
            sed -i "s/\"custom_id\":\"r/&$shape-$point-/" requests.jsonl
            switch "{\"kill\": \"$point\", \"pid_file\": \"$PWD/pid\"}"
            for verb in submit collect; do
                sh -c 'echo $$ >pid; exec kv-batch "$@"' - $verb r.batches $([ $verb = collect ] || echo requests.jsonl) >/dev/null 2>&1 || true
            done
            finish 3 || fail "$shape $point"
            assert_equal "$shape $point: $(jq -r '.ordered // empty' "$JOURNAL" | grep -c "$shape-$point-")" "$shape $point: 3"
        done
    done
}

@test "a signal ends a wait at once, and what is ordered goes on (T18)" {
    export KV_BATCH_SPEED=1
    openai 3
    switch '{"drop_create": 1, "list_lag": 3600}'
    kv-batch submit r.batches requests.jsonl >/dev/null 2>err 3>&- &
    local pid=$! status=0 begin
    until grep -q 'looked for' err || ! kill -0 "$pid"; do :; done
    begin=$(date +%s%N)
    kill -TERM "$pid"
    wait "$pid" || status=$?
    assert_equal "$status" 143
    assert [ $(($(date +%s%N) - begin)) -lt 2000000000 ]
    switch '{"list_lag": 0}'
    KV_BATCH_SPEED=1000 finish 3
    assert_equal "$(ordered)" '3 1'
}
