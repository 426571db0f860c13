# Replies as streams: events, what they amount to, and the clocks of a call, on a virtual clock.
load ../helper

# agree COMMAND... FILE - every case of the file comes out as expected; names those that do not
agree() {
    local got=$BATS_TEST_TMPDIR/got.jsonl file=$DATA/provider/${!#}
    "${@:1:$#-1}" <"$file" >"$got"
    jq -rn --slurpfile cases "$file" --slurpfile got "$got" '
        [[$cases, $got] | transpose[] | .[0] as $c | .[1] as $g
            | {name: $c.name, bad: [$c.expect | to_entries[] | select($g[.key] != .value)
                | "\(.key) is \($g[.key] | tojson), not \(.value | tojson)"]}]
        | (.[] | select(.bad != []) | "disagrees: \(.name): \(.bad | join("; "))"),
            "\(map(select(.bad == [])) | length)/\(length)"'
}

@test "stream: every way a stream can go ends as it should, at the time it should" {
    run agree kvtest stream run streams.jsonl
    assert_success
    assert_output "$(wc -l <"$DATA/provider/streams.jsonl")/$(wc -l <"$DATA/provider/streams.jsonl")"
}

@test "stream: what comes of a stream is the same wherever its bytes are cut, and whatever ends its lines" {
    kvtest stream cut <"$DATA/provider/streams.jsonl" >got.jsonl
    run jq -r --slurpfile c "$DATA/provider/streams.jsonl" \
        'select(.different > 0) | "\(.different) of \(.cuts): \($c[input_line_number - 1].name)"' got.jsonl
    assert_output ''
    assert [ "$(jq -s 'map(.cuts) | add' got.jsonl)" -gt 50000 ]
}

@test "stream: a call that was lost behind fifty seconds of silence, or cut by a gateway, is streamed from then on (T26)" {
    run kvtest stream learn <<'END'
{"outcome":"connection","silent":49999}
{"outcome":"connection","silent":50000}
{"outcome":"timeout","silent":120000}
{"outcome":"server_error","status":504,"silent":10}
{"outcome":"server_error","status":524,"silent":10}
{"outcome":"timeout","status":408,"silent":10}
{"outcome":"server_error","status":500,"silent":60000}
END
    assert_output '{"streamed":false}
{"streamed":true}
{"streamed":false}
{"streamed":true}
{"streamed":true}
{"streamed":true}
{"streamed":false}'
}

@test "stream: an event of 9 MiB and an answer of 17 MiB are too large, and not asked for again" {
    {
        jq -cn '{pieces: [[0, "data: \"" + ("x" * 9437184) + "\"\n\n"]]}'
        jq -cn '{pieces: [range(17) | [0, "data: " + ({choices: [{index: 0,
            delta: {content: ("y" * 1048576)}}]} | tojson) + "\n\n"]]}'
    } | kvtest stream run | jq -c '[.ending, .error, .retry]' >got
    run cat got
    assert_line --index 0 '["bad_response","the reply is too large",null]'
    assert_line --index 1 '["bad_response","the reply is too large",null]'
}

@test "responses: bodies of OpenAI's Responses end in the class they describe" {
    run agree kvtest model reply responses.jsonl
    assert_success
    assert_output "$(wc -l <"$DATA/provider/responses.jsonl")/$(wc -l <"$DATA/provider/responses.jsonl")"
}

@test "responses: settings of chat completions find their place in a request, or are left out" {
    kvtest model ask <"$DATA/provider/responses-requests.jsonl" >got.jsonl
    run jq -rn --slurpfile c "$DATA/provider/responses-requests.jsonl" --slurpfile g got.jsonl \
        '[$c, $g] | transpose[] | select(.[0].expect != .[1]) | "\(.[0].name): \(.[1] | tojson)"'
    assert_output ''
    assert_equal "$(wc -l <got.jsonl)" 29
}
