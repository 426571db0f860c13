# promptfoo - results as lines of promptfoo's JSONL output: one EvaluateResult a result.
include "results";

[rows[] | chosen] as $all
| (($all | map(question_id) | unique) | to_entries | map({key: .value, value: .key}) | from_entries) as $tests
| (($all | map("\(answering) / \(judge)") | unique) | to_entries | map({key: .value, value: .key}) | from_entries) as $prompts
| $all[]
| outcome as $o | . as $row
| {question: question, expected: .metadata.raw_answer?} as $vars
| (answering_call | {prompt: (.input_tokens // 0), completion: (.output_tokens // 0), total: (.total_tokens // 0),
   cached: (.input_token_details?.cache_read? // 0), numRequests: (if . == {} then 0 else 1 end),
   completionDetails: {reasoning: (.output_token_details?.reasoning? // 0)}}) as $answer
| ($answer + {assertions: {prompt: (tokens("input_tokens") - $answer.prompt), completion: (tokens("output_tokens") - $answer.completion),
   total: (tokens("total_tokens") - $answer.total), cached: 0, numRequests: ((stages | length) - $answer.numRequests)}}) as $used
| (.template.verify_granular_result? // (if $o == "passed" then 1 else 0 end)) as $score
| {id: (.metadata.result_id? // question_id),
   testIdx: $tests[question_id], promptIdx: $prompts["\(answering) / \(judge)"],
   promptId: (.metadata.template_id? // "none"),
   provider: {id: answering, label: answering},
   prompt: {raw: question, label: question}, vars: $vars,
   testCase: {vars: $vars, assert: [], description: question_id, metadata: {keywords: .metadata.keywords?}},
   response: {output: answer, tokenUsage: $answer}, tokenUsage: $used,
   success: ($o == "passed" or $o == "unscored"), score: $score,
   failureReason: (if $o == "passed" or $o == "unscored" then 0 elif $o == "error" then 2 else 1 end),
   error: (if $o == "error" then reason else null end),
   latencyMs: (seconds * 1000 | round), cost: (cost // 0),
   gradingResult: {pass: ($o == "passed" or $o == "unscored"), score: $score,
     reason: (if $o == "passed" then "all checks passed" else "\($o): \(reason)" end),
     componentResults: [(.template.field_results? // {}) | to_entries[]
       | {pass: (.value == true), score: ($row.template.field_scores?[.key] // (if .value == true then 1 else 0 end)), reason: .key}]},
   namedScores: ((.template.field_scores? // {}) | map_values(. // 0)),
   metadata: {outcome: $o, replicate: .metadata.replicate?, judge: judge, category: .metadata.failure?.category?}}
