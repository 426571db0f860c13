# lm-eval - results as lines of lm-evaluation-harness' samples (--log_samples): one a question, answering
# model and judge; replicates are several texts of one line. Errors are no data and are left out.
include "results";

[rows[] | chosen | select(is_answered)] as $all
| ($all | map(question_id) | unique) as $ids
| $all | group_by([answering, judge, question_id])[]
| sort_by(.metadata.replicate? // 0) | . as $group | .[0]
| question_id as $id | question as $question | ($group | map(answer)) as $texts
| {doc_id: ($ids | index($id)),
   doc: {id: $id, question: $question, answer: .metadata.raw_answer?, keywords: .metadata.keywords?},
   target: (.metadata.raw_answer? // ""),
   arguments: {gen_args_0: {arg_0: ((.template.conversation_context? // []) | if . == [] then $question else
     map("\(.role): \(.content)") | join("\n\n") end), arg_1: {}}},
   resps: [$texts], filtered_resps: $texts, filter: "none", metrics: ["acc"],
   acc: ($group | map(if outcome == "passed" then 1 else 0 end) | add / length),
   model: answering, judge: judge, outcomes: ($group | map(outcome))}
