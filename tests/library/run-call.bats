# Names of calls, by which an answer that was ordered is found again, and the lines that carry them.
load ../helper

# agree VERB FILE - every case comes out as expected; names those that do not.
agree() {
    kvtest call "$1" <"$DATA/batch/$2" >got.jsonl
    jq -rn --slurpfile cases "$DATA/batch/$2" --slurpfile got got.jsonl '
        [[$cases, $got] | transpose[] | .[0] as $c | .[1] as $g
            | {name: $c.name, bad: [$c.expect | to_entries[] | select($g[.key] != .value)
                | "\(.key) is \($g[.key] | tojson), not \(.value | tojson)"]}]
        | (.[] | select(.bad != []) | "disagrees: \(.name): \(.bad | join("; "))"),
            "\(map(select(.bad == [])) | length)/\(length)"'
}

# item TEXT - a netstring
item() {
    printf '%d:%s,' "$(printf %s "$1" | wc -c)" "$1"
}

digest() {
    printf %s "$1" | sha256sum | cut -c1-64
}

@test "call: names are those of the specification's vectors, for ids with any characters (T1)" {
    run kvtest call id <<'END'
{"nonce":"0123456789abcdef","purpose":"answer","question":"q1","answering":"langchain:m1:a:","replicate":"1"}
{"nonce":"0123456789abcdef","purpose":"answer","question":"qé\n1","answering":"langchain:m1:a:","replicate":"1"}
END
    assert_success
    assert_output $'kv1-d69f22c202fe8d4cb0aad50ff39d2057ff2f75be\nkv1-aa134ec9e0720417530517f185df93052aa26e13'
}

@test "call: a judge's name has all ten items, as printf and sha256sum make it" {
    expected=kv1-$({
        item kv-call-1
        item 0123456789abcdef
        item rubric/clarity
        item $'q\n1'
        item langchain:m1:a:
        item langchain:j:b:
        item ''
        item 2
        item "$(digest 'Vier é')"
        item "$(digest '{"temperature":0.1}')"
    } | sha256sum | cut -c1-40)
    run kvtest call id <<'END'
{"nonce":"0123456789abcdef","purpose":"rubric/clarity","question":"q\n1","answering":"langchain:m1:a:","judging":"langchain:j:b:","number":2,"answer":"Vier é","settings":"{\"temperature\":0.1}"}
END
    assert_success
    assert_output "$expected"
}

@test "call: an answer of no characters is a judge's answer all the same" {
    kvtest call id >ids <<'END'
{"nonce":"0","purpose":"parse","question":"q","answering":"a","judging":"j","answer":""}
END
    expected=kv1-$({
        for i in kv-call-1 0 parse q a j '' 0 "$(digest '')" "$(digest '')"; do item "$i"; done
    } | sha256sum | cut -c1-40)
    assert_equal "$(cat ids)" "$expected"
}

@test "call: without a ledger the nonce is of the state" {
    run kvtest call nonce <<'END'
{"created_at":"2026-01-02T03:04:05","config_hash":"abc"}
END
    assert_output "$(printf '2026-01-02T03:04:05\nabc' | sha256sum | cut -c1-16)"
}

@test "call: reply lines are read in the forms of all services and engines (T6)" {
    run agree reply replies.jsonl
    assert_success
    assert_output "$(wc -l <"$DATA/batch/replies.jsonl")/$(wc -l <"$DATA/batch/replies.jsonl")"
}

@test "call: a reply that is written again says the same" {
    grep -v '"error":"no reply' "$DATA/batch/replies.jsonl" >cases.jsonl
    kvtest call reply <cases.jsonl >read.jsonl
    kvtest call write <cases.jsonl >written.jsonl
    kvtest call reply <written.jsonl >again.jsonl
    diff <(jq -c 'del(.chat)' read.jsonl) <(jq -c 'del(.chat)' again.jsonl)
    jq -e -s 'all(.[]; .kv == {part: 7, batch: "b-1", tier: "batch", at: "2026-01-02T03:04:05Z"}
        and has("custom_id") and has("response") and has("error"))' written.jsonl
}

@test "call: request lines are read, and what is wrong with one is named" {
    run agree request requests.jsonl
    assert_success
    assert_output "$(wc -l <"$DATA/batch/requests.jsonl")/$(wc -l <"$DATA/batch/requests.jsonl")"
}

@test "call: an answer that is held in memory is the one that would be read back from the journal" {
    run kvtest call kept <<'END'
{"text":"It is 42.","outcome":"ok","used":{"in":3,"in_read":1,"out":5,"cost":0.25,"priced":1e-6}}
{"text":"é \u0000 \ud800 \"q\"\n","outcome":"truncated","served":"m-2","asked_at":"http://h","tier":"flex","finish":"length","adjusted":"without top_p","used":{},"retries":[0,1,0,2],"attempts":4,"measured":true,"first_token_s":0.125,"tokens_per_s":31.5,"another":true,"thought":true}
{"text":"half é","cut":1,"outcome":"ok","used":{"in":3},"first_token_s":1,"no_temperature":true}
END
    assert_success
    assert_equal "${#lines[@]}" 6
    for i in 0 2 4; do
        assert_equal "${lines[i + 1]}" "${lines[i]}"
    done
    assert_equal "$(jq -r .text <<<"${lines[5]}")" $'half \ufffd'
    assert_regex "${lines[3]}" '"finish":"length".*"retries":\[0,1,0,2\],"first_token_s":0.125,.*"attempts":4'
}
