# Runs that go to and fro between karenina and these programs, and configurations that are karenina's.
load ../helper
load ../quiz

setup() {
    kv_setup
    export OPENAI_API_KEY=sk-canary-Zq7wX31vLmT9 PROVIDER_URL=http://127.0.0.1:9
}

# manual - a run of interface manual as karenina begins it: no word of where the traces are
manual() {
    local i
    bench 3
    preset '.answering_models = [{id: "manual", model_name: "manual", interface: "manual"}]'
    for i in 1 2 3; do
        printf '%s' "What is number $i?" | md5sum | jq -R --arg i "$i" '{(.[:32]): "It is \($i)."}'
    done | jq -s add >traces.json
    manifest --manual-traces traces.json
    jq -c 'del(.kv_manual_traces)' r.json.state >foreign && mv foreign r.json.state
    rm -f .r.json*
}

judge='jq -c "{n: (.messages[-1].content | capture(\"It is (?<n>[0-9]+)\").n | tonumber)}"'

@test "interchange: a manual run that karenina began is refused without its traces, and none of its tasks is recorded" {
    manual
    run --separate-stderr kv-run --judge-cmd "$judge" r.json.state
    assert_failure 3
    assert_stdout ''
    assert_stderr "kv-run: r.json.state: answering_models[0] has recorded answers, and the state does not say where: give them by --manual-traces FILE"
    run bash -c "set -o pipefail; kv-run --manual-traces traces.json --judge-cmd '$judge' r.json.state | kv-append -q r.json.state"
    assert_success
    assert_equal "$(kv-status --json r.json.state | jq -c '[.progress.completed_count, .failed_count]')" '[3,0]'
    run kv verify --resume r.json.state
    assert_success
    assert_equal "$(jq '[.results[].template.verify_result] | unique | tostring' r.json)" '"[true]"'
}

@test "interchange: kv verify --resume takes the traces of a manual run" {
    manual
    start_provider --answers answers.jsonl
    jq -c --arg url "$PROVIDER_URL/v1" '.config.parsing_models[].endpoint_base_url = $url' r.json.state >moved
    mv moved r.json.state
    run kv verify --resume r.json.state
    assert_failure 3
    run kv verify --resume r.json.state --manual-traces traces.json
    assert_success
    assert_equal "$(jq '.results | length' r.json)" 3
    assert_equal "$(asked '.judge | not')" 0
}

@test "interchange: a run of any jobs is compatible with its own configuration" {
    echo '{"temperature": 0.5, "list": [1, 2.0]}' >c.json
    echo '"a"' | kv-manifest --tasks - -c c.json -o r.json >/dev/null
    run --separate-stderr kv-check-compat -c c.json r.json.state
    assert_success
    assert_stdout '{"compatible":true,"reason":""}'
    echo '{"temperature": 0.7, "list": [1, 2.0]}' >c.json
    run --separate-stderr kv-check-compat -c c.json r.json.state
    assert_failure 1
    assert_stdout '{"compatible":false,"reason":"Configuration has changed since the job started","differences":[{"path":"temperature","state":0.5,"given":0.7}]}'
}

@test "interchange: a complete run whose benchmark is gone is finished by kv verify --resume" {
    bench 2
    start_provider --answers answers.jsonl
    preset
    manifest
    kv-run r.json.state | kv-append -q r.json.state
    rm bench.jsonl
    run --separate-stderr kv-run r.json.state
    assert_success
    assert_stderr ''
    run kv verify --resume r.json.state
    assert_success
    assert_equal "$(jq '.results | length' r.json)" 2
}

@test "interchange: tool servers and agents go through, and a command answers for them" {
    bench 2
    preset '.answering_models[0].mcp_urls_dict = {"search": "http://s", "db": "http://d"}
        | .answering_models += [{id: "x", model_name: "x", interface: "claude_agent_sdk"}]'
    run --separate-stderr manifest
    assert_success
    assert_stderr "kv-manifest: preset.json: answering_models[0]: mcp_urls_dict: tools need an agent: kv-run takes one as a command, by --answer-cmd
kv-manifest: preset.json: answering_models[1]: interface 'claude_agent_sdk' needs an agent: kv-run takes one as a command, by --answer-cmd"
    run --separate-stderr kv-check-compat -b bench.jsonl -c preset.json r.json.state
    assert_success
    run --separate-stderr kv-run r.json.state
    assert_failure 3
    assert_regex "$stderr" 'tools need an agent'
    run bash -c "set -o pipefail; kv-run --answer-cmd 'sed \"s/What is number \\(.*\\)?/It is \\1./\"' --judge-cmd '$judge' r.json.state | kv-append -q r.json.state"
    assert_success
    assert_equal "$(kv-status --json r.json.state | jq -c '[.progress.completed_count, .failed_count]')" '[4,0]'
    assert_equal "$(jq -r '.task_manifest[0]' r.json.state)" $'q1\topenai_endpoint:m1:a1:db|search\topenai_endpoint:judge:j:'
}

@test "interchange: deep judgment has its tasks printed and its hash told; kv-run leaves it to others" {
    bench 1
    preset '.deep_judgment_mode = "full"'
    run --separate-stderr kv-manifest --print -b bench.jsonl -c preset.json
    assert_success
    assert_equal "$(json .question_id <<<"$output")" q1
    run --separate-stderr kv-manifest -b bench.jsonl -c preset.json -o r.json
    assert_success
    assert_equal "$(json -r .config_hash <<<"$output")" "$(json .config_hash r.json.state)"
    assert_stderr "kv-manifest: preset.json: deep_judgment_mode: deep judgment is not done by kv-run"
    run --separate-stderr kv-run r.json.state
    assert_failure 3
    assert_regex "$stderr" 'deep judgment is not done by kv-run'
    run kv-run --exec 'cat >/dev/null; echo {}' r.json.state
    assert_success
}

@test "interchange: a pair of layout 2 has the members of karenina's in its order, and runs to its end" {
    bench 3
    start_provider --answers answers.jsonl
    preset
    manifest --layout 2
    run ls -A
    refute_line r.json.tmp
    assert_line r.json.results.jsonl
    run jq -c 'keys_unsorted[:14]' r.json.state
    assert_output "$(jq -c 'keys_unsorted[:14]' "$DATA/states-v2/fresh/results.json.state")"
    run jq -r '[.format_version, .output_path, .benchmark_path, (.config | keys | length > 50)] | tostring' r.json.state
    assert_output '["2.0","r.json","bench.jsonl",true]'
    run manifest --layout 2
    assert_failure 3
    run --separate-stderr kv-check-compat -b bench.jsonl -c preset.json r.json.state
    assert_success
    preset '.request_timeout = 77'
    manifest --layout 2 --if-absent
    assert_equal "$(jq '.config.request_timeout == 77' r.json.state)" true
    run bash -c 'set -o pipefail; kv-run r.json.state | kv-append -q r.json.state'
    assert_success
    kv-finalize r.json >/dev/null
    assert_equal "$(jq '.results | length' r.json)" 3
    manifest --layout 2 --extend-from r.json
    assert_equal "$(kv-status --json r.json.state | jq .progress.completed_count)" 3
}
