# requests.mk - requests.jsonl is answered into replies.jsonl: make -f requests.mk
#
# Interrupt it, kill it, run out of money: the next make goes on where it stopped. What a service
# refuses three times is a line with an error.
SHELL = bash
.SHELLFLAGS = -eo pipefail -c

replies.jsonl: requests.jsonl preset.json
	kv-manifest --if-absent --requests requests.jsonl -c preset.json -o replies.json
	kv-run --give-up 3 replies.json.state | kv-append -q replies.json.state
	kv-finalize --jsonl replies.json.state
