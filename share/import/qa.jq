# qa.jq - records of a question and its answer: {"question":…,"answer":…}, and other common names.
include "template";

def qa_question: .question // .prompt // .query // .instruction // .input;
def qa_answer: [.answer, .target, .ideal, .expected, .reference, .solution, .output, .answers]
  | map(select(. != null)) | if length == 0 then error("there is no answer in it") else .[0] end;

def qa: qa_answer as $a | question(qa_question; $a; $a | template);
