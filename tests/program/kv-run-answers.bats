# kv-run: an answer that is not what it seems says so, in its row, on stderr and in the counts.
load ../helper
load ../quiz

setup() {
    kv_setup
    export OPENAI_API_KEY=sk-canary-Zq7wX31vLmT9
}

# answers CONTENT [FINISH] [MEMBERS] - a model that answers everything with this content (JSON)
answers() {
    jq -nc --argjson c "$1" --arg f "${2:-stop}" --argjson more "${3:-{\}}" '{rules: [{when: {judge: false},
        do: {body: ({choices: [{message: {role: "assistant", content: $c}, finish_reason: $f}],
            usage: {prompt_tokens: 5, completion_tokens: 3, total_tokens: 8}} + $more)}}]}' >script.json
}

# answered [N [JQ]] - N questions answered and judged into the file rows, appended to the state
answered() {
    rm -rf r.json* .r.json*
    bench "${1:-1}"
    start_provider --answers answers.jsonl --script script.json
    quiz_preset 1 "${2:-.}"
    kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
    kv-run r.json.state >rows 2>err || true
    kv-append -q r.json.state <rows
}

warnings() {
    jq -r '.metadata.warnings[]' rows | sort -u
}

@test "answers: one that stopped at the token limit is told from a whole one" {
    answers '"It is 1. And then"' length
    answered 3
    assert_equal "$(warnings)" 'Answer stopped at the token limit (3 tokens)'
    assert_equal "$(jq -c '.template.usage_metadata.answer_generation.kv_finish' rows | sort -u)" '"length"'
    assert_equal "$(jq -s -c 'map(.template.verify_result) | sort' rows)" '[false,false,true]'
    assert_equal "$(grep -c '(a1): stopped at the token limit' err)" 1
    assert_equal "$(tail -n 1 err)" \
        'kv-run: 1 passed, 2 wrong, 0 declined, 0 errors; of their answers 3 stopped at the token limit'
}

@test "answers: a token limit spent on reasoning is no wrong answer, and no judge is asked" {
    answers '"<think>It might be"' length
    answered
    assert_equal "$(jq -c '[.template.verify_result, .template.raw_llm_response, .metadata.failure.category,
        .metadata.failure.stage, .metadata.failure.reason]' rows)" \
        '[null,"","unexpected_error","GenerateAnswer","the token limit was spent on reasoning"]'
    assert_equal "$(warnings)" 'Answer stopped at the token limit while reasoning; it has no text'
    assert_equal "$(asked .judge)" 0
}

@test "answers: --retry-failed=truncated asks those that stopped at the limit, and those only" {
    jq -nc '{rules: [{when: {judge: false, contains: "number 1"}, do: {reply: "It is 1. And", finish: "length"}},
        {when: {judge: true, contains: "It is 1. And"}, do: {reply: {n: 1}}},
        {when: {judge: false, contains: "number 2"}, do: {reply: "It is", finish: "length"}},
        {when: {judge: false, contains: "number 3"}, do: {reply: "It is 5."}}]}' >script.json
    answered 3
    stop_provider
    rm "$JOURNAL"
    start_provider --answers answers.jsonl
    jq -c --arg url "$PROVIDER_URL/v1" '.config.answering_models[].endpoint_base_url = $url
        | .config.parsing_models[].endpoint_base_url = $url' r.json.state >moved && mv moved r.json.state
    kv-run --retry-failed=truncated r.json.state >rows
    assert_equal "$(jq -c '[.metadata.question_id, .template.verify_result]' rows | sort)" '["q1",true]
["q2",true]'
    assert_equal "$(asked '.judge | not')" 2
    kv-append -q r.json.state <rows
    assert_equal "$(kv-status --json r.json.state | jq -c '[.truncated_count, .passed_count, .wrong_count]')" '[0,2,1]'
}

@test "answers: one that the provider's filter stopped is told from a whole one" {
    answers '"It is 1. And then"' content_filter
    answered
    assert_equal "$(warnings)" "Answer stopped by the provider's content filter"
    assert_equal "$(jq -c '.template.usage_metadata.answer_generation.kv_finish' rows)" '"content_filter"'
    stop_provider
    answers '""' content_filter
    answered
    assert_equal "$(jq -c '[.template.verify_result, .metadata.failure.reason]' rows)" \
        "[null,\"the provider's content filter stopped the answer before any text\"]"
}

@test "answers: one that is only reasoning says that" {
    answers '"<think>It is 1.</think>"'
    answered
    assert_equal "$(jq -c '[.template.verify_result, .metadata.failure.stage, .metadata.failure.reason]' rows)" \
        '[null,"GenerateAnswer","the answer is only reasoning: it has no text"]'
}

@test "answers: what stands before a later tag of reasoning is kept" {
    answers '"It is 1. <think>hm</think> Done."'
    answered
    assert_equal "$(jq -r .template.raw_llm_response rows)" '--- AI Message ---
It is 1. <think>hm</think> Done.'
}

@test "answers: one in parts is kept, whatever the parts are called" {
    for content in '[{"type":"output_text","text":"It is 1."}]' '[{"text":"It is 1."}]' '["It is ","1."]'; do
        answers "$content"
        answered
        assert_equal "$(jq -r .template.raw_llm_response rows)" '--- AI Message ---
It is 1.'
        stop_provider
    done
}

@test "answers: a model that served in place of the one asked is named" {
    answers '"It is 1."' stop '{"model": "cheap-fallback"}'
    answered 2
    assert_equal "$(warnings)" 'Answer of another model: asked m1, served by cheap-fallback'
    assert_equal "$(grep -c 'served by cheap-fallback' err)" 1
}

@test "answers: the date of a model, its vendor and its path are no other model" {
    for name in m1-2025-04-14 m1-0613 acme/m1 m1:latest /models/m1.gguf M1 m1-latest; do
        answers '"It is 1."' stop "{\"model\": \"$name\"}"
        answered
        echo "$name"
        assert_equal "$(warnings)" ''
        assert_equal "$(jq -r .template.usage_metadata.answer_generation.kv_served rows)" "$name"
        stop_provider
    done
}

@test "answers: a temperature that the server does not take is left out, told once and in each row" {
    jq -nc '{rules: [{when: {judge: false, first: 1}, do: {status: 400, body: {error: {message:
        "Unsupported value: '"'temperature'"' does not support 0 with this model. Only the default (1) value is supported.",
        type: "invalid_request_error", param: "temperature", code: "unsupported_value"}}}}]}' >script.json
    answered 3 '.async_max_workers = 1'
    assert_equal "$(warnings)" 'Answer without the temperature configured, which the server does not take'
    assert_equal "$(jq -c '.template.usage_metadata.answer_generation.kv_dropped' rows | sort -u)" '["temperature"]'
    assert_equal "$(grep -c temperature err)" 1
}

@test "answers: a model without a system role gets its system prompt before the question" {
    jq -nc '{rules: [{when: {judge: false, contains: "Be brief."}, do: {reply: "It is 1."}},
        {when: {judge: false}, do: {status: 400, body: {object: "error", message: "System role not supported",
            type: "BadRequestError", param: null, code: 400}}}]}' >script.json
    answered
    assert_equal "$(jq -c .template.verify_result rows)" true
    assert_equal "$(warnings)" \
        'Answer with the system prompt in front of the question, as the server takes no system role'
    assert_equal "$(jq -c '.template.usage_metadata.answer_generation.kv_dropped' rows)" '["system_role"]'
    assert_equal "$(asked '.judge | not')" 2
}

@test "answers: a judge of a later run says the same of the answer" {
    answers '"It is 1. And then"' length
    answered 1 '.parsing_models += [.parsing_models[0] | .id = "k" | .model_name = "judge2"]'
    assert_equal "$(jq -c '.metadata.warnings' rows | sort -u)" '["Answer stopped at the token limit (3 tokens)"]'
    rm -rf r.json* .r.json*
    kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
    jq -c 'select(.metadata.parsing.model_name == "judge")' rows | kv-append -q r.json.state
    kv-run r.json.state >rows
    assert_equal "$(jq -c '[.metadata.parsing.model_name, .metadata.warnings]' rows)" \
        '["judge2",["Answer stopped at the token limit (3 tokens)"]]'
}

@test "answers: an answer whose judge was down is counted once when the judge has come back" {
    bench 3
    start_provider --answers answers.jsonl
    preset
    manifest
    kv-run --endpoint judge=http://127.0.0.1:1/v1 r.json.state 2>err | kv-append -q r.json.state || true
    kv-run r.json.state | kv-append -q r.json.state
    assert_equal "$(asked '.judge | not') $(jq '.results | length' r.json.tmp)" '3 6'
    kv-status --usage r.json.state >usage
    assert_equal "$(jq -c '[.usage[] | select(.model | endswith("m1 (a1)")) | .calls]' usage)" '[3]'
}

@test "answers: a judge that is cut off is asked again with more room, and then has given no verdict" {
    echo '{"rules":[{"when":{"judge":true},"do":{"reply":"{\"n\": 1}","finish":"length"}}]}' >script.json
    bench 1
    start_provider --answers answers.jsonl --script script.json --bodies bodies.jsonl
    quiz_preset 1 '.parsing_models[0].max_tokens = 100'
    kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
    kv-run r.json.state >rows 2>err || true
    assert_equal "$(jq -c '.template.verify_result' rows)" null
    run jq -r .metadata.failure.reason rows
    assert_output --partial 'Parsing failed: the judge was cut off by its token limit'
    stop_provider
    run jq -c 'select(.model == "judge") | [.max_tokens // .max_completion_tokens, (.messages | length)]' bodies.jsonl
    assert_output '[100,2]
[200,2]
[400,2]'
}

@test "answers: a judge that a filter stopped has given no verdict" {
    echo '{"rules":[{"when":{"judge":true},"do":{"reply":"{\"n\": 1}","finish":"content_filter"}}]}' >script.json
    answered
    assert_equal "$(jq -c '[.template.verify_result, .metadata.failure.reason]' rows)" \
        "[null,\"Parsing failed: the provider's content filter stopped the judge\"]"
}

# five questions: one passes, one is wrong, one is declined, one is an error, one passes though cut
mixed() {
    jq -nc '
        {rules: [
            {when: {judge: true, contains: "number 3"}, do: {reply: {abstention_detected: true, reasoning: "no"}}},
            {when: {judge: false, contains: "number 2"}, do: {reply: "It is 1."}},
            {when: {judge: false, contains: "number 4"}, do: {reply: "", finish: "length"}},
            {when: {judge: false, contains: "number 5"}, do: {reply: "It is 5. And", finish: "length"}},
            {when: {judge: true, contains: "And\n</response>\n\nJSON"}, do: {reply: {n: 5}}},
            {when: {judge: true, contains: "JSON schema"}, do: {reply: {n: 1}}},
            {when: {judge: true}, do: {reply: {abstention_detected: false, reasoning: "yes"}}}]}' >script.json
    answered 5 '.abstention_enabled = true'
}

@test "answers: passed, wrong, declined and errors are counted apart, in the same words everywhere" {
    mixed
    assert_equal "$(jq -c '[.metadata.question_id, .template.verify_result, .metadata.failure.category]' rows | sort)" \
        '["q1",true,null]
["q2",false,"content"]
["q3",false,"abstention"]
["q4",null,"unexpected_error"]
["q5",true,null]'
    assert_equal "$(tail -n 1 err)" \
        'kv-run: 2 passed, 1 wrong, 1 declined, 1 error; of their answers 2 stopped at the token limit'
    local counts='[.passed_count, .wrong_count, .declined_count, .error_count, .unscored_count, .truncated_count]'
    assert_equal "$(kv-status --json r.json.state | jq -c "$counts")" '[2,1,1,1,0,2]'
    run kv-status --human r.json.state
    assert_line 'Outcomes    2 passed, 1 wrong, 1 declined, 1 error'
    assert_line 'Answers     2 stopped at the token limit'
    run kv-finalize r.json.state
    assert_equal "$(jq -c "$counts" <<<"$output")" '[2,1,1,1,0,2]'
    assert_equal "$(jq -c '.models[0] | [.passed, .wrong, .declined, .errors]' <<<"$output")" '[2,1,1,1]'
    assert_equal "$(kv-status --json r.json | jq -c "$counts")" '[2,1,1,1,0,2]'
}

@test "answers: a better result of a task takes the place of its first one in the counts" {
    mixed
    jq -c 'select(.metadata.question_id == "q4") | .metadata.failure = null | .template.verify_result = true
        | .template.usage_metadata = null' rows | kv-append -q r.json.state
    local counts='[.passed_count, .wrong_count, .declined_count, .error_count, .truncated_count]'
    assert_equal "$(kv-status --json r.json.state | jq -c "$counts")" '[3,1,1,0,1]'
    rm -f .r.json.index
    jq -c 'select(.metadata.question_id == "q2") | .metadata.failure = null | .template.verify_result = true' rows |
        kv-append -q r.json.state
    assert_equal "$(kv-status --json r.json.state | jq -c "$counts")" '[4,0,1,0,1]'
    jq -c . r.json.state >compact && mv compact r.json.state
    assert_equal "$(kv-status --json r.json.state | jq -c "$counts")" '[4,0,1,0,1]'
}

@test "answers: --max-failures is not used up by wrong and declined answers" {
    bench 12
    jq -nc '{rules: [{when: {judge: true}, do: {reply: {n: 99}}}]}' >script.json
    start_provider --answers answers.jsonl --script script.json
    quiz_preset 1 '.async_max_workers = 1'
    kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
    run --separate-stderr kv-run --max-failures 2 r.json.state
    assert_success
    assert_equal "${#lines[@]}" 12
}

@test "answers: tokens that a reply does not count are unknown afterwards, not none" {
    bench 2
    echo '{"rules":[{"when":{"model":"m1"},"do":{"body":{"model":"m1","choices":[{"message":{"role":"assistant","content":"It is 1."},"finish_reason":"stop"}]}}}]}' >script.json
    start_provider --answers answers.jsonl --script script.json
    quiz_preset 1
    kv-manifest -b bench.jsonl -c preset.json -o r.json >/dev/null
    kv-run r.json.state | kv-append -q r.json.state
    assert_equal "$(kv-status --usage r.json.state | jq -c '.usage[] | select(.model | contains("m1")) | [.calls, .uncounted, .input, .output]')" \
        '[2,2,null,null]'
    assert_equal "$(kv-status --usage r.json.state | jq -c '.usage[] | select(.model | contains("judge")) | [.calls, .uncounted, .input > 0]')" '[2,0,true]'
    # A run by commands, which count nothing.
    kv-manifest --force -b bench.jsonl -c preset.json -o r.json >/dev/null
    kv-run --answer-cmd 'echo It is 1.' --judge-cmd 'echo "{\"n\":1}"' r.json.state | kv-append -q r.json.state
    assert_equal "$(kv-finalize r.json.state | jq -c '[.tokens.total, .usage[0].uncounted, .usage[0].input]')" '[null,2,null]'
}
