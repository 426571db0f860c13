# What is said to models and what their replies mean: dialects, endings, keys, limits.
load ../helper

# agree CHECK FILE - every case comes out as expected; names those that do not.
agree() {
    local got=$BATS_TEST_TMPDIR/got.jsonl
    kvtest model "$1" <"$DATA/provider/$2" >"$got"
    jq -rn --slurpfile cases "$DATA/provider/$2" --slurpfile got "$got" '
        [[$cases, $got] | transpose[] | .[0] as $c | .[1] as $g
            | {name: $c.name, bad: (if ($c.expect | type) == "object"
                then [$c.expect | to_entries[] | select($g[.key] != .value)
                    | "\(.key) is \($g[.key] | tojson), not \(.value | tojson)"]
                elif $c.expect == $g then [] else ["got \($g | tojson)"] end)}]
        | (.[] | select(.bad != []) | "disagrees: \(.name): \(.bad | join("; "))"),
            "\(map(select(.bad == [])) | length)/\(length)"'
}

@test "provider: replies of every dialect end in the class the services describe" {
    run agree reply replies.jsonl
    assert_success
    assert_output "$(wc -l <"$DATA/provider/replies.jsonl")/$(wc -l <"$DATA/provider/replies.jsonl")"
}

@test "provider: requests are spelled for each dialect, byte for byte" {
    run diff <(jq -r .expect "$DATA/provider/requests.jsonl") \
        <(kvtest model ask <"$DATA/provider/requests.jsonl")
    assert_success
    assert_output ''
    echo "$(wc -l <"$DATA/provider/requests.jsonl")/20"
}

@test "provider: dialect, URLs and key follow from configuration and environment" {
    run agree choose choices.jsonl
    assert_success
    assert_output "$(wc -l <"$DATA/provider/choices.jsonl")/$(wc -l <"$DATA/provider/choices.jsonl")"
}

@test "provider: connections to https are shared, unless http2 is false" {
    # The address of requests, that of the list, and that of OpenAI's other form of requests.
    run kvtest model choose <<'END'
{"interface":"openai_endpoint","base_url":"https://models.example/v1","model":"m","env":{}}
{"interface":"openai_endpoint","base_url":"https://models.example/v1","model":"m","extra":{"http2":false},"env":{}}
{"interface":"openai_endpoint","base_url":"http://models.example/v1","model":"m","env":{}}
END
    assert_success
    assert_equal "$(jq .shared <<<"$output" | tr '\n' ' ')" '3 0 0 '
}

@test "provider: a key goes to whom it belongs, however a URL is spelled" {
    run agree keys keys.jsonl
    assert_success
    assert_output '88/88'
}

@test "provider: durations are read in every spelling" {
    run agree duration durations.jsonl
    assert_success
    assert_output '26/26'
}

@test "provider: keys are recognised in texts and taken out" {
    run agree redact redactions.jsonl
    assert_success
    assert_output '11/11'
}
