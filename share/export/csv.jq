# csv - results for a spreadsheet: one row a result. kv-finalize --csv writes karenina's columns instead.
# A text that a spreadsheet would take for a formula gets an apostrophe in front.
include "results";

def inert: if type == "string" and test("^[=+@\t\r-]") then "'" + . else . end;

["question_id", "question", "keywords", "answering", "judge", "replicate", "outcome", "score", "category", "reason",
 "reference", "answer", "extracted", "seconds", "input_tokens", "output_tokens", "cost", "timestamp"],
(rows[] | chosen
 | [question_id, question, ((.metadata.keywords? // []) | join(", ")), answering, judge, .metadata.replicate?, outcome,
    .template.verify_granular_result?, .metadata.failure?.category?, reason, .metadata.raw_answer?, answer,
    (.template.parsed_llm_response? | if . == null then null else tojson end), seconds, tokens("input_tokens"),
    tokens("output_tokens"), cost, .metadata.timestamp?]
 | map(inert))
| @csv
