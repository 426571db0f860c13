# kv-run where readers are slow, budgets go on, servers are odd and commands misbehave.
load ../helper
load ../quiz
# shellcheck disable=SC2154 # stderr, stderr_lines, status: bats sets them

setup() {
    kv_setup
    export OPENAI_API_KEY=sk-canary-Zq7wX31vLmT9
}

# manifest [JQ] - one answering model and a judge
manifest() {
    quiz_preset 1 "$@"
    kv-manifest -b bench.jsonl -c preset.json -o r.json --force >/dev/null
}

@test "run: calls do not time out while the reader of the results is stopped" {
    bench 40 20000
    start_provider --answers answers.jsonl --latency 200
    manifest '.answering_models[].request_timeout = 1 | .parsing_models[].request_timeout = 1'
    mkfifo pipe
    kv-run -j 16 r.json.state >pipe 2>err &
    local pid=$!
    exec 8<pipe
    sleep 3 # three times what a call may take
    kv-append -q r.json.state <&8
    exec 8<&-
    wait "$pid"
    assert_equal "$(completed)" 40
    assert_equal "$(asked '.judge | not') $(asked .judge)" '40 40'
    assert_equal "$(cat err)" ''
}

@test "run: a second signal ends it though the reader of its results takes none, and says what is lost" {
    bench 60 20000
    start_provider --answers answers.jsonl --latency 20
    manifest
    mkfifo pipe
    kv-run --no-journal --grace 0 r.json.state >pipe 2>err &
    local pid=$!
    exec 8<pipe
    until [ "$(asked .judge)" -ge 8 ]; do sleep 0.1; done
    kill -TERM "$pid"
    until grep -q stopping err; do sleep 0.1; done
    # one that comes at once may be an echo of the first, and is passed over
    while kill -TERM "$pid" 2>/dev/null; do sleep 0.1; done
    wait "$pid" || status=$?
    exec 8<&-
    assert_equal "$status" 143
    run grep -xE 'kv-run: [0-9]+ results were not taken by the reader of stdout, and lost' err
    assert_success
}

@test "run: a hangup drains as an interrupt does" {
    bench 40
    start_provider --answers answers.jsonl --latency 100
    manifest
    run timeout --preserve-status -s HUP 1 bash -c 'exec kv-run -j 4 r.json.state >rows 2>err'
    assert_failure 129
    kv-append -q r.json.state <rows
    assert_equal "$(completed)" "$(asked .judge)"
    assert_equal "$(grep -c . rows)" "$(asked .judge)"
}

@test "run: with stdout closed or full nothing is asked that could not be printed" {
    bench 4
    start_provider --answers answers.jsonl
    manifest
    run --separate-stderr bash -c 'kv-run r.json.state >&-'
    assert_failure 4
    assert_stderr 'kv-run: stdout: bad file descriptor'
    assert_equal "$(asked true)" 0
    for how in --dry-run --check ''; do
        run --separate-stderr bash -c "kv-run $how r.json.state >/dev/full"
        assert_failure 4
        assert_stderr 'kv-run: stdout: no space left on device'
    done
    run bash -c 'kv-run r.json.state 2>&- >rows'
    assert_success
    assert_equal "$(grep -c . rows)" 4
}

@test "run: what is done already needs no key, nor does a model with nothing to do" {
    bench 3
    start_provider --answers answers.jsonl
    manifest
    kv-run r.json.state | kv-append -q r.json.state
    jq -c '.config.answering_models[0].endpoint_base_url = "https://gw.example/v1"
        | .config.answering_models[0].interface = "langchain"
        | .config.answering_models[0].model_provider = "anthropic"' r.json.state >moved
    mv moved r.json.state
    run --separate-stderr kv-run r.json.state
    assert_success
    assert_stdout ''
    assert_stderr ''
}

@test "run: a model whose answers are all recorded needs no key, one of the others does" {
    bench 2
    start_provider --answers answers.jsonl
    jq -n '{version: 1, miss_policy: "fall_through", entries: [range(1; 3) |
        {key: {question_id: "q\(.)"}, entry: {raw_trace: "It is \(.)."}}]}' >all.json
    jq '.entries |= .[:1]' all.json >one.json
    quiz_preset 1 '.answering_models[0] |= (del(.endpoint_base_url) | .interface = "langchain" | .model_provider = "anthropic")'
    kv-manifest -b bench.jsonl -c preset.json -o r.json --replay all.json >/dev/null
    run --separate-stderr kv-run r.json.state
    assert_success
    assert_equal "$(jq -sc 'map(.template.verify_result)' <<<"$output")" '[true,true]'
    run --separate-stderr kv-run --replay one.json r.json.state
    assert_failure 5
    [[ $stderr == *ANTHROPIC_API_KEY* ]]
}

@test "run: a command that prints nothing has given no answer, and is named" {
    bench 1
    start_provider
    manifest
    kv-run --answer-cmd 'cat >/dev/null' r.json.state >rows
    run jq -r '.metadata.failure | .stage, .reason' rows
    assert_output $'GenerateAnswer\nAdapter call failed: CommandError: cat >/dev/null: printed nothing'
}

@test "run: TASKS that are none of the state's are named; none at all is nothing to do" {
    bench 3
    start_provider --answers answers.jsonl
    manifest
    run --separate-stderr kv-run r.json.state - <<<'"nonesuch"'
    assert_failure 3
    assert_stdout ''
    assert_stderr "kv-run: 'nonesuch' is not a task of this state"
    run --separate-stderr kv-run r.json.state - <<<'{"task":1}'
    assert_failure 3
    assert_stderr 'kv-run: <stdin>:1: expected a task: a string, or an object with "task_id"'
    run --separate-stderr kv-run r.json.state - </dev/null
    assert_success
    assert_stdout ''
    kv-status --pending r.json.state | head -n 1 | tee one two >/dev/null
    cat two >>one # named twice is named
    kv-run r.json.state one | kv-append -q r.json.state
    assert_equal "$(completed)" 1
    run --separate-stderr kv-run r.json.state one # done already
    assert_success
    assert_stdout ''
}

@test "run: a pipe or a file that names no task is told, and nothing is done" {
    echo '"a"' | kv-manifest --tasks - -o r.json >/dev/null
    run --separate-stderr kv-run --exec cat r.json.state - </dev/null
    assert_success
    assert_stdout ''
    assert_regex "$stderr" 'kv-run: <stdin>: no task is named there: nothing is to be done'
    echo >none
    run --separate-stderr kv-run --exec cat r.json.state none
    assert_success
    assert_regex "$stderr" 'kv-run: none: no task is named there: nothing is to be done'
    assert_equal "$(kv-status r.json.state | jq .progress.pending_count)" 1
}

@test "run: --retry-failed knows the categories" {
    bench 1
    start_provider
    manifest
    run --separate-stderr kv-run --retry-failed=timeout,nonsense r.json.state
    assert_failure 2
    assert_regex "$stderr" "^kv-run: --retry-failed: expected categories of kv-results.5., truncated or partial, not 'nonsense'"
}

@test "run: a limit that is reached by the last task stopped nothing" {
    bench 4
    start_provider --answers answers.jsonl
    manifest
    run --separate-stderr kv-run --max-tasks 4 r.json.state
    assert_success
    assert_stderr ''
    run --separate-stderr kv-run --max-tasks 3 -j 1 r.json.state
    assert_failure 1
    assert_stderr 'kv-run: stopped by --max-tasks; 1 task is pending'
}

@test "run: limits of tokens and money go on where the last run stopped, shared answers counted once" {
    bench 30
    start_provider --answers answers.jsonl
    manifest '.parsing_models += [.parsing_models[0] | .id = "k" | .model_name = "judge2"]'
    echo '{"m1":{"input":1000000,"output":0},"judge":{"input":0,"output":0},"judge2":{"input":0,"output":0}}' >prices.json
    kv-run --max-tasks 20 -j 1 r.json.state | tee rows | kv-append -q r.json.state
    local used asked paid
    # the answers' tokens once, though each row has them, and the judges'
    used=$(jq -s '(unique_by(.metadata.question_id) | map(.template.usage_metadata.answer_generation.total_tokens) | add)
        + (map(.template.usage_metadata.parsing.total_tokens) | add)' rows)
    paid=$(jq -s 'unique_by(.metadata.question_id) | map(.template.usage_metadata.answer_generation.input_tokens) | add' rows)
    asked=$(asked true)
    run --separate-stderr kv-run --max-tokens "$used" r.json.state
    assert_failure 1
    assert_stderr 'kv-run: stopped by --max-tokens; 40 tasks are pending'
    assert_equal "$(asked true)" "$asked"
    run --separate-stderr kv-run --max-cost "$paid" --prices prices.json r.json.state
    assert_failure 1
    assert_stderr 'kv-run: stopped by --max-cost; 40 tasks are pending'
    assert_equal "$(asked true)" "$asked"
    run --separate-stderr kv-run --max-tokens "$((used + 1))" -j 1 r.json.state
    assert_failure 1
    assert [ "$(asked true)" -gt "$asked" ]
}

@test "run: -v tells of retries, waits and reused answers; without it, of what was not done" {
    bench 3
    cat >script.json <<'END'
{"rules":[
{"when":{"contains":"number 1?","first":1},"do":{"peer":"close"}},
{"when":{"contains":"number 2?","first":1},"do":{"status":429,"headers":{"Retry-After":"1"},"body":{"error":{"message":"slow \u001b[31mdown\nplease"}}}},
{"when":{"contains":"number 3?","judge":true,"first":2},"do":{"status":500,"body":"oops"}}]}
END
    start_provider --answers answers.jsonl --script script.json
    manifest
    run --separate-stderr bash -c 'kv-run -v r.json.state | kv-append -q r.json.state'
    assert_regex "$stderr" 'openai_endpoint:m1 \(a1\): connection: .*; asking again in 0\.[0-9] s'
    assert_regex "$stderr" 'openai_endpoint:m1 \(a1\): 429 rate_limit: slow .*down please; asking again in 1\.[0-9] s'
    assert_regex "$stderr" 'q3: not judged by openai_endpoint:judge \(j\): .*500 server_error: oops'
    refute_regex "$stderr" $'\033'
    assert_equal "$(grep -vc '^kv-run: ' <<<"$stderr")" 0
    run --separate-stderr bash -c 'kv-run -v r.json.state | kv-append -q r.json.state'
    assert_stderr 'kv-run: q3: the recorded answer of openai_endpoint:m1 (a1) is used again'
    assert_equal "$(completed)" 3
}

@test "run: a key that goes over plain http to another machine is worth a warning" {
    bench 1
    start_provider
    manifest '.answering_models[].endpoint_base_url = "http://192.0.2.1:9/v1"'
    export KV_API_KEY=sk-canary-Zq7wX31vLmT9 KV_API_HOST=192.0.2.1
    run --separate-stderr timeout 10 kv-run --time-limit 0.01 --grace 0 r.json.state
    assert_equal "${stderr_lines[0]}" \
        'kv-run: openai_endpoint:m1 (a1): the key from KV_API_KEY goes to 192.0.2.1:9 unencrypted'
}

@test "run: a state from somebody else sends no key to a host of theirs, and the user is told" {
    bench 1
    start_provider
    manifest '.answering_models[].endpoint_base_url = "http://192.0.2.1:9/v1"'
    export KV_API_KEY=sk-canary-Zq7wX31vLmT9 OPENAI_API_KEY=sk-canary-9TmLv13Xw7qZ
    run --separate-stderr timeout 10 kv-run --time-limit 0.01 --grace 0 r.json.state
    assert_equal "${stderr_lines[0]}" \
        'kv-run: openai_endpoint:m1 (a1): asked without a key: OPENAI_API_KEY is not for 192.0.2.1:9; if one is needed there, set KV_API_KEY, and KV_API_HOST=192.0.2.1:9'
    run kv-run --dry-run r.json.state
    assert_success
    assert_equal "$(jq -c '[.role, .host, .key]' <<<"$output")" \
        "[\"answering\",\"192.0.2.1:9\",null]
[\"parsing\",\"127.0.0.1:$PROVIDER_PORT\",\"OPENAI_API_KEY\"]"
}

@test "run: where descriptors are few, fewer are in flight, and no task suffers" {
    bench 30
    start_provider --answers answers.jsonl
    manifest
    run --separate-stderr bash -c "ulimit -n 66; kv-run -j 64 --exec 'echo {}' r.json.state >rows"
    assert_success
    assert_regex "${stderr_lines[-1]}" '^kv-run: [0-9]+ in flight instead of 64: more need more descriptors \(ulimit -n\)$'
    assert_equal "$(grep -c . rows) $(grep -c failure rows)" '30 0'
    run --separate-stderr bash -c 'ulimit -n 66; kv-run -j 64 r.json.state >rows'
    assert_success
    assert_regex "$stderr" '^kv-run: [0-9]+ in flight instead of 64'
    assert_equal "$(jq -c 'select(.template.verify_result)' rows | grep -c .)" 30
}

@test "run: commands start at their full number, and each has its time" {
    bench 8
    start_provider
    manifest
    SECONDS=0
    run --separate-stderr kv-run -j 8 --cmd-timeout 1 --exec 'sleep 20' r.json.state
    assert_success
    assert [ "$SECONDS" -lt 4 ]
    assert_equal "$(jq -r .failure.reason <<<"$output" | sort | uniq -c | tr -s ' ')" ' 8 sleep 20: timed out'
}

@test "run: a command that prints without end fails its task only" {
    bench 2
    start_provider
    manifest
    # shellcheck disable=SC2016
    run --separate-stderr kv-run -j 2 --exec 'grep -q "^{.task_id.:.q1" && exec cat /dev/zero; echo "{\"ok\":1}"' r.json.state
    assert_success
    assert_equal "$(jq -c '[.ok, .failure.reason[-28:]]' <<<"$output" | sort)" '[1,null]
[null,"ted more than 67108864 bytes"]'
}

@test "run: when stopped, a wait that is longer than the grace period is not waited for" {
    bench 5
    echo '{"rules":[{"when":{},"do":{"status":429,"headers":{"Retry-After":"50"},"body":"slow"}}]}' >script.json
    start_provider --script script.json
    manifest
    SECONDS=0
    run timeout --preserve-status -s TERM 1 kv-run --grace 40 r.json.state
    assert_failure 143
    assert [ "$SECONDS" -lt 6 ]
}

@test "run: a wrong key of the judge alone stops the run, and the answers that came are kept" {
    bench 30
    echo '{"rules":[{"when":{"model":"judge"},"do":{"status":401,"body":{"error":{"message":"no such key"}}}}]}' >script.json
    start_provider --answers answers.jsonl --script script.json --latency 20
    manifest
    run --separate-stderr bash -c 'kv-run r.json.state >rows'
    assert_failure 5
    assert_stderr 'kv-run: stopped: openai_endpoint:judge (j): 401 auth: no such key; key from OPENAI_API_KEY'
    assert_equal "$(grep -c . rows)" "$(asked '.judge | not')"
    assert [ "$(asked .judge)" -le 8 ]
    kv-append -q r.json.state <rows
    assert_equal "$(completed)" 0
}

@test "run: a provider that is restarted in the middle costs nothing but time" {
    bench 30
    start_provider --answers answers.jsonl --latency 100
    local port=$PROVIDER_PORT pid
    manifest '.retry_policy.connection = {max_attempts: 20, backoff_min: 0.1, backoff_max: 1}'
    kv-run -j 4 r.json.state >rows 2>err &
    pid=$!
    until [ "$(asked true)" -ge 8 ]; do sleep 0.05; done
    stop_provider
    start_provider --answers answers.jsonl --port "$port"
    wait "$pid"
    assert_equal "$(jq -r .metadata.question_id rows | sort -u | grep -c .) $(grep -c . rows)" '30 30'
    assert_equal "$(jq -c .metadata.failure rows | sort -u)" null
}

@test "run: the progress line keeps to the width of its terminal" {
    bench 20
    start_provider --answers answers.jsonl --latency 50
    manifest
    run env TERM=xterm script -qec 'stty cols 40; kv-run -j 4 r.json.state >rows' /dev/null
    assert_success
    assert_output --partial '/20 tasks'
    assert_equal "$(tr '\r' '\n' <<<"$output" | sed 's/\x1b\[K//g' | awk '/^\[/ && length > 39' | wc -l)" 0
}

@test "run: --dry-run lists the models that would be asked, not those that commands replace" {
    bench 3
    start_provider
    manifest
    run kv-run --dry-run --answer-cmd true r.json.state
    assert_success
    assert_equal "$(jq -r '[.role, .calls] | @tsv' <<<"$output")" $'parsing\t3'
    run kv-run --dry-run --exec true r.json.state
    assert_success
    assert_output ''
}

@test "run: half a surrogate pair in a reply becomes U+FFFD, so that the result can be kept and read" {
    cat >bench.jsonl <<'END'
{"question":"Q?","answer":"x","template":{"fields":[{"name":"n","type":"str","description":"d","ground_truth":"x","verify_with":{"type":"ExactMatch"}}]}}
END
    PROVIDER_URL=http://127.0.0.1:9 manifest
    kv-run --answer-cmd 'echo x' r.json.state \
        --judge-cmd 'printf "%s" "{\"n\":\"a\\ud83d b\\udc00\\ud800 \\ud83d\\ude00 \\\\ud800\"}"' |
        kv-append -q r.json.state
    run jq -r '.results[0].template.parsed_llm_response.n' r.json.tmp
    assert_success
    assert_output 'a� b�� 😀 \ud800'
    # A result of a command's own making is not touched: the task has failed.
    kv-manifest --tasks - -o e.json <<<'"t"' >/dev/null
    run --separate-stderr kv-run --exec 'printf "%s" "{\"x\":\"\\ud800\"}"' e.json.state
    assert_equal "$(json .failure.reason <<<"$output")" "the command did not print a JSON object"
    run --separate-stderr kv-manifest --tasks - -o h.json <<<'"t\ud800"'
    assert_failure 3
    assert_stderr "kv-manifest: task 1: half a surrogate pair in its name"
}

@test "run: what a state names is not waited for, read from a device, or shown" {
    bench 1
    PROVIDER_URL=http://127.0.0.1:9 manifest
    mkfifo pipe
    echo 'a secret' >secret
    for member in benchmark_path kv_replay kv_manual_traces; do
        for path in pipe /dev/zero -; do
            echo "$member $path"
            jq -c --arg m "$member" --arg p "$path" '.[$m] = $p' r.json.state >hostile.json.state
            cp r.json.tmp hostile.json.tmp
            run --separate-stderr timeout 20 kv-run hostile.json.state
            assert_failure 3
            assert_stdout ''
            assert_stderr "kv-run: $path: not a regular file"
        done
        jq -c --arg m "$member" '.[$m] = "secret"' r.json.state >hostile.json.state
        run --separate-stderr kv-run hostile.json.state
        assert_failure 3
        assert_stderr 'kv-run: secret:1:1: expected a value'
    done
}

@test "run: an integer too long for Python is no number in a reply, and its task is recorded" {
    local long field
    long=$(printf '7%.0s' {1..4301})
    for field in int float str; do
        printf '{"question":"%s?","answer":"x","template":{"fields":[{"name":"n","type":"%s","description":"d","ground_truth":1,"verify_with":{"type":"NumericExact"}}]}}\n' $field $field
    done | sed '/"str"/s/:1,"verify_with":{"type":"NumericExact"}/:"1","verify_with":{"type":"ExactMatch"}/' >bench.jsonl
    for reply in "$long" "-$long" "\"$long\"" "1,\"x\":[$long]" "1.0,'x':$long"; do
        PROVIDER_URL=http://127.0.0.1:9 manifest
        printf '{"n":%s}' "$reply" >reply
        kv-run --answer-cmd 'echo x' --judge-cmd 'cat reply' r.json.state |
            kv-append -q r.json.state
        assert_equal "$(completed)" 3
        run python3 -c 'import json; json.load(open("r.json.tmp"))'
        assert_success
    done
}

@test "run: an answer that is kept in a foreign row with NaN or too deep a value is used or asked again" {
    local deep value
    deep=$(printf '[%.0s' {1..300})$(printf ']%.0s' {1..300})
    bench 1
    for value in NaN '"\\ud800"' "$deep"; do
        PROVIDER_URL=http://127.0.0.1:9 manifest
        kv-run --answer-cmd 'echo 1' r.json.state | kv-append -q r.json.state
        assert_equal "$(completed)" 0
        sed -i "s/\"agent_metrics\":{/&\"x\":$value,/" r.json.tmp
        kv-run --answer-cmd 'echo asked >>asked; echo 1' --judge-cmd "echo '{\"n\":1}'" r.json.state |
            kv-append -q r.json.state
        assert_equal "$(completed)" 1
    done
    assert_equal "$(grep -c . asked)" 1 # for the one too deep
}
