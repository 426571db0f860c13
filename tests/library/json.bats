# The JSON scanner and the spelling of numbers and strings, at library level.
load ../helper

@test "json: accepts, refuses and decides as RFC 8259 and our own choices say" {
    run kvtest json cases "$DATA/json/cases.txt"
    assert_success
    assert_output '214/214'
}

@test "json: doubles are spelled as karenina's two serialisers spell them, and read back" {
    run kvtest json floats "$DATA/num/floats.jsonl"
    assert_success
    assert_output '1257/1257'
    agreement floats.jsonl "$output"
}

@test "json: strings are escaped as in the hash, the state and the results file" {
    run kvtest json strings "$DATA/num/strings.jsonl"
    assert_success
    assert_output '237/237'
    agreement strings.jsonl "$output"
}

@test "json: a complaint names line and column" {
    run kvtest json check <<<$'{"a": 1,\n "b": tru}'
    assert_failure 3
    assert_output --regexp '^2:7: '
}

@test "json: the compact form keeps every token as it was written" {
    run kvtest json check <<<' { "a" : [ 1.0 , -0.0, 1E+2, 12345678901234567890 ] , "a" : "\u00e9\/" } '
    assert_success
    assert_output '{"a":[1.0,-0.0,1E+2,12345678901234567890],"a":"\u00e9\/"}'
}

@test "json: a lone surrogate survives being unescaped and quoted again" {
    run kvtest json same <<<'["\ud800","x\udc00y","\ud83d\ude00","\u0000"]'
    assert_success
    assert_output '["\ud800","x\udc00y","😀","\u0000"]'
}

@test "json: a line of 100 MB is read, and its end missing is an error, not a crash" {
    head -c 100000000 /dev/zero | tr '\0' x >body
    run kvtest json check < <(printf '"' && cat body)
    assert_failure 3
    assert_output '1:1: unterminated string'
}

@test "json: members of members are found in one walk, the last of a name, whatever is around them" {
    while IFS='~' read -r document want; do
        echo "$document"
        run kvtest json pick <<<"$document"
        assert_success
        assert_output "$want"
    done <<'CASES'
{"a":{"x":1,"y":"2"},"b":{"y":[3]}}~{"x":1,"y":"2"} x=1 y="2"; {"y":[3]} y=[3]
{"b":{"z":{"y":0,"x":{}},"y":{"y":4}},"c":{"x":5},"a":{"y":6}}~{"y":6} x= y=6; {"z":{"y":0,"x":{}},"y":{"y":4}} y={"y":4}
{"x":1,"y":2,"c":{"a":{"x":3},"b":4}}~ x= y=;  y=
{"a":{"x":1,"y":2},"a":{"x":3}}~{"x":3} x=3 y=;  y=
{"a":{"x":1,"x":{"x":2}},"a":5,"b":"}"}~5 x= y=; "}" y=
{"a":{},"b":{}}~{} x= y=; {} y=
{"a":["x",{"x":1}],"b":null}~["x",{"x":1}] x= y=; null y=
{"\u0061":{"\u0078":1,"xx":2},"aa":3}~{"\u0078":1,"xx":2} x=1 y=;  y=
{ "a" : { "x" : "}\"" , "y" : [ { } ] } , "b" : { "y" : true } }~{ "x" : "}\"" , "y" : [ { } ] } x="}\"" y=[ { } ]; { "y" : true } y=true
[{"a":1}]~ x= y=;  y=
{}~ x= y=;  y=
CASES
}
