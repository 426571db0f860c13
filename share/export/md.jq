# md - results as a Markdown table: a row a question, a column an answering model and judge. Rates with their
# intervals are in kv-report --md.
include "results";

# One line without markup, links, mentions, or characters that hide or reorder others.
def md: gsub("\\s+"; " ")
  | gsub("[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]"; "\ufffd")
  | gsub("&"; "&amp;") | gsub("(?<c>[\\\\`*_\\[\\]|~$#])"; "\\\(.c)")
  | gsub("<"; "&lt;") | gsub(">"; "&gt;") | gsub("@"; "&#64;") | gsub("://"; "&#58;//") | gsub("[wW]{3}\\."; "www&#46;");
def sign: {passed: "✓", wrong: "✗", declined: "–", insufficient: "✗", error: "!", unscored: "○"}[outcome];

[rows[] | chosen] as $all
| ($all | map([answering, judge]) | unique) as $lines
| "| question | \($lines | map(.[0] + (if ($lines | map(.[1]) | unique | length) > 1 then " / " + .[1] else "" end) | md) | join(" | ")) |",
  "|---|\($lines | map("---|") | join(""))",
  ($all | group_by(question_id)[] | . as $rows
   | "| \(.[0] | question | cut(160) | md) | \($lines | map(. as $l
       | $rows | map(select([answering, judge] == $l)) | sort_by(.metadata.replicate? // 0) | map(sign) | join(" ")) | join(" | ")) |"),
  "", "✓ passed, ✗ wrong, – declined, ! error, ○ no verdict"
