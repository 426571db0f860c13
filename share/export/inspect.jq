# inspect - results as a log of inspect (EvalLog version 2, its JSON form): one answering model and one
# judge, chosen with --model and --judge where there are several.
include "results";

def utc: if . == null or . == "" then "1970-01-01T00:00:00+00:00" else sub(" "; "T") + "+00:00" end;
# Of the call that answered; input without what was cached, as inspect counts it.
def usage:
  answering_call
  | (.input_token_details?.cache_read? // 0) as $cached
  | {input_tokens: ([(.input_tokens // 0) - $cached, 0] | max), output_tokens: (.output_tokens // 0),
     total_tokens: (.total_tokens // 0), input_tokens_cache_read: $cached,
     reasoning_tokens: (.output_token_details?.reasoning? // 0)}
  + (if .kv_cost? == null then {} else {total_cost: .kv_cost} end);
def stop:
  (answering_call.kv_finish? // "stop") as $finish
  | if $finish | test("length|max_tokens|MAX_TOKENS|context_window") then "max_tokens"
    elif $finish | test("filter|refusal") then "content_filter" else "stop" end;
def letter: outcome | if . == "passed" then "C" elif . == "declined" then "N" else "I" end;

(.metadata.job_summary? // {}) as $job | (.metadata // {}) as $head
| [rows[] | chosen] as $rows
| ($rows | map("\(answering) / \(judge)") | unique) as $lines
| if ($lines | length) > 1 then
    error("an inspect log holds one model and judge: choose with --model and --judge among \($lines | join(", "))")
  elif $rows == [] then error("no results") else . end
| ($rows | map(question_id) | unique) as $ids
| ($rows | map(.metadata.timestamp?)) as $times
| ($rows | map(select(is_answered) | if outcome == "passed" then 1 else 0 end)) as $x
| {version: 2, status: (if $job.is_complete == true then "success" else "started" end),
   eval: {eval_id: "kv-\($rows[0].metadata.result_id?)", run_id: ($head.job_id // "kv"), created: ($times | min | utc),
     task: "kv", task_id: ($head.job_id // "kv"), task_version: 0,
     dataset: {name: "kv", samples: ($ids | length), sample_ids: $ids, shuffled: false},
     model: ($rows[0] | answering), model_args: {},
     config: {epochs: ($rows | map(.metadata.replicate? // 1) | max)}, metadata: {kv_judge: ($rows[0] | judge)}},
   plan: {name: "kv", steps: [], config: {}},
   results: {total_samples: ($rows | length), completed_samples: ($x | length),
     scores: [{name: "kv", scorer: "kv", scored_samples: ($x | length),
       unscored_samples: (($rows | length) - ($x | length)), params: {},
       metrics: {accuracy: {name: "accuracy", value: (if $x == [] then 0 else $x | add / length end), params: {}}}}]},
   stats: {started_at: ($times | min | utc), completed_at: ($times | max | utc),
     model_usage: {($rows[0] | answering): {input_tokens: ($rows | map(usage.input_tokens) | add),
       output_tokens: ($rows | map(usage.output_tokens) | add), total_tokens: ($rows | map(usage.total_tokens) | add)}}},
   samples: [$rows[] | outcome as $o | answering as $model
     | {id: question_id, epoch: (.metadata.replicate? // 1), input: question, target: (.metadata.raw_answer? // ""),
        messages: (((.template.conversation_context? // []) | map({role, content}))
          + [{role: "assistant", content: answer, source: "generate", model: $model}]),
        output: {model: $model, choices: [{message: {role: "assistant", content: answer}, stop_reason: stop}],
          usage: usage, completion: answer},
        scores: (if $o == "error" or $o == "unscored" then {} else
          {kv: {value: letter, answer: (.template.parsed_llm_response? | if . == null then null else tojson end),
            explanation: (if $o == "passed" then null else "\($o): \(reason)" end),
            metadata: {outcome: $o, judge: judge, field_results: .template.field_results?}}} end),
        metadata: {keywords: .metadata.keywords?, outcome: $o}, store: {}, events: [], attachments: {},
        model_usage: {($model): usage}, total_time: seconds}
     + (if $o == "error" then {error: {message: reason, traceback: "", traceback_ansi: ""}} else {} end)]}
