#!/usr/bin/env python3
"""llama_server - llama.cpp's own server, from PyPI's xllamacpp: llama_server.py MODEL SLOTS TOKENS

Serves the model on a free port of loopback with so many slots of so many tokens each, prints
{"port":N} when it has loaded, and ends with its stdin.
"""
import json
import sys

import xllamacpp

params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.n_parallel = int(sys.argv[2])
params.n_ctx = params.n_parallel * int(sys.argv[3])
params.port = 0
params.warmup = False
params.cpuparams.n_threads = 2
params.cpuparams_batch.n_threads = 2
server = xllamacpp.Server(params)
print(json.dumps({"port": int(server.listening_address.rsplit(":", 1)[1])}), flush=True)
sys.stdin.read()
