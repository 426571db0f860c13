# kv-run against the bundled provider: what is asked, what is printed, how it ends.
load ../helper
load ../quiz

setup() {
    kv_setup
    export OPENAI_API_KEY=sk-canary-Zq7wX31vLmT9
}

# preset [JQ] - two answering models and a judge
preset() {
    quiz_preset 2 "$@"
}

@test "run: a pipeline of manifest, run, append and finalize ends in one file with every task once" {
    bench 12
    start_provider --answers answers.jsonl
    preset
    manifest
    run bash -c 'set -o pipefail; kv-run r.json.state | kv-append -q r.json.state'
    assert_success
    assert_output ''
    run kv-finalize r.json.state
    assert_success
    run jq -c '[(.results | length), ([.results[].metadata | .question_id + .answering.model_name] | unique | length),
        ([.results[].template.verify_result] | unique), .metadata.job_summary.is_complete]' r.json
    assert_output '[24,24,[true],true]'
    run ls -A
    refute_line --regexp '^\.?r\.json\.'
    assert_equal "$(asked '.judge | not')" 24
    assert_equal "$(asked '.judge')" 24
}

@test "run: two judges share one answer, also when the second judge comes in a later run" {
    bench 4
    start_provider --answers answers.jsonl
    preset '.parsing_models += [.parsing_models[0] | .id = "k" | .model_name = "judge2"]'
    manifest
    kv-status --pending r.json.state | jq -c 'select(.parsing.model_name == "judge")' >first
    kv-run r.json.state first | kv-append -q r.json.state
    assert_equal "$(asked '.judge | not')" 8
    run bash -c 'set -o pipefail; kv-run r.json.state | kv-append -q r.json.state'
    assert_success
    assert_equal "$(asked '.judge | not')" 8
    assert_equal "$(asked '.judge')" 16
    assert_equal "$(completed)" 16
}

@test "run: a judge that cannot be reached costs no answer; the next run only judges" {
    bench 3
    echo '{"rules":[{"when":{"judge":true},"do":{"peer":"close"}}]}' >script.json
    start_provider --answers answers.jsonl --script script.json
    preset '.answering_models |= .[:1]'
    manifest
    run --separate-stderr bash -c 'kv-run r.json.state >rows'
    assert_failure
    kv-append -q r.json.state <rows
    assert_equal "$(jq -s 'map(select(.template.raw_llm_response != "")) | length' rows)" 3
    assert_equal "$(completed)" 0
    local answered
    answered=$(asked '.judge | not')
    stop_provider
    rm "$JOURNAL"
    start_provider --answers answers.jsonl
    # the same run, whose endpoint has moved with the provider's port
    jq -c --arg url "$PROVIDER_URL/v1" '.config.answering_models[].endpoint_base_url = $url
        | .config.parsing_models[].endpoint_base_url = $url' r.json.state >moved && mv moved r.json.state
    run bash -c 'set -o pipefail; kv-run r.json.state | kv-append -q r.json.state'
    assert_success
    assert_equal "$answered" 3
    assert_equal "$(asked '.judge | not')" 0
    assert_equal "$(asked '.judge')" 3
    assert_equal "$(completed)" 3
}

@test "run: a wrong key ends the run early with one line and status 5, and nothing shows the key" {
    bench 50
    start_provider --key another --answers answers.jsonl
    preset
    manifest
    run --separate-stderr kv-run r.json.state
    assert_failure 5
    assert_stdout ''
    assert_equal "$(grep -c . <<<"$stderr")" 1
    assert_regex "$stderr" '^kv-run: stopped: openai_endpoint:m[12] \(a[12]\): 401 auth: '
    refute_regex "$stderr" canary
    assert [ "$(asked true)" -le 24 ]
    run grep -r canary . --include='r.json*' --include='.r.json*' --include=rows
    assert_failure 1
}

@test "run: a host that is not there ends the run with status 5 within seconds" {
    bench 5
    start_provider
    preset
    stop_provider
    manifest
    run --separate-stderr timeout 20 kv-run r.json.state
    assert_failure 5
    assert_stdout ''
    assert_regex "$stderr" '^kv-run: stopped: .*connection: '
}

@test "run: an exhausted quota dressed as a 429 is not retried" {
    bench 5
    echo '{"rules":[{"when":{},"do":{"status":429,"headers":{"Retry-After":"1"},"body":{"error":{"message":"You exceeded your current quota, please check your plan and billing details.","type":"insufficient_quota","code":"insufficient_quota"}}}}]}' >script.json
    start_provider --script script.json
    preset
    manifest
    run --separate-stderr kv-run r.json.state
    assert_failure 5
    assert_regex "$stderr" 'quota'
    assert [ "$(asked true)" -le 10 ]
}

@test "run: a server that allows 20 requests a second fails no task and wastes at most 10 % of requests" {
    bench 100
    start_provider --answers answers.jsonl --rate 20
    preset '.answering_models |= .[:1]'
    manifest
    run bash -c 'set -o pipefail; kv-run -j 64 r.json.state | kv-append -q r.json.state'
    assert_success
    assert_equal "$(completed)" 100
    assert [ "$(asked '.status == 429')" -le 20 ] # of 200, also on a busy machine
}

@test "run: every kind of broken reply ends in a result or leaves its task pending, none twice" {
    bench 40
    cat >script.json <<'END'
{"rules":[
{"when":{"contains":"number 1?","first":1},"do":{"peer":"close"}},
{"when":{"contains":"number 2?","first":1},"do":{"peer":"reset"}},
{"when":{"contains":"number 3?","first":1},"do":{"peer":"cut"}},
{"when":{"contains":"number 4?","first":1},"do":{"peer":"garbage"}},
{"when":{"contains":"number 5?","first":1},"do":{"status":500,"body":"<html>oops</html>"}},
{"when":{"contains":"number 6?","first":1},"do":{"status":529,"body":{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}}},
{"when":{"contains":"number 7?","first":1},"do":{"body":{"error":{"code":503,"message":"busy"}}}},
{"when":{"contains":"number 8?","first":1},"do":{"body":{"choices":[]}}},
{"when":{"contains":"number 9?"},"do":{"status":400,"body":{"error":{"message":"no","type":"invalid_request_error"}}}},
{"when":{"contains":"number 10?","judge":true},"do":{"reply":"no JSON at all"}},
{"when":{"contains":"previous reply","judge":true},"do":{"reply":"still none"}}]}
END
    start_provider --answers answers.jsonl --script script.json
    preset '.answering_models |= .[:1]'
    manifest
    kv-run r.json.state 2>err | tee rows | kv-append -q r.json.state
    run bash -c 'set -o pipefail; kv-run r.json.state | tee -a rows | kv-append -q r.json.state'
    assert_failure 5
    assert_output --partial 'kv-run: q9: no answer from openai_endpoint:m1 (a1): 400 bad_request: '
    assert_equal "$(completed)" 39
    assert_equal "$(jq -s '[.[].metadata.question_id] | length - (unique | length)' rows)" 0
    run jq -rs 'map(select(.metadata.failure != null) | .metadata.question_id + " " + .metadata.failure.stage) | sort | .[]' rows
    assert_output 'q10 ParseTemplate'
}

@test "run: SIGINT stops asking, prints what was begun, and the next run asks only what is missing" {
    bench 60
    start_provider --answers answers.jsonl --latency 100
    preset '.answering_models |= .[:1]'
    manifest
    run timeout --preserve-status -s INT 1 bash -c 'exec kv-run -j 4 r.json.state >rows 2>err'
    assert_failure 130
    kv-append -q r.json.state <rows
    local got
    got=$(grep -c . rows)
    assert [ "$got" -lt 60 ]
    assert_equal "$(completed)" "$got"
    run bash -c 'set -o pipefail; kv-run -j 16 r.json.state | kv-append -q r.json.state'
    assert_success
    assert_equal "$(completed)" 60
    assert_equal "$(asked '.judge | not')" 60
    assert_equal "$(asked '.judge')" 60
}

@test "run: when the reader of its results goes away it stops within a second" {
    bench 200
    start_provider --answers answers.jsonl --latency 50
    preset '.answering_models |= .[:1]'
    manifest
    kv-run -j 8 r.json.state 2>err | head -n 3 >/dev/null
    local so_far
    so_far=$(asked true)
    assert [ "$so_far" -lt 120 ]
    run kv-run --max-tasks 1 r.json.state # nobody holds it any more
    assert_failure 1
}

@test "run: the whole pipeline killed at 8 random moments repeats nothing that was acknowledged" {
    bench 100
    start_provider --answers answers.jsonl --latency 10
    preset '.answering_models |= .[:1]'
    manifest
    local i pid
    : >acks
    for i in $(seq 8); do
        setsid bash -c 'kv-run -j 8 r.json.state 2>>err | kv-append r.json.state >>acks' 3>&- &
        pid=$!
        sleep "0.0$((RANDOM % 10))$((RANDOM % 10))"
        kill -KILL -- "-$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
        jq -e . r.json.tmp r.json.state >/dev/null
    done
    jq -r .task_id acks | sort >before
    local asked_before
    asked_before=$(wc -l <"$JOURNAL")
    run bash -c 'set -o pipefail; kv-run -j 8 r.json.state | kv-append -q r.json.state'
    assert_success
    kv-finalize r.json.state >/dev/null
    assert_equal "$(jq '[.results[].metadata.question_id] | unique | length' r.json)" 100
    assert_equal "$(jq '.results | length' r.json)" 100
    # what was acknowledged before the last run was not asked in it
    tail -n +"$((asked_before + 1))" "$JOURNAL" | jq -r .user | grep -o 'number [0-9]*' | sort -u >asked_again
    sed -n 's/^q\([0-9]*\)\t.*/number \1/p' before | sort -u >acknowledged
    run comm -12 asked_again acknowledged
    assert_output ''
}

@test "run: a second run on the same state is refused with status 6" {
    bench 20
    start_provider --answers answers.jsonl --latency 200
    preset
    manifest
    kv-run -j 1 r.json.state >rows 2>err 3>&- &
    local pid=$!
    until [ -s rows ]; do :; done
    run --separate-stderr kv-run r.json.state
    kill "$pid"
    wait "$pid" || true
    assert_failure 6
    assert_stdout ''
}

@test "run: limits stop it with status 1 and say which" {
    bench 20
    start_provider --answers answers.jsonl --latency 20
    preset '.answering_models |= .[:1]'
    manifest
    run --separate-stderr kv-run --max-tasks 5 r.json.state
    assert_failure 1
    assert_equal "${#lines[@]}" 5
    assert_regex "$stderr" 'stopped by --max-tasks; 15 tasks are pending'
    run --separate-stderr kv-run --max-tokens 1 -j 1 r.json.state
    assert_failure 1
    assert_regex "$stderr" 'stopped by --max-tokens'
    run --separate-stderr kv-run --time-limit 0.05 -j 1 r.json.state
    assert_failure 1
    assert_regex "$stderr" 'stopped by --time-limit'
    echo '{"m1":{"input":1000000,"output":1000000},"judge":{"input":0,"output":0}}' >prices.json
    run --separate-stderr kv-run --max-cost 1 --prices prices.json -j 1 r.json.state
    assert_failure 1
    assert_regex "$stderr" 'stopped by --max-cost'
}

@test "run: --exec runs a command a task; one that fails is a failed task, not a failed run" {
    printf '"a"\n{"task_id":"b","n":7}\n"c"\n' >jobs.jsonl
    kv-manifest --tasks jobs.jsonl -o r.json >/dev/null
    run --separate-stderr kv-run r.json.state
    assert_failure 2
    run bash -c 'set -o pipefail; kv-run --exec "jq -ce \"if .task_id == \\\"c\\\" then error(\\\"no\\\") else {got: .} end\" 2>/dev/null" r.json.state | tee rows | kv-append -q r.json.state'
    assert_success
    assert_equal "$(jq -cs 'sort_by(.task_id) | map([.task_id, .got.n, .failure.category])' rows)" \
        '[["a",null,null],["b",7,null],["c",null,"unexpected_error"]]'
    assert_equal "$(completed)" 3
}

@test "run: rubric rules are those of --share, compiled before anything is asked, and only if wanted" {
    bench 1
    echo '{"rubric":{"regex_traits":[{"name":"short","pattern":"It is","higher_is_better":true}]}}' >>bench.jsonl
    start_provider --answers answers.jsonl
    preset 'del(.answering_models[1]) | . + {evaluation_mode: "template_and_rubric", rubric_enabled: true}'
    manifest
    cp -R "$ROOT/share" mine
    echo 'def unfinished' >>mine/verify/rubric.jq
    run --separate-stderr kv-run --share mine r.json.state
    assert_failure 3
    assert_stdout ''
    [[ $stderr == 'kv-run: mine/verify/rubric.jq: syntax error, unexpected def, expecting '* ]] || fail "$stderr"
    assert_equal "$(cat "$JOURNAL")" ''
    echo '.found | not' >mine/verify/rubric.jq
    run bash -c "kv-run --share mine r.json.state | jq -c '[.template.verify_result, .rubric.regex_trait_scores]'"
    assert_output '[true,{"short":false}]'
    rm mine/verify/rubric.jq r.json.*
    preset
    manifest
    run bash -c 'kv-run --share mine r.json.state | jq .template.verify_result'
    assert_output $'true\ntrue'
}

@test "run: commands answer and judge in place of models" {
    bench 3
    start_provider
    preset '.answering_models |= .[:1]'
    manifest
    run bash -c "set -o pipefail; kv-run --answer-cmd 'grep -o \"[0-9]*\"' \
        --judge-cmd 'jq -c \"{n: (.messages[-1].content | capture(\\\"<response>\\\\n(?<n>[0-9]+)\\\").n | tonumber)}\"' \
        r.json.state | tee rows | kv-append -q r.json.state"
    assert_success
    assert_equal "$(jq -s 'map(.template.verify_result) | unique | tostring' rows)" '"[true]"'
    assert_equal "$(wc -l <"$JOURNAL")" 0
}

@test "run: --retry-failed of a finished run says how its failures are tried again" {
    bench 2
    quiz_preset 1
    kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
    kv-run r.json --answer-cmd 'grep -q 1 && echo "It is 1."' --judge-cmd 'echo "{\"n\":1}"' 2>/dev/null | kv-append -q r.json
    kv-finalize r.json >/dev/null
    run --separate-stderr kv-run --retry-failed r.json
    assert_failure 3
    assert_stdout ''
    assert_stderr 'kv-run: r.json: is finished, with 1 failed tasks; to try them again begin with its results: kv-manifest -b BENCHMARK -c PRESET -o r.json --extend-from r.json && kv-run --retry-failed r.json | kv-append -q r.json'
    eval "$(sed 's/.*its results: //; s/ &&.*//; s/BENCHMARK/bench.jsonl/; s/PRESET/preset.json/' <<<"$stderr")"
    run --separate-stderr kv-run --retry-failed r.json --answer-cmd 'echo "It is 2."' --judge-cmd 'echo "{\"n\":2}"'
    assert_success
    assert_equal "$(jq -c '[.metadata.question_id, .template.verify_result]' <<<"$output")" '["q2",true]'
}

@test "run: --retry-failed takes up recorded failures, of the categories named" {
    bench 6
    echo '{"rules":[{"when":{"contains":"number 2?"},"do":{"status":400,"body":{"error":{"message":"no","code":"content_filter"}}}}]}' >script.json
    start_provider --answers answers.jsonl --script script.json
    preset '.answering_models |= .[:1]'
    manifest
    kv-run r.json.state | kv-append -q r.json.state
    assert_equal "$(completed)" 6
    run --separate-stderr kv-run --retry-failed=timeout r.json.state
    assert_success
    assert_stdout ''
    run --separate-stderr kv-run --retry-failed=unexpected_error,timeout r.json.state
    assert_success
    assert_equal "${#lines[@]}" 1
}

@test "run: --dry-run tells the calls per model and sends nothing" {
    bench 5
    start_provider
    preset
    manifest
    run --separate-stderr kv-run --dry-run r.json.state
    assert_success
    assert_equal "$(jq -cs 'map([.role, .calls])' <<<"$output")" \
        '[["answering",5],["answering",5],["parsing",10]]'
    assert_equal "$(wc -l <"$JOURNAL")" 0
}

@test "run: --check asks each model once and says what it found" {
    bench 1
    start_provider
    preset
    manifest
    run --separate-stderr kv-run --check r.json.state
    assert_success
    assert_equal "$(jq -cs 'map([.role, .ok, .key])' <<<"$output")" \
        '[["answering",true,"OPENAI_API_KEY"],["answering",true,"OPENAI_API_KEY"],["parsing",true,"OPENAI_API_KEY"]]'
    assert_equal "$(jq -rs 'map(.host) | unique[]' <<<"$output")" "127.0.0.1:$PROVIDER_PORT"
    assert_equal "$(wc -l <"$JOURNAL")" 3
}

@test "run: --check finds the way in which a judge has to be asked for an object, and says where there is none" {
    bench 1
    cat >script.json <<'END'
{"rules":[{"when":{"model":"judge","first":1},"do":{"reply":"Seven is prime."}},
  {"when":{"model":"deaf"},"do":{"reply":"Seven is prime."}},
  {"when":{"model":"m1"},"do":{"reply":"ready"}}]}
END
    start_provider --script script.json --bodies bodies
    preset '.answering_models |= .[:1] | .answering_models[0].system_prompt = "Be exact."
        | .parsing_models += [.parsing_models[0] | .id = "d" | .model_name = "deaf"]'
    manifest
    run --separate-stderr kv-run --check r.json.state
    assert_success
    assert_stderr 'kv-run: openai_endpoint:deaf (d): its replies are no objects of the schema that is sent, however it is asked: its judgements may not be readable'
    assert_equal "$(jq -cs 'map([.role, .ok, .schema])' <<<"$output")" \
        '[["answering",true,null],["parsing",true,"tool"],["parsing",true,null]]'
    assert_equal "$(jq -cs 'map(has("schema"))' <<<"$output")" '[false,true,true]'
    stop_provider
    assert_equal "$(jq -cs 'map([.model, .messages[0].role]) | unique' bodies)" \
        '[["deaf","system"],["judge","system"],["m1","system"]]'
}

@test "run: --check does not condemn a model for a failure that passes, nor for a server that loads" {
    bench 1
    cat >script.json <<'END'
{"rules":[{"when":{"model":"m1","first":1},"do":{"status":500}},
  {"when":{"model":"m2"},"do":{"status":500}},
  {"when":{"model":"judge","first":4},"do":{"status":503,"headers":{"Retry-After":"0.05"},
    "body":{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}}}]}
END
    start_provider --script script.json
    preset
    manifest
    run --separate-stderr kv-run --check --wait 20 r.json.state
    assert_failure 5
    assert_stderr 'kv-run: 1 model cannot be used'
    assert_equal "$(jq -cs 'map([.ok, .ending])' <<<"$output")" \
        '[[true,"ok"],[false,"server_error"],[true,"ok"]]'
    assert_equal "$(asked '.model == "m1"') $(asked '.model == "m2"') $(asked '.model == "judge"')" '2 3 5'
}

@test "run: --check names what prices the model that served, and tells what was cached" {
    bench 1
    cat >script.json <<'END'
{"rules":[{"when":{"model":"m1"},"do":{"body":{"model":"m1-2026-01-02",
  "choices":[{"message":{"role":"assistant","content":"ready"},"finish_reason":"stop"}],
  "usage":{"prompt_tokens":1180,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":1024}}}}}]}
END
    start_provider --script script.json
    preset '.answering_models |= .[:1]'
    manifest
    echo '{"m1": {"input": 1, "output": 2}}' >prices.json
    run --separate-stderr kv-run --check --prices prices.json r.json.state
    assert_success
    assert_equal "$(jq -cs 'map([.role, .price, .cached_tokens, .input_tokens])[0]' <<<"$output")" \
        '["answering","m1",1024,1180]'
    assert_equal "$(jq -cs "map(has(\"price\"))" <<<"$output")" "[true,true]"
}

@test "run: the key is in no argument, file, message, core, child or jq environment" {
    bench 2
    start_provider --answers answers.jsonl --key "$OPENAI_API_KEY"
    preset '.answering_models |= .[:1]'
    manifest
    kv-run --judge-cmd 'env >child.env; tr "\0" "\n" </proc/$PPID/cmdline >>child.env; echo "{}"' \
        r.json.state >rows 2>err
    assert_equal "$(wc -l <rows)" 2
    run grep -rl canary .
    assert_output ''
}

@test "run: a template that is code is translated once for all its tasks; without a command they wait" {
    bench 2
    start_provider --answers answers.jsonl
    preset
    jq -c '.template' bench.jsonl | tail -1 >spec.json
    jq -c 'if .id == "q2" then .template = "class Answer(BaseAnswer):\n    n: int\n    def verify(self):\n        return self.n == 2\n" else . end' bench.jsonl >b && mv b bench.jsonl
    manifest --template-cmd 'cat spec.json'
    run --separate-stderr kv-run r.json.state --template-cmd 'echo >>called; cat >/dev/null; exit 7'
    assert_failure 3
    assert_stderr "kv-run: question q2: template: echo >>called; cat >/dev/null; exit 7: exit status 7"
    assert_equal "$(asked true)" 0
    rm called
    run --separate-stderr bash -c 'set -o pipefail; kv-run r.json.state | kv-append -q r.json.state'
    assert_failure 3
    assert_regex "${stderr_lines[0]}" '^kv-run: question q2: template: .*verify'
    assert_equal "${stderr_lines[-1]}" "kv-run: 2 tasks were not begun: what they ask cannot be used"
    assert_equal "$(completed)" 2
    run --separate-stderr bash -c 'set -o pipefail
        kv-run --template-cmd "echo >>called; cat >/dev/null; cat spec.json" r.json.state | kv-append -q r.json.state'
    assert_success
    assert_equal "$(wc -l <called)" 1
    run jq -c '[.results[].template.verify_result]' r.json.tmp
    assert_output '[true,true,true,true]'
}

@test "run: a row tells what was cached, who served it, at which tier, how it ended and what it cost" {
    bench 1
    cat >script.json <<'END'
{"rules":[{"when":{"judge":false},"do":{"body":{"model":"m1-2026-01-02","service_tier":"flex",
  "choices":[{"message":{"role":"assistant","content":"It is 1."},"finish_reason":"length"}],
  "usage":{"prompt_tokens":1200,"completion_tokens":40,"cost":0.0125,
    "prompt_tokens_details":{"cached_tokens":1024},"completion_tokens_details":{"reasoning_tokens":30}}}}}]}
END
    start_provider --answers answers.jsonl --script script.json
    preset '.answering_models |= .[:1]'
    manifest
    kv-run r.json.state >rows
    run jq -c '.template.usage_metadata | .answer_generation, .parsing.kv_served, (.parsing | has("kv_tier"))' rows
    assert_line --index 0 '{"input_tokens":1200,"output_tokens":40,"total_tokens":1240,"model":"openai_endpoint:m1 (a1)","input_token_details":{"audio":0,"cache_read":1024},"output_token_details":{"audio":0,"reasoning":30},"kv_served":"m1-2026-01-02","kv_tier":"flex","kv_finish":"length","kv_cost":0.0125}'
    assert_line --index 1 null
    assert_line --index 2 false
}

# read_by_karenina - the rows are what karenina's loader takes: members as its own rows have them, none of its
# closed objects opened, and the usage an object of objects. karenina itself is not to be had; the
# reader that is asked is the one that agrees with it over tests/data/rows.
read_by_karenina() {
    kvtest result read <rows | jq -s 'map(.error == null) | all'
    jq -s --slurpfile recorded "$DATA/rows/rows.jsonl" '($recorded[0].row_text | fromjson) as $theirs
        | map((.metadata | keys_unsorted) == ($theirs.metadata | keys_unsorted)
            and (.template | keys_unsorted) == ($theirs.template | keys_unsorted)
            and (.template.usage_metadata | type == "object" and (map_values(type) | all(. == "object")))) | all' rows
    diff <(kvtest result read <rows | jq -r .tmp_line | jq -c .template.usage_metadata) <(jq -c .template.usage_metadata rows)
}

@test "run: a row of Anthropic's tells what was read and written, and karenina's loader would take it (usage T3)" {
    local how
    bench 1
    cat >usage.json <<'END'
{"input_tokens":10,"cache_read_input_tokens":100000,"cache_creation_input_tokens":3000,
 "cache_creation":{"ephemeral_5m_input_tokens":1000,"ephemeral_1h_input_tokens":2000},
 "output_tokens":1000,"output_tokens_details":{"thinking_tokens":200},"service_tier":"standard"}
END
    jq '{rules: [{when: {model: "claude-sonnet"}, do: {body: {type: "message", role: "assistant", model: "claude-sonnet",
        content: [{type: "text", text: "It is 1."}], stop_reason: "end_turn", usage: .}}}]}' usage.json >never.json
    jq '[{type: "message_start", message: {id: "m", type: "message", role: "assistant", model: "claude-sonnet", content: [],
            stop_reason: null, usage: (del(.output_tokens_details) | .output_tokens = 1)}},
        {type: "content_block_start", index: 0, content_block: {type: "text", text: ""}},
        {type: "content_block_delta", index: 0, delta: {type: "text_delta", text: "It is 1."}},
        {type: "content_block_stop", index: 0},
        {type: "message_delta", delta: {stop_reason: "end_turn"}, usage: {output_tokens, output_tokens_details}},
        {type: "message_stop"}]
        | {rules: [{when: {model: "claude-sonnet"}, do: {body: (map("event: \(.type)\ndata: \(tojson)\n\n") | add)}}]}' \
        usage.json >always.json
    for how in never always; do
        start_provider --answers answers.jsonl --script $how.json
        preset '.answering_models |= [.[0] | del(.endpoint_base_url) | .interface = "langchain" | .model_provider = "anthropic"
            | .model_name = "claude-sonnet" | .anthropic_base_url = "'"$PROVIDER_URL"'"]'
        manifest --force
        kv-run --stream=$how r.json.state >rows
        run jq -c '.template.usage_metadata.answer_generation | del(.model)' rows
        assert_output '{"input_tokens":103010,"output_tokens":1000,"total_tokens":104010,"input_token_details":{"audio":0,"cache_read":100000,"cache_creation":3000,"ephemeral_1h_input_tokens":2000,"ephemeral_5m_input_tokens":1000},"output_token_details":{"audio":0,"reasoning":200}}'
        run read_by_karenina
        assert_output $'true\ntrue'
        kv-append -q r.json.state <rows
        kv-finalize r.json.state >/dev/null
        rm r.json
        stop_provider
    done
}

@test "run: a later judge of a recorded answer repeats what is known of it" {
    bench 1
    cat >script.json <<'END'
{"rules":[{"when":{"judge":false},"do":{"body":{"model":"m1-2026-01-02",
  "choices":[{"message":{"role":"assistant","content":"It is 1."},"finish_reason":"length"}],
  "usage":{"prompt_tokens":1200,"completion_tokens":40,"prompt_tokens_details":{"cached_tokens":1024}}}}}]}
END
    start_provider --answers answers.jsonl --script script.json
    preset '.answering_models |= .[:1] | .parsing_models += [.parsing_models[0] | .id = "k" | .model_name = "judge2"]'
    manifest
    kv-status --pending r.json.state | jq -c 'select(.parsing.model_name == "judge")' >first
    kv-run r.json.state first | kv-append --tee r.json.state >one
    kv-run r.json.state >two
    assert_equal "$(jq -c .template.usage_metadata.answer_generation two)" \
        "$(jq -c .template.usage_metadata.answer_generation one)"
    assert_equal "$(jq -r .template.usage_metadata.answer_generation.kv_served two)" m1-2026-01-02
}

# said IN OUT JSON - a script in which answers use so many tokens; JSON is added to the body
said() {
    jq -n --argjson in "$1" --argjson out "$2" --argjson more "${3:-{\}}" '{rules: [{when: {judge: false}, do: {body:
        ({model: "m1", choices: [{message: {role: "assistant", content: "It is 1."}, finish_reason: "stop"}],
          usage: {prompt_tokens: $in, completion_tokens: $out}} * $more)}}]}' >script.json
}

@test "run: a limit of money needs the price of every model before anything is asked" {
    bench 2
    start_provider --answers answers.jsonl
    preset '.answering_models |= .[:1]'
    jq '.answering_models[0] |= . + {interface: "langchain", model_provider: "openai"} | del(.answering_models[0].endpoint_base_url)' \
        preset.json >elsewhere && mv elsewhere preset.json
    manifest
    echo '{"judge":{"input":1,"output":1}}' >prices.json
    run --separate-stderr kv-run --max-cost 1 --prices prices.json r.json.state
    assert_failure 3
    assert_stderr 'kv-run: prices.json has no price for langchain:m1 (a1), at the tier that is asked for: --max-cost could not limit anything'
    assert [ ! -e "$JOURNAL" ] || [ "$(asked true)" -eq 0 ]
}

@test "run: a model on this machine that no file prices is free, and that is said" {
    bench 2
    start_provider --answers answers.jsonl
    preset '.answering_models |= .[:1]'
    manifest
    echo '{"judge":{"input":0,"output":0}}' >prices.json
    run --separate-stderr kv-run --max-cost 1 --prices prices.json r.json.state
    assert_success
    assert_stderr "kv-run: openai_endpoint:m1 (a1) counts as free: it is on this machine or in a private network, and prices.json does not price it
kv-run: spent 0.00"
}

@test "run: cached tokens, the served name and the tier decide what is spent" {
    bench 1
    said 10000 500 '{"model":"m1-2026-02-03","service_tier":"flex","usage":{"prompt_tokens_details":{"cached_tokens":8000}}}'
    start_provider --answers answers.jsonl --script script.json
    preset '.answering_models |= .[:1] | .answering_models[0].extra_kwargs = {service_tier: "flex"}'
    manifest
    echo '{"m1-2026-02-03":{"input":2,"output":8,"cache_read":0.5},"m1":{"input":1000,"output":1000},"judge":{"input":0,"output":0}}' >prices.json
    run --separate-stderr kv-run --prices prices.json r.json.state
    assert_success
    assert_stderr 'kv-run: spent 0.006'
}

@test "run: a tier that was asked for and not had is priced as had, and told" {
    bench 1
    said 10000 500 '{"service_tier":"default"}'
    start_provider --answers answers.jsonl --script script.json
    preset '.answering_models |= .[:1] | .answering_models[0].extra_kwargs = {service_tier: "flex"}'
    manifest
    echo '{"m1":{"input":2,"output":8},"judge":{"input":0,"output":0}}' >prices.json
    run --separate-stderr kv-run --prices prices.json r.json.state
    assert_success
    assert_stderr 'kv-run: openai_endpoint:m1 (a1): asked for tier flex, served and priced at standard
kv-run: spent 0.024'
}

@test "run: the cost that a service names is the cost" {
    bench 1
    said 10000 500 '{"usage":{"cost":0.00042}}'
    start_provider --answers answers.jsonl --script script.json
    preset '.answering_models |= .[:1]'
    manifest
    echo '{"m1":{"input":2000,"output":8000},"judge":{"input":0,"output":0}}' >prices.json
    run --separate-stderr kv-run --prices prices.json r.json.state
    assert_success
    assert_stderr 'kv-run: spent 0.00042'
}

@test "run: what earlier runs spent counts as they counted it: cached, tiered, named" {
    bench 2
    said 10000 500 '{"model":"m1-2026-02-03","service_tier":"flex","usage":{"prompt_tokens_details":{"cached_tokens":8000}}}'
    start_provider --answers answers.jsonl --script script.json
    preset '.answering_models |= .[:1]'
    manifest
    echo '{"m1":{"input":2,"output":8,"cache_read":0.5},"judge":{"input":0,"output":0}}' >prices.json
    kv-run --max-tasks 1 -j 1 --prices prices.json r.json.state 2>err | kv-append -q r.json.state
    run cat err
    assert_line 'kv-run: spent 0.006'
    run --separate-stderr kv-run --max-cost 0.006 --prices prices.json r.json.state
    assert_failure 1
    assert_stderr 'kv-run: stopped by --max-cost; 1 task is pending'
    run --separate-stderr kv-run --max-cost 0.018 --among 3 --prices prices.json r.json.state
    assert_failure 1
    assert_stderr 'kv-run: stopped by --max-cost; 1 task is pending'
    run -2 --separate-stderr kv-run --max-cost 1 --among 0 --prices prices.json r.json.state
    run --separate-stderr kv-run --max-cost 0.0183 --among 3 --prices prices.json r.json.state
    assert_success
    assert_equal "$(asked '.judge | not')" 2
}

@test "run: earlier calls that do not say what was cached are priced as if nothing was, which is told" {
    bench 2
    said 10000 500 '{"usage":{"prompt_tokens_details":{"cached_tokens":8000}}}'
    start_provider --answers answers.jsonl --script script.json
    preset '.answering_models |= .[:1]'
    manifest
    echo '{"m1":{"input":2,"output":8,"cache_read":0.5},"judge":{"input":0,"output":0}}' >prices.json
    kv-run --max-tasks 1 r.json.state 2>err |
        jq -c 'del(.template.usage_metadata[].input_token_details?)' | kv-append -q r.json.state
    # 0.024 and not the 0.012 that it cost: exactly what is allowed, so that nothing more is begun
    run --separate-stderr kv-run --max-cost 0.024 --prices prices.json r.json.state
    assert_failure 1
    assert_stderr 'kv-run: 2 earlier calls do not say what was cached: priced as if nothing was
kv-run: stopped by --max-cost; 1 task is pending'
    assert_equal "$(asked '.judge | not')" 1
}

@test "run: near its limit of money a run begins no more than the limit allows" {
    bench 40
    said 1000 1000
    start_provider --answers answers.jsonl --script script.json --latency 20
    preset '.answering_models |= .[:1] | .answering_models[0].max_tokens = 1000'
    manifest
    echo '{"m1":{"input":1000,"output":1000},"judge":{"input":0,"output":0}}' >prices.json
    run --separate-stderr kv-run -j 10 --max-cost 20 --prices prices.json r.json.state
    assert_failure 1
    assert_regex "$stderr" 'stopped by --max-cost'
    assert [ "$(asked '.judge | not')" -le 12 ]
    assert [ "$(asked '.judge | not')" -ge 10 ]
}

@test "run: a server that counts no tokens leaves limits to an estimate, which is said and holds" {
    bench 20
    jq -n '{rules: [{when: {judge: true}, do: {body: {choices: [{message: {content: "{\"n\": 7}"}, finish_reason: "stop"}]}}},
        {when: {}, do: {body: {choices: [{message: {content: "It is 7."}, finish_reason: "stop"}]}}}]}' >script.json
    start_provider --script script.json
    preset '.answering_models |= .[:1]'
    manifest
    run --separate-stderr kv-run -j 1 --max-tokens 100 r.json.state
    assert_failure 1
    assert_regex "$stderr" 'm1 \(a1\) does not say how many tokens it used: limits go by an estimate'
    assert [ "$(asked true)" -lt 10 ]
}

@test "run: a limit of money does not go on where the price of what nobody counted is not known" {
    bench 5
    jq -n '{rules: [{do: {body: {service_tier: "priority", choices: [{message: {content: "It is 7."}, finish_reason: "stop"}]}}}]}' >script.json
    start_provider --script script.json
    preset '.answering_models |= .[:1]'
    manifest
    echo '{"m1":{"input":1,"output":1},"judge":{"input":0,"output":0}}' >prices.json
    run --separate-stderr kv-run -j 1 --max-cost 20 --prices prices.json r.json.state
    assert_failure 1
    assert_regex "$stderr" 'limits go by an estimate; openai_endpoint:m1 \(a1\): prices.json has no price for its tier "priority"'
    assert_regex "$stderr" 'stopped by --max-cost'
    assert_regex "$stderr" 'spent at least .*: what [0-9]+ calls? cost is not known'
    assert [ "$(asked '.judge | not')" -lt 5 ]
}

@test "run: calls that were sent and not replied to are told as what may come on top" {
    bench 1
    echo '{"rules":[{"when":{"judge":false,"first":1},"do":{"peer":"cut"}}]}' >script.json
    start_provider --answers answers.jsonl --script script.json
    preset '.answering_models |= .[:1] | .answering_models[0].max_tokens = 400'
    manifest
    echo '{"m1":{"input":0,"output":1000},"judge":{"input":0,"output":0}}' >prices.json
    run --separate-stderr kv-run --prices prices.json r.json.state
    assert_success
    assert_regex "$stderr" '^kv-run: spent 0\.[0-9]+, possibly 0\.10 more in 1 call without a reply$'
}

@test "run: what it cost is told by model at the end, answers shared by judges once" {
    bench 2
    said 1000 500 '{"usage":{"prompt_tokens_details":{"cached_tokens":800}}}'
    start_provider --answers answers.jsonl --script script.json
    preset '.answering_models |= .[:1] | .parsing_models += [.parsing_models[0] | .id = "k" | .model_name = "judge2"]'
    manifest
    echo '{"m1":{"input":2,"output":8,"cache_read":0.5},"judge*":{"input":0,"output":0}}' >prices.json
    kv-run --prices prices.json r.json.state 2>/dev/null | kv-append -q r.json.state
    run kv-status --usage r.json.state
    assert_success
    assert_equal "$(jq -c '.cost, (.usage[] | select(.model | test("m1")) | [.calls, .input, .cached, .output, .cost])' <<<"$output")" \
        '0.0096
[2,2000,1600,1000,0.0096]'
    run kv-finalize r.json.state
    assert_equal "$(jq -c '[.cost, (.usage | length)]' <<<"$output")" '[0.0096,3]'
}

@test "run: without prices and without a word of the service the cost is not known" {
    bench 1
    start_provider --answers answers.jsonl
    preset '.answering_models |= .[:1]'
    manifest
    kv-run r.json.state | kv-append -q r.json.state
    run kv-status --usage r.json.state
    assert_equal "$(jq -c '[.cost, (.usage | map(.cost))]' <<<"$output")" '[null,[null,null]]'
}

@test "run: --dry-run with prices tells between what it will cost" {
    bench 2
    start_provider
    preset '.answering_models |= .[:1] | .answering_models[0].max_tokens = 1000'
    manifest
    echo '{"m1":{"input":0,"output":1000},"judge":{"input":0,"output":0}}' >prices.json
    run kv-run --dry-run --prices prices.json r.json.state
    assert_success
    assert_equal "$(jq -c 'select(.role == "answering") | [.price, .cost]' <<<"$output")" '["m1",[0.6,2]]'
    echo '{"m1":{"input":0,"output":1000}}' >prices.json
    run kv-run --dry-run --prices prices.json r.json.state
    assert_equal "$(jq -c 'select(.role == "parsing") | .price' <<<"$output")" null
}

@test "run: --shard does only the part that kv-manifest cuts" {
    seq 40 | sed 's/.*/"t&"/' >jobs
    kv-manifest --tasks jobs -o all.json >/dev/null
    kv-manifest --print --tasks jobs --shard 2/3 | jq -r .task_id | sort >part
    kv-run -j 4 --exec 'jq -c "{task_id}"' --shard 2/3 all.json | kv-append -q all.json
    kv-status --completed all.json | jq -r .task_id | sort | cmp part -
    kv-run -j 4 --exec 'jq -c "{task_id}"' --shard 2/3 all.json >again
    [ ! -s again ]
    run -2 --separate-stderr kv-run --exec cat --shard 4/3 all.json
}
