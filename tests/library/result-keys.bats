# What things are called: ids of questions and templates, keys of models and tasks.
load ../helper
load ../agree

@test "task: ids, identities and keys are karenina's" {
    kvtest config ids <"$DATA/ids/ids.jsonl" >got
    run agree 'if .want.error then .got.message != null else
            . as $c | (.got | length > 0) and all(.got | keys[]; $c.got[.] == $c.want[.]) end' \
        "$DATA/ids/ids.jsonl" got .
    assert_success
    assert_output '165/165'
}
