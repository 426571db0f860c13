# Names of calls, by which an answer that was ordered is found again.
load ../helper

@test "call: names are those of the specification's vectors, for ids with any characters" {
    run kvtest call <<'END'
{"nonce":"0123456789abcdef","purpose":"answer","question":"q1","answering":"langchain:m1:a:","replicate":"1"}
{"nonce":"0123456789abcdef","purpose":"answer","question":"qé\n1","answering":"langchain:m1:a:","replicate":"1"}
END
    assert_success
    assert_output $'kv1-d69f22c202fe8d4cb0aad50ff39d2057ff2f75be\nkv1-aa134ec9e0720417530517f185df93052aa26e13'
}
