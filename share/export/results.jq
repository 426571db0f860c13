# results - what the views of share/export have in common: rows, their names, and how each one ended.

# The newest row of each task, in the order of the file; previews are no results.
def rows:
  [.results | to_entries[] | select(.value.metadata.timestamp? != "")
   | {at: .key, row: .value, task: (.value | if has("task_id") then .task_id else
        .metadata | [.scenario_id, .scenario_turn, .question_id, .answering, .parsing, .replicate] end)}]
  | group_by(.task) | map(last) | sort_by(.at) | map(.row);

# One word: passed, wrong, declined, insufficient, error or unscored; the same as kv-report's.
def outcome:
  (.metadata.failure?.category? // null) as $category | (.template.verify_result? == true) as $passed
  | if $category == null then
      if has("task_id") and ((.error? != null) or ((.failure? // false) != false)) then "error"
      elif $passed then "passed" elif .template.verify_result? == false then "wrong" else "unscored" end
    elif $category == "content" then "wrong"
    elif $category == "abstention" then "declined"
    elif $category == "sufficiency" then (if $passed then "passed" else "insufficient" end)
    else "error" end;
def is_answered: outcome | . != "error" and . != "unscored";

# What a report calls a model, and a question.
def model:
  if type != "object" then "" else
    "\(.interface):\(.model_name)"
    + (if (.config_id // .model_name) != .model_name and .config_id != "" then " (\(.config_id))" else "" end)
    + (if ((.tools // []) | length) > 0 then " +[\(.tools | join(", "))]" else "" end) end;
def answering: .metadata.answering? | model;
def judge: .metadata.parsing? | model;
def question: .metadata.question_text? // .task_id? // "";
def question_id: .metadata.question_id? // .task_id? // "";

def answer:
  ((.template.trace_messages? // []) | map(select(.role? == "assistant")) | last | .content?)
  // ((.template.raw_llm_response? // "") | ltrimstr("--- AI Message ---\n"));
def reason: .metadata.failure?.reason? // (if has("task_id") then
    (if (.error? | type) == "object" then .error.message? else .error? // .failure? end) | if type == "string" then . else "" end
  else "" end);
def seconds: .metadata.execution_time? // 0;

# The call that answered; sums over all calls of a row, and what the service said of one.
def answering_call: .template.usage_metadata?.answer_generation? // {};
def stages: .template.usage_metadata? // {} | to_entries | map(select(.key != "total") | .value);
def tokens($member): stages | map(.[$member]? // 0) | add // 0;
def details($kind; $member): stages | map(.[$kind]?[$member]? // 0) | add // 0;
def cost: stages | map(.kv_cost? // empty) | add;

# Of the models that were chosen with --model and --judge, if they were.
def chosen: select(($ARGS.named.model // "") as $m | ($m == "" or answering == $m or (.metadata.answering?.model_name? == $m)))
  | select(($ARGS.named.judge // "") as $j | ($j == "" or judge == $j or (.metadata.parsing?.model_name? == $j)));

def cut($n): if length > $n then .[:$n] + "…" else . end;
