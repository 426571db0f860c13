# What things are called: ids of questions and templates, keys of models and tasks.
load helper

@test "task: ids, identities and keys are karenina's" {
    config-check ids <"$DATA/ids/ids.jsonl" >got
    run jq -n -r --slurpfile want "$DATA/ids/ids.jsonl" --slurpfile got got '
        [range($want | length) | {want: $want[.], got: $got[.]} | .agrees =
            (if .want.error then .got.message != null else
                . as $c | (.got | length > 0) and all(.got | keys[]; $c.got[.] == $c.want[.]) end)] as $all
        | ($all[] | select(.agrees | not) | "disagrees: \(.want | tostring | .[:200])"),
          "agreed \([$all[] | select(.agrees)] | length)/\($all | length)"'
    assert_success
    assert_output "agreed 165/165"
}
