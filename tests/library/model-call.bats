# Whole calls: configuration and environment in, answer out, against the bundled provider.
load ../helper

# call JSON... - one call; the members given are added to a question for the model "m"
call() {
    jq -cn '{interface: "openai_endpoint", base_url: env.PROVIDER_URL, model: "m",
        messages: [{role: "user", text: "Which gland makes insulin?"}]} + $ARGS.positional[0]' \
        --jsonargs "$@" | kvtest model call
}
SCHEMA='"schema_name":"answer","schema":{"type":"object","properties":{"gland":{"type":"string"}},"required":["gland"],"additionalProperties":false}'

answers() {
    cat >answers.jsonl <<'END'
{"question":"Which gland makes insulin?","answer":"It is the pancreas.","parsed":{"gland":"pancreas"},"but":{"small":{"answer":"The liver, I think.","parsed":{"gland":"liver"}}}}
END
}

@test "call: both wires answer, and count what it cost" {
    answers
    start_provider --answers answers.jsonl
    run call '{}'
    assert_success
    assert_equal "$(json '[.ending, .text, .in > 0, .out > 0] | tojson' <<<"$output")" \
        '["ok","It is the pancreas.",true,true]'
    export ANTHROPIC_BASE_URL=$PROVIDER_URL ANTHROPIC_API_KEY=k
    run call '{"interface":"claude_tool","model":"small"}'
    assert_success
    assert_equal "$(json '[.ending, .text, .model] | tojson' <<<"$output")" \
        '["ok","The liver, I think.","small"]'
}

@test "call: every step of the ladder gets its object, on both wires" {
    answers
    start_provider --answers answers.jsonl
    export ANTHROPIC_BASE_URL=$PROVIDER_URL ANTHROPIC_API_KEY=k
    local step prompt='"messages":[{"role":"user","text":"Which gland makes insulin? They said: The liver, I think. Fill {\"type\":\"object\",\"properties\":{\"gland\":{\"type\":\"string\"}}}"}]'
    for step in json_schema tool json_object plain; do
        run call "{$SCHEMA,$prompt,\"step\":\"$step\"}"
        assert_success
        assert_equal "$step: $(json '.ending + " " + .text' <<<"$output")" "$step: ok {\"gland\":\"liver\"}"
        run call "{$SCHEMA,$prompt,\"step\":\"$step\",\"interface\":\"claude_tool\"}"
        assert_success
        assert_equal "$step: $(json '.ending + " " + .text' <<<"$output")" "$step: ok {\"gland\":\"liver\"}"
    done
}

@test "call: the key is sent, and a wrong one is an answer of its own" {
    start_provider --key sk-right-0123456789
    export KV_API_KEY=sk-right-0123456789
    run call '{}'
    assert_success
    assert_equal "$(json .ending <<<"$output")" ok
    KV_API_KEY=sk-wrong-0123456789 run call '{}'
    assert_success
    assert_equal "$(json .ending <<<"$output")" auth
    unset KV_API_KEY
    export ANTHROPIC_BASE_URL=$PROVIDER_URL ANTHROPIC_API_KEY=sk-right-0123456789
    run call '{"interface":"claude_tool"}'
    assert_success
    assert_equal "$(json .ending <<<"$output")" ok
}

@test "call: a key from a file that others may read is refused" {
    start_provider --key sk-filed-0123456789
    echo sk-filed-0123456789 >key
    chmod 644 key
    export KV_API_KEY_FILE=key
    run --separate-stderr call '{}'
    assert_failure 3
    assert_stderr 'model: key: others may open this key file: chmod 600'
    chmod 600 key
    run call '{}'
    assert_success
    assert_equal "$(json .ending <<<"$output")" ok
}

@test "call: a key appears nowhere: not in output, arguments, environment or a core" {
    cat >script.json <<'END'
{"rules":[{"when":{"contains":"echo"},"do":{"status":401,"body":{"error":{"message":"Incorrect API key provided: sk-canary-7f3a9c21e8. Bearer sk-canary-7f3a9c21e8","code":"invalid_api_key"}}}},
 {"when":{"contains":"wait"},"do":{"peer":"hang"}}]}
END
    start_provider --script script.json
    ulimit -c unlimited
    export KV_API_KEY=sk-canary-7f3a9c21e8
    call '{"messages":[{"role":"user","text":"echo"}]}' >out 2>err
    run grep -rc canary out err
    assert_output $'out:0\nerr:0'
    run json .error out
    assert_output 'invalid_api_key: Incorrect API key provided: [redacted]. Bearer [redacted]'
    mkfifo lines
    kvtest model call <lines >out 2>err 3>&- &
    local pid=$!
    jq -cn '{interface: "openai_endpoint", base_url: env.PROVIDER_URL, model: "m",
        messages: [{role: "user", text: "wait"}]}' >lines
    until grep -q wait "$JOURNAL"; do :; done
    run grep -c canary "/proc/$pid/environ" "/proc/$pid/cmdline"
    refute_output --partial ':1'
    kill -ABRT "$pid"
    wait "$pid" || true
    run find . -name 'core*'
    assert_output ''
}

@test "call: 429 with Retry-After, 529, stalls and cut replies end in their classes" {
    cat >script.json <<'END'
{"rules":[
 {"when":{"contains":"quick"},"do":{"status":429,"headers":{"Retry-After":"2"}}},
 {"when":{"contains":"full"},"do":{"status":529,"body":{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}}},
 {"when":{"contains":"stall"},"do":{"peer":"hang"}},
 {"when":{"contains":"broken"},"do":{"peer":"short"}},
 {"when":{"contains":"cut"},"do":{"peer":"cut"}},
 {"when":{"contains":"hidden"},"do":{"body":{"error":{"message":"upstream","code":502}}}},
 {"when":{"contains":"bomb"},"do":{"peer":"line"}},
 {"when":{"contains":"moved"},"do":{"status":307,"headers":{"Location":"http://other.example/v1?key=sk-x"},"body":""}}]}
END
    start_provider --script script.json
    local said want
    while read -r said want; do
        run call "{\"messages\":[{\"role\":\"user\",\"text\":\"$said\"}],\"timeout_ms\":300}"
        assert_success
        assert_equal "$said: $(json '"\(.ending) \(.wait_ms) \(.retry)"' <<<"$output")" "$said: $want"
    done <<'END'
quick rate_limit 2000 true
full overloaded null true
stall timeout null true
broken bad_response null true
cut connection null true
hidden server_error null true
bomb bad_response null null
moved not_found null null
END
}

@test "call: the models a server lists can be asked for" {
    start_provider --models alder-7b,birch-13b
    run call '{"listing":true}'
    assert_success
    assert_equal "$(json '.data | map(.id) | join(" ")' <<<"$output")" 'alder-7b birch-13b'
    run call '{"model":"oak"}'
    assert_success
    assert_equal "$(json .ending <<<"$output")" not_found
}
