# The bundled model server: what tests and the demonstration rely on.
load ../helper

say() {
    curl -s -o reply -w '%{http_code}\n' "$PROVIDER_URL/v1/chat/completions" \
        -d "{\"model\":\"${2:-m}\",\"messages\":[{\"role\":\"user\",\"content\":\"$1\"}]}"
}

@test "peer: the journal has one line a request, and counts repeats of a body" {
    start_provider
    say one && say one && say two other
    run json '[.model, .user, .attempt, .status, .judge] | tojson' "$JOURNAL"
    assert_output '["m","one",1,200,false]
["m","one",2,200,false]
["other","two",1,200,false]'
}

@test "peer: the same question gets the same answer, another one another" {
    start_provider
    say one >/dev/null
    local first
    first=$(json '.choices[0].message.content' reply)
    say one >/dev/null
    assert_equal "$(json '.choices[0].message.content' reply)" "$first"
    say two >/dev/null
    run test "$(json '.choices[0].message.content' reply)" = "$first"
    assert_failure 1
}

@test "peer: rules count: first, after, every, each" {
    cat >script.json <<'END'
{"rules":[
 {"when":{"contains":"first","first":2},"do":{"status":500}},
 {"when":{"contains":"after","after":2},"do":{"status":501}},
 {"when":{"contains":"every","every":3},"do":{"status":502}},
 {"when":{"contains":"each","each":1},"do":{"status":503}}]}
END
    start_provider --script script.json
    local text
    for text in first first first after after after every every every every each-a each-a each-b; do
        printf '%s %s\n' "$text" "$(say "$text")"
    done >got
    run cat got
    assert_output 'first 500
first 500
first 200
after 200
after 200
after 501
every 200
every 200
every 502
every 200
each-a 503
each-a 200
each-b 503'
}

@test "peer: too many a second are refused and told to wait" {
    start_provider --rate 1
    local url=$PROVIDER_URL/v1/chat/completions
    # Two requests on one connection, within the same second.
    run curl -s -i -d '{"model":"m","messages":[{"role":"user","content":"x"}]}' "$url" "$url"
    assert_line --index 0 --partial 'HTTP/1.1 200'
    assert_output --partial 'HTTP/1.1 429'
    assert_output --partial 'Retry-After: 1'
    assert_output --partial '"code":"rate_limit_exceeded"'
}

@test "peer: the file of the port, the end of stdin, a script that is none" {
    mkfifo hold
    provider --port-file port --stay-with-stdin <hold >ready 3>&- &
    local pid=$!
    exec 8>hold
    until [ -s port ]; do :; done
    run curl -s "http://127.0.0.1:$(cat port)/stats"
    assert_output '{"requests":1,"in_flight":1,"peak":1}'
    exec 8>&-
    wait "$pid"
    echo '{"rules":' >bad.json
    run --separate-stderr provider --script bad.json
    assert_failure 3
    assert_regex "$stderr" '^provider: bad.json:2:1: '
}

@test "peer: a judge fills any schema it is given" {
    start_provider
    run bash -c "curl -s '$PROVIDER_URL/v1/chat/completions' -d '{\"model\":\"j\",\"messages\":[{\"role\":\"user\",\"content\":\"It said: The answer is deadbeef.\"}],\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"x\",\"schema\":{\"type\":\"object\",\"properties\":{\"s\":{\"type\":\"string\"},\"b\":{\"type\":\"boolean\"},\"i\":{\"type\":\"integer\",\"minimum\":3},\"e\":{\"enum\":[\"x\"]},\"n\":{\"anyOf\":[{\"type\":\"null\"},{\"\$ref\":\"#/\$defs/D\"}]},\"a\":{\"type\":[\"array\",\"null\"]}},\"\$defs\":{\"D\":{\"type\":\"object\",\"properties\":{\"k\":{\"const\":7}}}}}}}}' | jq -r '.choices[0].message.content'"
    assert_output '{"s":"deadbeef","b":true,"i":3,"e":"x","n":{"k":7},"a":[]}'
}
