# Deskbus. `make` alone prints the targets. Every target works from any folder: make -C path/to/deskbus run
.DEFAULT_GOAL := help
SHELL := /bin/sh
# `make ingest PATH=folder` names files by what is the shell's search path, too: take it, and give commands theirs back. A
# variable that asks for itself is told what stood in make's own environment, by every version of make.
ifeq ($(origin PATH),command line)
export INGEST_PATH := $(value PATH)
override PATH = $(shell printf '%s' "$$PATH")
THEIRS := $(PATH)
override PATH := $(THEIRS)
export PATH
endif
export STARTED_IN := $(PWD)
# A folder's name may hold spaces, so paths are relative and every recipe runs in the project root (make -C goes there).
# PYTHON only makes the environment; afterwards .venv's own Python is used.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; exit; }; done; echo python3)
LOCAL := .venv/bin/python -m deploy.local
# For what needs a running system: before the first run there is no environment either.
AT_WORK = @test -x .venv/bin/python || { echo 'Deskbus is not running: start it with `make run`.' >&2; exit 1; }; exec
SOURCES := libs services deploy tests
CHROMIUM ?= $(shell for p in chromium chromium-browser google-chrome; do command -v "$$p" && exit; done)
PYTEST := .venv/bin/python -m pytest -q
# The question reaches the program through the environment and unexpanded, so that quotes, apostrophes and dollar signs
# need no care: make ask Q='Is it $5?'
unexport Q
export QUESTION = $(value Q)
export FOLLOW SINCE SESSION ARGS MODEL

.PHONY: help run start stop url status logs ask chat events ingest gaps reindex replay test check unit integration e2e evals \
	evals-retrieval browser bench chaos clean environment

help: ## print this list
	@echo 'Deskbus: an AI customer-support backend on a message bus.'
	@echo
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

environment:
	@"$(PYTHON)" deploy/local/environment.py

run: environment ## start everything in the foreground with one merged log; Ctrl-C stops it
	@exec $(LOCAL) run --tied

start: environment ## start everything in the background; returns when it is ready
	@exec $(LOCAL) start

stop: ## stop what runs, in order, and wait until it is gone
	@test -x .venv/bin/python || { echo 'Deskbus is not running.'; exit 0; }; exec $(LOCAL) stop

url: ## print the address of the running system
	$(AT_WORK) $(LOCAL) url

status: ## processes, ports, up-time and readiness
	$(AT_WORK) $(LOCAL) status

logs: ## the last 200 log lines; FOLLOW=1 goes on
	$(AT_WORK) $(LOCAL) logs

ask: ## ask one question: make ask Q="How long do I have to return something?"
	$(AT_WORK) $(LOCAL) ask

chat: ## a conversation in the terminal; SESSION=... continues one
	$(AT_WORK) $(LOCAL) chat

events: ## what happens, as it happens, one line per event; SINCE=all for everything kept
	$(AT_WORK) $(LOCAL) events

# ARGS: --prefix handbook/ --metadata category=faq --dry-run
ingest: ## files become documents: make ingest PATH=folder-or-file
	$(AT_WORK) $(LOCAL) ingest

gaps: ## what customers asked and the documents do not answer, the most wanted first
	$(AT_WORK) $(LOCAL) gaps

reindex: ## build the index anew while searches go on; MODEL=... by another embedding model
	$(AT_WORK) $(LOCAL) reindex

# The options reach it through the environment. The system may be elsewhere: DESKBUS_NATS_URL and DESKBUS_DATABASE_URL.
replay: environment ## answer stored conversations again by another model and compare: make replay ARGS='--model openai/...'
	@exec $(LOCAL) replay

# Most of it waits: two processes, each with servers of its own and whole files to itself, take little more than half the time.
test: environment ## all tests, over real servers that they start themselves
	@exec $(PYTEST) -n 2 --dist loadfile tests $(ARGS)

unit: environment ## unit, architecture and port tests
	@exec $(PYTEST) $(wildcard tests/unit tests/architecture tests/ports) $(ARGS)

integration: environment ## tests over real servers
	@exec $(PYTEST) tests/integration $(ARGS)

e2e: environment ## tests over the whole system as processes
	@exec $(PYTEST) tests/e2e $(ARGS)

evals: environment ## how good answers and judgements are, in figures: make evals ARGS="abstention --faq FOLDER"
	@exec .venv/bin/python -m tests.evals $(ARGS)

evals-retrieval: environment ## how well searches find, in figures (EVALS_DIR for further collections)
	@exec .venv/bin/python -m tests.evals.retrieval $(ARGS)

# The driver goes beside the environment and not into it: every other target must find there just what it locked.
browser: environment ## the chat page in a headless Chromium, which must be installed
	@test -n '$(CHROMIUM)' || { echo 'Chromium is not installed. Debian and Ubuntu: apt-get install chromium; elsewhere' \
		'set CHROMIUM to the path of Chromium or Chrome.' >&2; exit 1; }
	@.tools/bin/uv export --quiet --frozen --no-emit-project --only-group browser -o .tools/browser.txt
	@.tools/bin/uv pip install --quiet --python .venv/bin/python --target .tools/browser --require-hashes \
		-r .tools/browser.txt
	@CHROMIUM='$(CHROMIUM)' PYTHONPATH=.tools/browser exec $(PYTEST) tests/browser $(ARGS)

check: environment ## format, lint, types, import rules, architecture and unit tests
	.venv/bin/python -m ruff format --check $(SOURCES)
	.venv/bin/python -m ruff check $(SOURCES)
	.venv/bin/python -m basedpyright
	.venv/bin/python -c 'from importlinter.cli import lint_imports_command as run; run()'
	$(PYTEST) $(wildcard tests/architecture tests/unit)

bench: environment ## measure the whole system beside a floor (about 5 minutes); ARGS=--write keeps the table in docs
	@exec .venv/bin/python -m tests.bench $(ARGS)

# ARGS: --seed N repeats a run, --parts kills pauses restarts cuts siege servers chooses.
chaos: environment ## kill, stop, cut and flood under load: make chaos MINUTES=20 (short forms are in make test)
	@exec .venv/bin/python -m tests.chaos --minutes '$(or $(MINUTES),20)' $(ARGS)

clean: ## stop what runs and remove data, environment and caches (asks nothing)
	@if test -x .venv/bin/python; then $(LOCAL) erase; fi
	@echo 'removing .run, .venv, .tools and caches'
	@rm -rf .run .venv .tools .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
