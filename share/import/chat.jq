# chat.jq - a conversation as a question: Inspect's samples and OpenAI's evals hold messages.
#
# {"input":TEXT or [MESSAGE,…],"target":…} (Inspect), {"input":[MESSAGE,…],"ideal":…} (evals). A
# question here is one text: what system and user said, in order. A conversation in which the model
# has spoken already cannot be put as one.
include "template";

def message_text:
  .content
  | if type == "string" then .
    elif type == "array" then map(select(.type == "text") | .text) | join("\n")
    else error("a message has no text") end;

def chat_text:
  if type == "string" then .
  elif type == "array" then
    (map(.role) | if any(. == "assistant" or . == "tool") then
       error("a conversation in which the model has spoken cannot be one question") else . end)
    as $roles
    | map(message_text) | join("\n\n")
  else error("there is no question in it") end;
