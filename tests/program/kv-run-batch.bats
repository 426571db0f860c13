# kv-run --batch: a benchmark by batches, a step at a time, with the same results as online.
load ../helper
load ../quiz

setup() {
    kv_setup
    export KV_BATCH_SPEED=1000
}

# comparable FILE - results without what differs between two runs of the same
comparable() {
    jq -cS 'del(.metadata.execution_time, .metadata.timestamp, .metadata.result_id, .template.usage_metadata,
        .evaluation_input) | del(.. | .run_name?)' "$1" | sort
}

# batched QUESTIONS [JQ] - a run of models that have batches, of which nothing has been asked
batched() {
    bench "$1"
    start_provider --answers answers.jsonl
    export OPENAI_BASE_URL=$PROVIDER_URL/v1 OPENAI_API_KEY=sk-test-0123456789
    quiz_preset 1 "(.answering_models[0], .parsing_models[0]) |= (. + {interface: \"langchain\", model_provider: \"openai\"}
        | del(.endpoint_base_url, .endpoint_api_key)) | ${2:-.}"
    kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
}

switch() {
    curl -sS -d "$1" "$PROVIDER_URL/batch-control" >/dev/null
}

# ordered - "COUNT TIMES" a line for each number of times requests were ordered
ordered() {
    jq -r '.ordered // empty' "$JOURNAL" | sort | uniq -c | awk '{ n[$1]++ } END { for (t in n) print n[t], t }'
}

# steps - until nothing is pending; prints how many it took
steps() {
    local n
    for n in $(seq 20); do
        if kv-run --batch "$@" r.json.state 2>>err | kv-append -q r.json.state 2>>err; then
            kv-status -q r.json.state && echo "$n" && return
        fi
    done
    tail -n 20 err >&2
    return 1
}

@test "a benchmark by batches has the results it has online, and a step ends at once" {
    batched 6
    run -0 kv-run r.json.state
    printf '%s\n' "$output" | jq -c . >online
    kv-manifest --force -b bench.jsonl -c preset.json -o r.json >/dev/null
    run --separate-stderr kv-run --batch --append r.json.state
    assert_failure 1
    assert_regex "$stderr" '5 requests are in 1 batch; run again later'
    run -0 steps
    assert_output 2
    kv-finalize r.json.state >/dev/null
    assert_equal "$(jq -c '.results[]' r.json | comparable /dev/stdin)" "$(comparable online)"
    run ls -A
    refute_output --partial batch
    refute_output --partial replies
    refute_output --partial deferred
    assert_equal "$(ordered)" '10 1' # five answers and their judgements; one task was the probe
}

@test "checks that gate take a round each, with the rows of an online run (T23)" {
    batched 4 '.abstention_enabled = true'
    run -0 kv-run r.json.state
    printf '%s\n' "$output" | jq -c . >online
    kv-manifest --force -b bench.jsonl -c preset.json -o r.json >/dev/null
    run -0 steps --no-probe
    assert_output 4 # three rounds, and the one that finds that all is there
    kv-finalize r.json.state >/dev/null
    assert_equal "$(jq -c '.results[]' r.json | comparable /dev/stdin)" "$(comparable online)"
}

@test "a plain run asks nothing of what is in open batches (T20)" {
    batched 3
    switch '{"hold": true}'
    kv-run --batch --no-probe r.json.state >rows 2>err || true
    : >"$JOURNAL"
    run kv-run r.json.state
    assert_failure 1
    assert_output 'kv-run: r.json.state: 3 tasks wait for batches; --batch looks after them, --race asks all the same'
    assert_equal "$(wc -l <"$JOURNAL")" 0
    run kv-run --exec 'exit 1' r.json.state
    assert_failure 1
    assert_output 'kv-run: r.json.state: 3 requests are in batches; --batch looks after them, --race asks all the same'
    run kv-status r.json.state
    assert_equal "$(jq -c '[.batches.open, .batches.requests, .waiting_for_batch]' <<<"$output")" '[1,3,3]'
    run kv-manifest --force -b bench.jsonl -c preset.json -o r.json
    assert_failure 3
    assert_output --partial '1 batches of an older run are open'
    kv-run --race r.json.state 2>/dev/null | kv-append -q r.json.state
    run --separate-stderr kv-finalize r.json.state
    assert_success
    assert_stderr 'kv-finalize: r.json.batches: 1 batch or answer is still ordered and not removed: kv-batch collect r.json.batches, or cancel before it; then kv-finalize r.json removes what is left'
    assert [ -e r.json.batches ]
    run kv-status --human r.json
    assert_line 'To stop     kv-batch cancel r.json.batches; kv-batch collect r.json.batches'
    assert_line 'To end      kv-finalize r.json'
    switch '{"hold": false}'
    kv-batch collect r.json.batches >/dev/null
    run --separate-stderr kv-finalize r.json
    assert_success
    assert_stderr ''
    run ls -A
    refute_output --partial r.json.
}

@test "a table of the status has what is ordered, and the command that goes on" {
    batched 3
    kv-run --batch --no-probe r.json.state >rows 2>err || true
    run kv-status --human r.json.state
    assert_line --regexp '^Batches     1 open \(3 requests, since 20.*Z\), 0 requests answered$'
    assert_line 'To go on    kv-run --batch r.json.state | kv-append -q r.json.state'
}

@test "the task of the probe is printed once, and nothing is said of a limit" {
    batched 3
    run --separate-stderr kv-run --batch r.json.state
    assert_failure 1
    assert_equal "${#lines[@]}" 1
    assert_equal "$(jq -c .template.verify_result <<<"${lines[0]}")" true
    assert_stderr 'kv-run: r.json.state: 2 requests are in 1 batch; run again later'
    assert_equal "$(asked '.path == "/v1/chat/completions"')" 2
    assert_equal "$(kv-status r.json.state | jq .progress.completed_count)" 0
}

@test "what a probe is told by its environment another run does not heed" {
    batched 2
    local found
    for found in quiet "1 quiet" "$PPID quiet"; do
        kv-manifest --force -b bench.jsonl -c preset.json -o r.json >/dev/null
        run -0 env KV_PROBE="$found" kv-run --no-journal r.json.state
        assert_equal "${#lines[@]}" 2
    done
}

@test "replies that were taken in before are not called those of another run" {
    batched 4 '.abstention_enabled = true'
    local n
    for n in $(seq 6); do
        kv-run --batch --append r.json.state 2>>err || true
    done
    kv-status -q r.json.state
    run grep -c 'none of this run' err
    assert_output 0
}

@test "what is in no open batch is asked by a plain run, and what was collected is not asked again" {
    batched 6
    switch '{"hold": true}'
    kv-run --batch --no-probe --max-tasks 2 --append r.json.state 2>err || true
    assert_equal "$(ordered)" '2 1'
    run --separate-stderr kv-run --append r.json.state
    assert_failure 1
    assert_stderr 'kv-run: r.json.state: 2 tasks wait for batches; --batch looks after them, --race asks all the same'
    assert_equal "$(completed) $(asked .judge) $(asked '.judge == false')" '4 4 4'
    switch '{"hold": false}'
    kv-batch collect r.json.state >/dev/null
    : >"$JOURNAL"
    run --separate-stderr kv-run --append r.json.state
    assert_success
    assert_stderr ''
    assert_equal "$(completed) $(jq -c .judge "$JOURNAL" | tr '\n' ' ')" '6 true true '
}

@test "judgements in open batches are held, with the answers that are there" {
    batched 3
    kv-run --batch=judges --no-probe --append r.json.state 2>err || true
    switch '{"hold": true}'
    kv-run --batch=judges --no-probe --append r.json.state 2>err || true
    : >"$JOURNAL"
    run kv-run r.json.state
    assert_failure 1
    assert_output --partial '3 tasks wait for batches'
    assert_equal "$(wc -l <"$JOURNAL")" 0
}

@test "a ledger that cannot be read is told by kv-status, not passed over" {
    batched 1
    echo '{"a":1}' >r.json.batches
    run --separate-stderr kv-status r.json.state
    assert_stderr 'kv-status: r.json.batches: not a ledger'
}

@test "a step knows how its programs end where SIGCHLD is ignored, and its options where they are cut short" {
    batched 3
    run --separate-stderr python3 -c 'import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.execvp(sys.argv[1], sys.argv[1:])' kv-run --batch --batch-siz 2 --no-prob --append r.json.state
    assert_failure 1
    assert_regex "$stderr" '3 requests are in 2 batches; run again later'
}

@test "answers by batches, and judges at once" {
    batched 3
    run -0 steps --batch=answers --no-probe
    assert_output 2
    assert_equal "$(ordered)" '3 1'
}

@test "--batch-wait goes on until all is there" {
    batched 3
    run --separate-stderr kv-run --batch --batch-wait --append r.json.state
    assert_success
    kv-status -q r.json.state
}

# busy N WORDS - the provider is busy for the first N requests with these words, and goes on with the run
busy() {
    stop_provider
    jq -n --arg w "$2" --argjson n "$1" '{rules: [{when: ({contains: $w} + if $n > 0 then {first: $n} else {} end),
        do: {status: 503, body: {error: {message: "busy"}}}}]}' >script.json
    start_provider --answers answers.jsonl --script script.json
    export OPENAI_BASE_URL=$PROVIDER_URL/v1
}

@test "--batch-wait asks the last hundredth at once, after two batches that brought nothing" {
    batched 100
    busy 2 'number 57?'
    run --separate-stderr kv-run --batch --no-probe --batch-wait --append r.json.state
    assert_success
    assert_equal "$(completed) $(ordered | sort -n | tr '\n' ' ')" '100 1 2 198 1 '
    # Those of batches are among them: 101 answers and 99 judgements were ordered.
    assert_equal "$(asked '.judge == false') $(asked .judge)" '102 100'
}

@test "--batch-wait asks no more than 50 tasks at once, though they are a hundredth" {
    batched 5100
    kv-run -j 64 --max-tasks 5049 --append r.json.state 2>err || true
    assert_equal "$(completed)" 5049
    busy 102 'number'
    run --separate-stderr kv-run --batch --no-probe --batch-wait --append r.json.state
    assert_success
    assert_equal "$(completed) $(ordered | sort -n | tr '\n' ' ')" '5100 51 1 51 3 ' # judgements, answers
    assert_equal "$(asked '.judge == false')" 5202 # 5049, and three times 51 in batches
}

@test "--batch-wait orders more than a hundredth again, and ends where batches can bring nothing more" {
    batched 3
    busy 0 'number 2?'
    run --separate-stderr timeout 60 kv-run --batch --no-probe --batch-wait --append r.json.state
    assert_failure 1
    assert_regex "$stderr" 'r.json.state: no batch is open, and none would bring more; kv-run without --batch asks at once what is pending$'
    assert_equal "$(completed) $(ordered | sort -n | tr '\n' ' ')" '2 1 6 4 1 '
    assert_equal "$(asked '.judge == false')" 8 # all of them in batches
}

@test "--tidy deletes at the service what is collected" {
    batched 3
    run -0 steps --no-probe --tid
    assert_equal "$(jq -rs 'map(select(.event == "tidied")) | length' r.json.batches)" 2
    run curl -sS "$PROVIDER_URL/v1/files?purpose=batch"
    assert_equal "$(jq '.data | length' <<<"$output")" 0
}

@test "--batch-wait ends at once when it is stopped, and batches go on (T18)" {
    batched 3
    local pid status begin signal
    for signal in INT:130 TERM:143; do
        : >"$JOURNAL"
        kv-manifest --force -b bench.jsonl -c preset.json -o r.json >/dev/null
        switch '{"hold": true}'
        # Two looks are a minute apart: it waits when the first has ended.
        KV_BATCH_SPEED=1 env --default-signal=INT kv-run --batch --no-probe --batch-wait --append r.json.state \
            >/dev/null 2>err 3>&- &
        pid=$! status=0
        until grep -qs '"created"' r.json.batches && [ -z "$(pgrep -P "$pid")" ] || ! kill -0 "$pid"; do :; done
        begin=$(date +%s%N)
        kill -s "${signal%:*}" "$pid"
        wait "$pid" || status=$?
        assert_equal "$status" "${signal#*:}"
        assert [ $(($(date +%s%N) - begin)) -lt 2000000000 ]
        run jq -es 'map(select(.event == "created")) | length == 1' r.json.batches
        assert_success
        switch '{"hold": false}'
        steps --no-probe >/dev/null
        assert_equal "$(ordered)" '6 1'
    done
}

@test "--max-cost leaves calls for later, with the reason (T21)" {
    batched 6
    echo '{"*": {"input": 1000, "output": 1000}}' >prices.json
    run --separate-stderr kv-run --batch --no-probe --append --prices prices.json --max-cost 5 r.json.state
    assert_failure 1
    assert_regex "$stderr" 'stopped by --max-cost'
    assert [ "$(jq -s 'map(.requests // 0) | add' r.json.batches)" -lt 6 ]
}

@test "--max-tokens leaves calls for later, as --max-cost does" {
    batched 6 '(.answering_models[0], .parsing_models[0]).max_tokens = 4000'
    run --separate-stderr kv-run --batch --no-probe --append --max-tokens 2500 r.json.state
    assert_failure 1
    assert_regex "$stderr" 'stopped by --max-tokens'
    assert_equal "$(ordered)" '3 1' # 1,000 each, and the prompt
}

@test "killed at any moment of any step, a run by batches orders nothing twice and loses nothing (T13)" {
    batched 6
    local pid n
    for n in $(seq 12); do
        setsid kv-run --batch --no-probe --append r.json.state >/dev/null 2>>err 3>&- &
        pid=$!
        sleep "0.0$((RANDOM % 9))"
        kill -9 -- "-$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    steps --no-probe >/dev/null
    assert_equal "$(ordered)" '12 1'
    run jq -c . r.json.batches
    assert_success
}

@test "an older ledger that was put back costs nothing: what it has forgotten is found at the service" {
    batched 6
    kv-run --batch --no-probe --append r.json.state 2>err || true
    cp r.json.batches copy
    kv-run --batch --no-probe --append r.json.state 2>err || true
    assert_equal "$(ordered)" '12 1'
    cp copy r.json.batches # the answers are open again, the judgements were never ordered
    rm r.json.batch-* r.json.replies .r.json.journal
    steps --no-probe >/dev/null
    assert_equal "$(ordered) $(completed)" '12 1 6'
}

@test "replies that are gone are told by a plain run before it asks, and fetched again by --batch" {
    batched 4
    kv-run --batch --no-probe --append r.json.state 2>err || true
    kv-run --batch --no-probe --append r.json.state 2>err || true # the judgements are ordered
    rm r.json.replies .r.json.journal
    : >asked && cp "$JOURNAL" asked
    run --separate-stderr kv-run --append r.json.state
    assert_failure 3
    assert_stderr 'kv-run: r.json.replies: replies that were collected are gone: kv-batch collect r.json.batches fetches them again; --race asks all the same'
    assert_equal "$(cmp "$JOURNAL" asked)" ''
    run -0 steps --no-probe
    run grep -c '4 replies that were collected are no more in r.json.replies: they are fetched again' err
    assert_output 1
    assert_equal "$(ordered) $(completed)" '8 1 4'
}

@test "a ledger of another run is refused, and its replies answer no questions of this one" {
    batched 3
    run -0 steps --no-probe
    cp r.json.batches ledger
    cp r.json.replies replies
    sed 's/What is number/Whatever was/' bench.jsonl >other.jsonl # questions of the same names
    kv-manifest --force -b other.jsonl -c preset.json -o r.json >/dev/null
    cp ledger r.json.batches # as a death of kv-manifest just before their end leaves them
    cp replies r.json.replies
    : >"$JOURNAL"
    local how
    for how in '' --batch; do
        run --separate-stderr kv-run $how --append r.json.state
        assert_failure 3
        assert_regex "$stderr" 'kv-run: r.json.batches: of another run than r.json.state, as is r.json.replies then: move them away, or put its own back$'
    done
    assert_equal "$(completed) $(wc -l <"$JOURNAL")" '0 0'
    kv-manifest --force -b other.jsonl -c preset.json -o r.json >/dev/null
    run ls r.json.batches r.json.replies
    assert_failure
}

@test "a harmless change of the configuration leaves a run its batches" {
    batched 3
    switch '{"hold": true}'
    kv-run --batch --no-probe r.json.state 2>err >rows || true
    local setting
    for setting in '.request_timeout' '.answering_models[0].request_timeout' '.parsing_models[0].max_retries'; do
        jq "$setting = 77" preset.json >p.json
        mv p.json preset.json
        run --separate-stderr kv-manifest --if-absent -b bench.jsonl -c preset.json -o r.json
        assert_success
        assert_stderr 'kv-manifest: r.json: has batches, and goes on with the time limits and the like that it began with'
    done
    switch '{"hold": false}'
    run -0 steps --no-probe
    assert_equal "$(ordered) $(completed)" '6 1 3'
}

@test "calls have their names though a death has left no more of a ledger than its name" {
    batched 3
    : >r.json.batches
    run -0 steps --no-probe
    assert_equal "$(ordered)" '6 1'
}

@test "replies without a ledger are not taken for those of requests that are called alike" {
    batched 3
    rm r.json.*
    seq 2 | jq -c '{custom_id: "r\(.)", method: "POST", url: "/v1/chat/completions", body:
        {model: "m1", messages: [{role: "user", content: "What is number \(.)?"}]}}' >rq.jsonl
    kv-manifest --requests rq.jsonl -c preset.json -o r.json >/dev/null
    run -0 steps --no-probe
    rm r.json.batches r.json.state r.json.tmp .r.json.*
    sed -i 's/number/letter/' rq.jsonl
    kv-manifest --force --requests rq.jsonl -c preset.json -o r.json >/dev/null
    run --separate-stderr kv-run --append r.json.state
    assert_failure 3
    assert_stderr 'kv-run: r.json.replies: there is no ledger r.json.batches that says what was asked: give the file with --replies if it is of these requests, or move it away'
}

@test "beside an open part whose request file is gone a plain run asks nobody, and names the way out" {
    batched 3
    switch '{"hold": true}'
    kv-run --batch --no-probe --append r.json.state 2>err || true
    rm r.json.batch-1.jsonl
    : >"$JOURNAL"
    run --separate-stderr kv-run --append r.json.state
    assert_failure 3
    assert_stderr 'kv-run: r.json.batch-1.jsonl: the request file of an open part is gone, so what is ordered is not known: kv-batch collect r.json.batches fetches it again'
    assert_equal "$(wc -l <"$JOURNAL")" 0
    kv-batch collect r.json.batches >/dev/null || true
    run --separate-stderr kv-run --append r.json.state
    assert_failure 1
    assert_stderr 'kv-run: r.json.state: 3 tasks wait for batches; --batch looks after them, --race asks all the same'
}

@test "a batch that failed as a whole ends the step in which that is found, and the next orders again" {
    batched 3
    switch '{"batch_fails": {"code": "model_mismatch", "message": "two models"}}'
    kv-run --batch --no-probe --append r.json.state 2>/dev/null || true
    run --separate-stderr kv-run --batch --append r.json.state
    assert_failure 3
    assert_regex "$stderr" 'part 1: the batch failed: model_mismatch: two models'
    switch '{"batch_fails": null}'
    steps >/dev/null
    assert_equal "$(ordered)" '6 1'
}

@test "a key that is wrong is told before anything is ordered" {
    batched 3
    stop_provider
    start_provider --key right
    export OPENAI_BASE_URL=$PROVIDER_URL/v1
    run --separate-stderr kv-run --batch --append r.json.state
    assert_failure 5
    assert [ ! -e r.json.batches ]
}

# refused STATUS MESSAGE OPTION... - no step is taken, and nobody was asked
refused() {
    local status=$1 message=$2
    shift 2
    : >"$JOURNAL"
    run --separate-stderr kv-run "$@" r.json.state </dev/null
    assert_failure "$status"
    assert_stdout ''
    assert_equal "${stderr% (try \'kv-run --help\')}" "kv-run: $message"
    assert_equal "$(wc -l <"$JOURNAL")" 0
    assert [ ! -e r.json.batches ]
}

@test "options that do not fit are told before anything is asked" {
    batched 1
    refused 2 '--batch-wait, --batch-size, --no-probe and --tidy go with --batch' --batch-wait
    refused 2 '--batch-wait, --batch-size, --no-probe and --tidy go with --batch' --tidy
    refused 2 "--batch-wait: expected a time above 0 as 90s or 2h, not '0'" --batch --batch-wait=0 --append
    refused 2 '--batch asks in its own way: --dry-run has no place in it' --batch --dry-run
    refused 2 '--batch asks in its own way: --defer has no place in it' --batch --defer dd
    refused 2 '--batch asks in its own way: --race has no place in it' --batch --race
    refused 2 "--batch: expected answers, judges, not 'foo'" --batch=foo
    refused 2 "--batch-size: expected N or N,BYTES, from 1, not '0'" --batch --batch-size 0
    refused 2 "--batch-size: expected N or N,BYTES, from 1, not '10,abc'" --batch --batch-size 10,abc
    refused 2 "--batch-size: expected N or N,BYTES, from 1, not '10,'" --batch --batch-size 10,
    refused 2 "--batch-as: expected files, anthropic, not 'foo'" --batch --batch-as foo
    refused 2 "--answer-cmd: a command's answers are not asked elsewhere: give --batch=judges" --batch --answer-cmd cat
    refused 2 "--judge-cmd: a command's judgements are not asked elsewhere: give --batch=answers" --batch --judge-cmd cat
    refused 2 '--judge-fallback: a judge that is asked elsewhere is not heard to be down' --batch --judge-fallback j
    refused 2 '--batch reads --replies more than once: give a file' --batch --replies -
    refused 1 'stopped by --max-tasks; 1 task is pending' --batch --max-tasks 0
    refused 3 'none.json: no such file or directory' --batch --prices none.json --max-cost 1
}

@test "a model whose service has no batches is asked at once, beside another that has them" {
    batched 3 '.parsing_models[0] |= (.interface = "openai_endpoint" | .endpoint_base_url = "'"$PROVIDER_URL"'/v1")'
    sed -i 's|"endpoint_base_url": "/v1"|"endpoint_base_url": "'"$PROVIDER_URL"'/v1"|' preset.json
    kv-manifest --force -b bench.jsonl -c preset.json -o r.json >/dev/null
    run -0 steps --no-probe
    assert_output 2
    assert_equal "$(ordered) $(asked '.judge == true')" '3 1 3'
    quiz_preset 1
    kv-manifest --force -b bench.jsonl -c preset.json -o r.json >/dev/null
    : >"$JOURNAL"
    run -0 kv-run --batch --append r.json.state
    assert_equal "$(ordered) $(asked '.judge == true')" ' 3'
}

@test "a service whose batches are untried is refused before anything is asked, with the way out" {
    batched 2
    quiz_preset 1 '.answering_models[0] |= (.interface = "langchain" | .model_provider = "groq" | del(.endpoint_base_url))'
    kv-manifest --force -b bench.jsonl -c preset.json -o r.json >/dev/null
    refused 3 'langchain:m1 (a1): the batches of api.groq.com are untried with this program: order there with --batch-as files; --batch=judges asks this model at once' --batch
}

@test "requests go through batches as they are given, and what is ordered or collected is not asked" {
    batched 3
    seq 4 | jq -c '{custom_id: "r \(.)", method: "POST", url: "/v1/chat/completions", body:
        {model: "m1", messages: [{role: "user", content: "What is number \(.)?"}], seed: 1.50}}' >rq.jsonl
    kv-manifest --requests rq.jsonl -c preset.json -o online.json >/dev/null
    kv-run --append online.json.state
    rm r.json.* && kv-manifest --requests rq.jsonl -c preset.json -o r.json >/dev/null
    switch '{"hold": true}'
    kv-run --batch --no-probe --max-tasks 2 --append r.json.state 2>err || true
    assert_equal "$(jq -r '.ordered // empty' "$JOURNAL" | sort | tr '\n' ,)" 'r 1,r 2,'
    assert_equal "$(cmp r.json.batch-1.jsonl <(head -n 2 rq.jsonl))" ''
    run --separate-stderr kv-run --append r.json.state
    assert_failure 1
    assert_stderr 'kv-run: r.json.state: 2 tasks wait for batches; --batch looks after them, --race asks all the same'
    assert_equal "$(completed)" 2
    switch '{"hold": false}'
    kv-batch collect r.json.state >/dev/null
    : >"$JOURNAL"
    kv-run --append r.json.state
    assert_equal "$(completed) $(wc -l <"$JOURNAL")" '4 0'
    diff <(jq -c '.results[] | del(.. | .id?, .request_id?)' online.json.tmp | sort) \
        <(jq -c '.results[] | del(.. | .id?, .request_id?)' r.json.tmp | sort)
}

@test "kv-check-compat names open batches that a configuration would lose" {
    batched 3
    switch '{"hold": true}'
    kv-run --batch --no-probe --batch-size 2 --append r.json.state 2>err || true
    run -0 kv-check-compat -b bench.jsonl -c preset.json r.json.state
    assert_output '{"compatible":true,"reason":""}'
    jq '.parsing_models[0].temperature = 0.5' preset.json >judge.json
    run -1 kv-check-compat -b bench.jsonl -c judge.json r.json.state
    refute_output --partial lost_batches
    jq '.answering_models[0].temperature = 0.5' preset.json >other.json
    run -1 kv-check-compat -b bench.jsonl -c other.json r.json.state
    assert_equal "$(jq -c .lost_batches <<<"$output")" \
        '[{"part":1,"model":"a1","requests":2},{"part":2,"model":"a1","requests":1}]'
    switch '{"hold": false}'
    kv-batch collect r.json.state >/dev/null
    run -1 kv-check-compat -b bench.jsonl -c other.json r.json.state
    refute_output --partial lost_batches
}
