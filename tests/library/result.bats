# What is a result row, whose is it, how did it end; and how a new one is written.
load ../helper

# read_row JSON - what kvtest result says of one row
read_row() {
    kvtest result read <<<"$1"
}

# edit FILTER - the first row of the fixtures, changed
edit() {
    jq -rn --slurpfile rows "$(data rows/rows.jsonl)" '$rows[0].row_text' | jq -c "$1"
}

@test "result: every row of karenina's is read, refused, keyed and rewritten as it does" {
    local rows total agreed
    rows=$(data rows/rows.jsonl)
    jq -r .row_text "$rows" | kvtest result read >got.jsonl
    paste -d '\n' "$rows" got.jsonl | jq -cn '
        def path: map(if type == "number" then "[\(.)]" else ".\(.)" end) | add | ltrimstr(".");
        [inputs] as $all | range(0; $all | length; 2) | $all[.] as $want | $all[. + 1] as $got
        | select(if $want.error then
            $got.error as $e | ([$want.error.errors[].loc | path] | any($e | startswith(.)))
          else
            $got.error == null and $got.tmp_line == $want.tmp_line
            and ($want.jsonl_line == null or $got.jsonl_line == $want.jsonl_line)
            and $got.task_key == $want.task_key
          end | not)
        | $want.name' >wrong
    total=$(wc -l <"$rows")
    agreed=$((total - $(wc -l <wrong)))
    agreement rows.jsonl "$agreed/$total"
    cat wrong
    assert_equal "$(wc -l <got.jsonl)" "$total"
    [ "$agreed" -eq "$total" ]
}

@test "result: ids are karenina's" {
    local ids total agreed
    ids=$(data rows/result-ids.jsonl)
    kvtest result id <"$ids" >got
    jq -r .result_id "$ids" >want
    total=$(wc -l <want)
    agreed=$(paste got want | awk '$1 == $2' | wc -l)
    agreement result-ids.jsonl "$agreed/$total"
    [ "$agreed" -eq "$total" ]
}

@test "result: a mistake is named with its path" {
    while IFS='|' read -r row message; do
        run --separate-stderr kvtest result read <<<"$row"
        echo "$row"
        assert_equal "$(json .error <<<"$output")" "$message"
    done <<'CASES'
[1]|expected an object, found array
{"a":1}|metadata: missing, and there is no task_id
{"metadata":7}|metadata: expected an object, found number
{"metadata":{},|1:16: expected a string as key
{"metadata":{"question_id":NaN}}|1:28: expected a value, found NaN
CASES
    assert_equal "$(edit '.metadata.keywords = ["a", 1]' | kvtest result read | json .error)" \
        'metadata.keywords[1]: expected a string, found number'
    assert_equal "$(edit '.metadata.failure = {"category": "late"}' | kvtest result read | json .error)" \
        'metadata.failure.category: not a failure category'
    assert_equal "$(edit '.metadata.secret = 1' | kvtest result read | json .error)" \
        'metadata.secret: not a member of this object'
}

@test "result: an error is no wrong answer, and how a row ended is one word" {
    local want filter failure='{"stage":"s","reason":"r","details":null'
    while IFS='|' read -r want filter; do
        echo "$filter"
        assert_equal "$(edit "$filter" | kvtest result read | json .outcome)" "$want"
    done <<CASES
passed|.metadata.failure = null | .template.verify_result = true
wrong|.metadata.failure = null | .template.verify_result = false
wrong|.metadata.failure = $failure,"category":"content"} | .template.verify_result = false
declined|.metadata.failure = $failure,"category":"abstention"} | .template.verify_result = false
insufficient|.metadata.failure = $failure,"category":"sufficiency"} | .template.verify_result = false
passed|.metadata.failure = $failure,"category":"sufficiency"} | .template.verify_result = true
error|.metadata.failure = $failure,"category":"timeout"} | .template.verify_result = null
error|.metadata.failure = $failure,"category":"unexpected_error"} | .template.verify_result = true
unscored|.metadata.failure = null | .template.verify_result = null
unscored|.metadata.failure = null | .template = null
unscored|{"task_id": "t", "bytes": 7}
error|{"task_id": "t", "error": "no such file"}
CASES
}

@test "result: an empty timestamp makes a preview, which settles nothing" {
    run --separate-stderr read_row "$(edit '.metadata.timestamp = ""')"
    assert_equal "$(json '[.preview, .settles] | @csv' <<<"$output")" '1,0'
}

@test "result: an answer whose judge could not be reached leaves its task pending" {
    local filter case settles
    while IFS='|' read -r case settles filter; do
        echo "$case"
        run --separate-stderr read_row "$(edit "$filter")"
        assert_equal "$(json .settles <<<"$output")" "$settles"
    done <<'CASES'
judge timed out|0|.metadata.failure = {"category":"timeout","stage":"ParseTemplate","reason":"r"}
agentic judge refused|0|.metadata.failure = {"category":"rate_limit","stage":"AgenticParseTemplate","reason":"r"}
dynamic judge down|0|.metadata.failure = {"category":"server_error","stage":"DynamicParseTemplate","reason":"r"}
nothing was answered|1|.metadata.failure = {"category":"timeout","stage":"ParseTemplate","reason":"r"} | .template.raw_llm_response = " \n"
no template block|1|.metadata.failure = {"category":"timeout","stage":"ParseTemplate","reason":"r"} | .template = null
the answer timed out|1|.metadata.failure = {"category":"timeout","stage":"GenerateAnswer","reason":"r"}
the judge talked nonsense|1|.metadata.failure = {"category":"unexpected_error","stage":"ParseTemplate","reason":"r"}
a wrong answer|1|.metadata.failure = {"category":"content","stage":"verify_template","reason":"r"}
CASES
}

@test "result: an object with a task_id needs nothing else" {
    local row key failed
    while IFS='|' read -r row key failed; do
        echo "$row"
        run --separate-stderr read_row "$row"
        assert_equal "$(json .task_key <<<"$output")" "$key"
        assert_equal "$(json .failed <<<"$output")" "$failed"
    done <<'CASES'
{"task_id":"a","x":1e400}|a|0
{"metadata":3,"task_id":"b"}|b|0
{"task_id":"c","failure":null,"error":null}|c|0
{"task_id":"d","failure":false}|d|0
{"task_id":"e","failure":"slow"}|e|1
{"task_id":"f","error":0}|f|1
{"task_id":"g","task_id":"h"}|h|0
CASES
}

@test "result: numbers keep every digit, floats are respelled only as the same number" {
    local row
    row=$(edit '.template.parsed_llm_response = {"n": "HERE"}')
    while IFS='|' read -r token spelled; do
        echo "$token"
        run --separate-stderr read_row "${row/\"HERE\"/$token}"
        assert_equal "$(json .tmp_line <<<"$output" | grep -o '"parsed_llm_response": {"n": [^}]*')" \
            "\"parsed_llm_response\": {\"n\": $spelled"
    done <<'CASES'
100000000000000000001|100000000000000000001
1.0|1.0
-0.0|-0.0
1e-7|1e-07
0.00001|1e-05
1.50|1.5
1E22|1e+22
0.1000000000000000055511151231257827|0.1000000000000000055511151231257827
123456789012345678901234567890.5|123456789012345678901234567890.5
1e400|1e400
1e-400|1e-400
1e99999999999999999999|1e99999999999999999999
CASES
}

@test "result: whole numbers are read from what karenina reads them from" {
    local token want row
    row=$(edit '.metadata.replicate = "HERE"')
    while IFS='|' read -r token want; do
        echo "$token"
        run --separate-stderr read_row "${row/\"HERE\"/$token}"
        assert_equal "$(json -c 'if .error then "refused" else
            (.tmp_line | fromjson.metadata.replicate), (.task_key | split("\t")[-1]) end' <<<"$output" | xargs)" "$want"
    done <<'CASES'
"\u00a0\u200312\u0085"|12 rep12
"1_0.00"|10 rep10
"5."|refused
".0"|refused
2.0|2 rep2
1e22|refused
CASES
}

@test "result: hostile rows end in a message" {
    head -c 300000 /dev/zero | tr '\0' '[' >deep
    printf '{"metadata":"\xff"}\n' >utf8
    printf '{"metadata":\0}\n' >nul
    for f in deep utf8 nul; do
        echo "$f"
        run --separate-stderr kvtest result read <"$f"
        assert_success
        assert_regex "$(json .error <<<"$output")" '^1:[0-9]+: '
    done
}

@test "record: a result in the making reads back as a result" {
    kvtest result record >rows
    run --separate-stderr kvtest result read <rows
    assert_success
    assert_equal "$(json .error <<<"$output" | sort -u)" null
    # Nothing is missing, nothing in another place: reading and rewriting it changes nothing.
    json .jsonl_line <<<"$output" | jq -c . >again
    jq -c . rows | cmp - again
}

@test "record: limits of karenina's are kept" {
    kvtest result record | head -n 1 >row
    assert_equal "$(json '.metadata.failure.reason | length' row)" 500
    assert_equal "$(json '.metadata.failure.details.error_message | length' row)" 600
    assert_equal "$(json '.metadata.warnings | length' row)" 51
    assert_equal "$(json '.metadata.warnings[-1]' row)" '3 further warnings were left out'
    assert_equal "$(json -c '.metadata.caveats' row)" '["partial_content","retries_used"]'
    assert_equal "$(json -c '.template.usage_metadata.total' row)" \
        '{"input_tokens":16,"output_tokens":8,"total_tokens":24}'
    assert_equal "$(json .template.raw_llm_response row)" $'\ufffd it'
}

# prices FILE MEMBER - every case of a file comes out as expected
prices() {
    jq -c .in "$DATA/prices/$1" | kvtest price >got
    jq -rn --slurpfile cases "$DATA/prices/$1" --slurpfile got got --arg member "$2" '
        [[$cases, $got] | transpose[] | .[0] as $c | (.[1].error // .[1][$member]) as $g | {name: $c.name, $g, want: $c.expect,
            same: (if ([$c.expect, $g] | map(type)) == ["number", "number"]
                then $c.expect - $g | fabs < 1e-12 else $c.expect == $g end)}]
        | (.[] | select(.same | not) | "disagrees: \(.name): \(.g), not \(.want)"),
            "\(map(select(.same)) | length)/\(length)"'
}

@test "price: cached, written and reasoned tokens, tiers and long prompts cost what the file says" {
    run prices costs.jsonl cost
    assert_success
    assert_output '30/30'
}

@test "price: a model finds its entry by any of its names, and a mistake in it is named" {
    run prices names.jsonl entry
    assert_success
    assert_output '29/29'
}

@test "price: a file of LiteLLM's size is read in a fraction of a second" {
    jq -n '[range(4200) | {"p\(. % 40)/model-\(.)": {litellm_provider: "p", mode: "chat", input_cost_per_token: 1e-6,
        output_cost_per_token: 4e-6, max_tokens: 8192, supports_function_calling: true, supports_vision: true,
        supported_endpoints: ["/v1/chat/completions", "/v1/batch"], supported_modalities: ["text", "image"],
        source: ("https://prices.example/" + "x" * 400)}}] | add' >prices.json
    assert [ "$(stat -c %s prices.json)" -gt 3000000 ]
    echo '{"model":"p3/model-2003","usage":{"in":1000000,"out":0}}' >line
    run kvtest price prices.json <line
    assert_output '{"found":true,"entry":"p3/model-2003","cost":1.0,"assumed":false}'
    local before=$EPOCHREALTIME
    kvtest price prices.json <line
    assert [ $((${EPOCHREALTIME/./} - ${before/./})) -lt 500000 ]
}

@test "result: a row is read after another as it is by itself, however the two differ" {
    { jq -r .row_text "$(data rows/rows.jsonl)" && kvtest result record; } >rows
    kvtest rows 20000 1 <rows >got || { cut -c1-3000 got; false; }
    [ "$(json .alike <got)" -gt 1000 ]
    [ "$(json .accepted <got)" -gt "$(json .alike <got)" ]
}
