# All commands. `make` alone prints help.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

NAME ?= trainyard
GPUS ?= 4
KWOK_NODES ?= 0
NODES ?=
PROVIDER ?=
KIND_IMAGE ?=
KIND_CONFIG ?=
PYTHON ?= python3
export NAME GPUS KWOK_NODES PROVIDER

VENV := .venv
RUN := $(VENV)/bin/python -m
PROJECTS := crds data kube scheduler client supervisor environment operator gateway trainer-image telegram_bot cluster images demo
SRC := $(foreach project,$(PROJECTS),$(project)/src)
PACKAGES := trainyard trainyard-api trainyard-bot trainyard-cluster trainyard-data trainyard-demo trainyard-environment trainyard-gateway trainyard-images \
	trainyard-kube trainyard-operator trainyard-scheduler trainyard-supervisor trainyard-trainer
# Demo, cluster and images need neither torch nor the tests' tools: their environment is twenty times smaller.
DEMO_VENV := .venv-demo
DEMO := $(DEMO_VENV)/bin/python -m
DEMO_PROJECTS := crds client cluster images demo

##@ First steps
.PHONY: help demo demo-down test
help: ## Show this help
	@awk 'BEGIN {FS = ":.*##"; printf "\nUsage: make \033[36m<target>\033[0m\n"} \
	  /^[a-zA-Z_-]+:.*?##/ { printf "  \033[36m%-19s\033[0m %s\n", $$1, $$2 } \
	  /^##@/ { printf "\n\033[1m%s\033[0m\n", substr($$0, 5) }' $(MAKEFILE_LIST)

demo: demo-setup ## Bring up a cluster, install Trainyard, train six sessions, verify a model
	@$(DEMO) trainyard_demo up --name $(NAME) --gpus $(GPUS)

demo-down: demo-setup ## Remove everything that the demo made
	@$(DEMO) trainyard_demo down --name $(NAME)

test: ## Run every check there is: lint, types, contracts, generated files, all tests
	@./tests/run

.PHONY: coverage
coverage: ## The same, and which lines of the code the tests reach; slower (build/coverage/html)
	@COVERAGE=1 ./tests/run

##@ Cluster and images
.PHONY: cluster-up cluster-down cluster-status cluster-node-kill cluster-node-revive cluster-node-drain cluster-node-cut cluster-node-mend images
cluster-up: demo-setup ## A real Kubernetes (NAME=, NODES=, GPUS= of each node, KWOK_NODES=, PROVIDER=kind|embedded, KIND_IMAGE=, KIND_CONFIG=)
	@$(DEMO) trainyard_cluster up --name $(NAME) --gpus $(GPUS) --kwok-nodes $(KWOK_NODES) $(if $(NODES),--nodes $(NODES)) $(if $(PROVIDER),--provider $(PROVIDER)) \
	  $(if $(KIND_IMAGE),--kind-image $(KIND_IMAGE)) $(if $(KIND_CONFIG),--kind-config $(KIND_CONFIG))

cluster-down: demo-setup ## Remove the cluster and all that it made
	@$(DEMO) trainyard_cluster down --name $(NAME)

cluster-status: demo-setup ## Parts, memory, GPUs and kubeconfig of the cluster
	@$(DEMO) trainyard_cluster status --name $(NAME)

NODE ?= 2
cluster-node-kill: demo-setup ## kill -9 kubelet and containerd of a node (NODE=2; WHOLE=1: everything, as at a loss of power)
	@$(DEMO) trainyard_cluster node kill $(NODE) --name $(NAME) $(if $(WHOLE),--whole)

cluster-node-revive: demo-setup ## Start what is missing on a node, mend its cuts, uncordon it (NODE=2)
	@$(DEMO) trainyard_cluster node revive $(NODE) --name $(NAME)

cluster-node-drain: demo-setup ## Cordon a node and evict its pods (NODE=2)
	@$(DEMO) trainyard_cluster node drain $(NODE) --name $(NAME)

cluster-node-cut: demo-setup ## Drop everything between two nodes (NODE=2 OTHER=3)
	@$(DEMO) trainyard_cluster node cut $(NODE) $(OTHER) --name $(NAME)

cluster-node-mend: demo-setup ## Undo cluster-node-cut (NODE=2 OTHER=3)
	@$(DEMO) trainyard_cluster node mend $(NODE) $(OTHER) --name $(NAME)

images: demo-setup ## Build the four images (docker or buildah) into build/images
	@$(DEMO) trainyard_images build

##@ Development
.PHONY: setup demo-setup web-packages web lint fmt types imports manifests pictures web-pictures verify check scan lock clean
setup: $(VENV)/.ready ## Make the virtual environment from the hashed pins

demo-setup: $(DEMO_VENV)/.ready ## Make the small environment of demo, cluster and images

$(VENV)/.ready: requirements/dev.lock requirements/bootstrap.lock $(foreach project,$(PROJECTS),$(project)/pyproject.toml)
	@$(call environment,$(VENV),dev,$(PROJECTS))

$(DEMO_VENV)/.ready: requirements/demo.lock requirements/bootstrap.lock $(foreach project,$(DEMO_PROJECTS),$(project)/pyproject.toml)
	@$(call environment,$(DEMO_VENV),demo,$(DEMO_PROJECTS))

# $(call environment,FOLDER,LOCK,PACKAGES): a virtual environment with the pins of a lock and our own packages, editable.
define environment
echo "setting up $(1) from requirements/$(2).lock"; \
$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; this is " + sys.version.split()[0] + " (choose another with PYTHON=…)" if sys.version_info < (3, 11) else 0)'; \
test -x $(1)/bin/python || $(PYTHON) -m venv $(1) || { echo "cannot make a virtual environment: on Debian and Ubuntu run 'apt-get install python3-venv'" >&2; exit 1; }; \
$(1)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.lock; \
$(1)/bin/uv pip sync --quiet --require-hashes --python $(1)/bin/python requirements/$(2).lock; \
$(1)/bin/uv pip install --quiet --no-deps --no-build-isolation --python $(1)/bin/python $(foreach project,$(3),-e ./$(project)); \
touch $(1)/.ready
endef

WEB_PACKAGES := web/node_modules/.package-lock.json
web-packages: $(WEB_PACKAGES)

$(WEB_PACKAGES): web/package.json web/package-lock.json
	@command -v npm >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends nodejs npm >/dev/null; } || \
	  { echo "the web page needs Node 20 and npm (apt-get install nodejs npm)" >&2; exit 1; }
	@cd web && npm ci --silent --ignore-scripts
	@touch $@

web: web-packages ## Build the web page into the gateway's package
	@cd web && npm run --silent build

fmt: setup ## Format the code
	@$(RUN) ruff format .
	@$(RUN) ruff check --fix-only --quiet .

lint: setup ## ruff, format check
	@$(RUN) ruff format --check .
	@$(RUN) ruff check .

types: setup web-packages ## mypy and tsc, strict on all src
	@$(RUN) mypy $(SRC)
	@$(RUN) mypy tests/support
	@MYPYPATH=tests/support $(RUN) mypy tests/faults
	@$(RUN) mypy scan
	@cd web && npm run --silent types

imports: setup ## Layer contracts
	@$(VENV)/bin/lint-imports

manifests: setup web-packages ## Write every generated file
	@$(RUN) trainyard_api.render --out crds --chart charts/trainyard --docs docs
	@$(RUN) trainyard_gateway.http.openapi --out docs/openapi.json
	@cd web && npm run --silent build
	@$(VENV)/bin/python charts/values_table.py
	@$(VENV)/bin/python docs/configuration_page.py
	@$(VENV)/bin/python docs/metrics_page.py
	@$(VENV)/bin/python client/blocking_twins.py
	@PYTHONPATH=tests/support $(VENV)/bin/python tests/support/data_cases/data_cases_page.py

pictures: setup ## Draw the documentation's pictures of the command line and the bot again
	@$(VENV)/bin/python tests/support/screens.py docs/pictures
	@$(VENV)/bin/python tests/support/chats.py docs/pictures

web-pictures: setup web-packages ## Take the documentation's pictures of the web page again; brings up a cluster and needs Chromium (3 min)
	@PYTHONPATH=tests/support $(VENV)/bin/python tests/support/web_pictures.py docs/pictures

verify: setup web-packages ## Fail when a generated file differs from what the code renders
	@$(RUN) trainyard_api.render --out crds --chart charts/trainyard --docs docs --check
	@$(RUN) trainyard_gateway.http.openapi --out docs/openapi.json --check
	@cd web && npm run --silent build -- --check
	@$(VENV)/bin/python charts/values_table.py --check
	@$(VENV)/bin/python docs/configuration_page.py --check
	@$(VENV)/bin/python docs/metrics_page.py --check
	@$(VENV)/bin/python client/blocking_twins.py --check
	@PYTHONPATH=tests/support $(VENV)/bin/python tests/support/data_cases/data_cases_page.py --check

check: lint types imports verify ## Everything that does not run tests

SCAN := build/scan/venv
scan: setup $(SCAN)/.ready ## Scan chart, code, secrets and dependencies; any finding fails (3 min; SCANNERS= chooses)
	@$(VENV)/bin/python scan $(SCANNERS)

$(SCAN)/.ready: requirements/scan.lock | setup
	@test -x $(SCAN)/bin/python || $(PYTHON) -m venv $(SCAN)
	@$(VENV)/bin/uv pip sync --quiet --require-hashes --python $(SCAN)/bin/python requirements/scan.lock
	@touch $@

##@ Longer checks and measurements
.PHONY: faults faults-full soak nodes corpus life upgrade programs flows bench-idle model-operator mutation-bot bench-operator bench-scale bench-watching bench-supervisor bench-outage bench-edit bench-trace fuzz fuzz-mlflow hostile bench-gateway mlflow-parity bench-web kill-gateway kill-reporting kill-trainer bench-trainer gpu-check
model-operator: setup ## Explore three million interleavings of operator, cluster and users (2 min, 4 GiB)
	@TRAINYARD_MODEL_STATES=3000000 $(RUN) pytest -q -s tests/property/operator/test_model.py

mutation-bot: setup ## Change the bot's parsing and rendering a thousand times; its tests must notice (25 min)
	@$(VENV)/bin/python tests/mutation

faults: setup ## Try two faults between operator and API server in every scenario (5 min; docs/faults.md)
	@$(RUN) pytest -q -n 0 tests/faults

FAULTS ?= full gateway baseline mutants table
faults-full: setup ## Kill operator and gateway at every write of every scenario, and every other fault; goes on where it was interrupted (FAULTS=)
	@$(RUN) trainyard_cluster up --name faults --gpus 0 --kwok-nodes 1
	@for part in $(FAULTS); do \
	  $(VENV)/bin/python tests/faults $$part --kubeconfig "$$($(RUN) trainyard_cluster kubeconfig --name faults)" || code=$$?; done; \
	  $(RUN) trainyard_cluster down --name faults; exit $${code:-0}

HOURS ?= 2
SEED ?= 0
soak: setup ## Random scenarios and faults for HOURS=2, with the operator's memory and descriptors in build/faults/soak.jsonl (SEED=)
	@$(RUN) trainyard_cluster up --name faults --gpus 0 --kwok-nodes 1
	@$(VENV)/bin/python tests/faults soak --hours $(HOURS) --seed $(SEED) \
	  --kubeconfig "$$($(RUN) trainyard_cluster kubeconfig --name faults)" || code=$$?; \
	  $(RUN) trainyard_cluster down --name faults; exit $${code:-0}

nodes: setup ## Drain, lose, restart, cordon and cut nodes of a separate three-node cluster under a gang; writes what a user reads to build/nodes (15 min)
	@$(RUN) trainyard_images build
	@TRAINYARD_NODES_ALL=1 $(RUN) pytest -q -n 0 tests/e2e/test_real_nodes.py

kill-gateway: setup ## kill -9 the gateway at 500 random moments of reports and uploads, half of them on each database (TRAINYARD_KILLS=, TRAINYARD_KILL_SEED=)
	@TRAINYARD_KILLS=$${TRAINYARD_KILLS:-500} $(RUN) pytest -q -s tests/integration/gateway/test_killed_gateway.py

.PHONY: kill-ledger
kill-ledger: setup ## kill -9 operator and gateway 50 times, and compare the ledger with the pods' own times (TRAINYARD_LEDGER_KILLS=, TRAINYARD_LEDGER_KILLS_SEED=)
	@TRAINYARD_LEDGER_KILLS=$${TRAINYARD_LEDGER_KILLS:-50} $(RUN) pytest -q -s -n 0 tests/integration/operator/test_ledger_and_budgets.py -k kills

kill-reporting: setup ## kill -9 gateway or pods 200 times while programs report by each protocol, half of them on each database (TRAINYARD_KILLS=, TRAINYARD_KILL_SEED=, TRAINYARD_KILL_CLIENT=quick)
	@TRAINYARD_KILLS=$${TRAINYARD_KILLS:-200} $(RUN) pytest -q -s tests/integration/mlflow/test_killed_reporting.py

kill-trainer: setup ## kill -9 a training at fifty random points and compare the bits (TRAINYARD_KILL_SEED=)
	@TRAINYARD_KILLS=$${TRAINYARD_KILLS:-50} $(RUN) pytest -q -s tests/integration/trainer/test_killed_training.py -k random

corpus: setup ## Train each file of tests/corpus, large ones too, and predict each of its rows alone, forty of those beyond 3,000 (60 min)
	@TRAINYARD_CORPUS=all $(RUN) pytest -q -n 2 tests/corpus

life: setup ## Install, upgrade, roll back and remove with five training and twenty more sessions on a separate node, with times (10 min)
	@$(RUN) trainyard_images build
	@$(RUN) trainyard_cluster up --name life --gpus 8
	@TRAINYARD_LIVE=5 TRAINYARD_CROWD=15 TRAINYARD_TEST_KUBECONFIG="$$($(RUN) trainyard_cluster kubeconfig --name life)" \
	  $(RUN) pytest -q -s tests/e2e/test_installation_life.py || code=$$?; $(RUN) trainyard_cluster down --name life; exit $${code:-0}

FROM ?= HEAD
upgrade: setup ## Upgrade an installation of another commit (FROM=) to this tree, with sessions in every state (15 min)
	@$(RUN) trainyard_images build
	@$(RUN) trainyard_cluster up --name upgrade --gpus 4
	@$(VENV)/bin/python tests/upgrade $(FROM) --kubeconfig "$$($(RUN) trainyard_cluster kubeconfig --name upgrade)" || code=$$?; \
	  $(RUN) trainyard_cluster down --name upgrade; exit $${code:-0}

programs: setup ## Run the programs of tests/unmodified as sessions, each evicted and preempted in the middle (PROGRAMS="--only NAME")
	@$(RUN) trainyard_images build
	@$(RUN) trainyard_cluster up --name programs --gpus 4
	@$(VENV)/bin/python tests/unmodified --kubeconfig "$$($(RUN) trainyard_cluster kubeconfig --name programs)" $(PROGRAMS) || code=$$?; \
	  $(RUN) trainyard_cluster down --name programs; exit $${code:-0}

.PHONY: curves
curves: setup ## Compare the curves of the programs of tests/unmodified/reporters.yaml with what these wrote themselves (15 min, PROGRAMS="--only NAME")
	@$(RUN) trainyard_images build
	@$(RUN) trainyard_cluster up --name programs --gpus 4
	@$(VENV)/bin/python tests/unmodified/reporters.py --kubeconfig "$$($(RUN) trainyard_cluster kubeconfig --name programs)" $(PROGRAMS) || code=$$?; \
	  $(RUN) trainyard_cluster down --name programs; exit $${code:-0}

flows: setup ## Try every network flow from the pods of an installation, beside what the policies say (3 min)
	@$(RUN) trainyard_images build
	@$(RUN) trainyard_cluster up --name bench
	@$(VENV)/bin/python bench/network --kubeconfig "$$($(RUN) trainyard_cluster kubeconfig --name bench)" || code=$$?; \
	  $(RUN) trainyard_cluster down --name bench; exit $${code:-0}

bench-idle: setup ## Measure memory and CPU of an idle installation (5 min)
	@$(RUN) trainyard_images build
	@$(RUN) trainyard_cluster up --name bench
	@$(VENV)/bin/python bench/idle --kubeconfig "$$($(RUN) trainyard_cluster kubeconfig --name bench)" || code=$$?; \
	  $(RUN) trainyard_cluster down --name bench; exit $${code:-0}

gpu-check: ## Check the trainer on one NVIDIA GPU; needs a CUDA build of torch (8 min; PYTHON= chooses it)
	@PYTHONPATH=crds/src:client/src:trainer-image/src $(PYTHON) bench/gpu $(BENCH)

bench-trainer: setup ## Measure the trainer beside a bare loop, Lightning, MLflow and pandas (20 min on a quiet machine)
	@$(VENV)/bin/uv pip install --quiet --no-deps --require-hashes --python $(VENV)/bin/python --target build/bench-site -r requirements/bench.lock
	@$(RUN) trainyard_cluster up --name bench --gpus 0 --kwok-nodes 1
	@PYTHONPATH=build/bench-site $(VENV)/bin/python bench/trainer --kubeconfig "$$($(RUN) trainyard_cluster kubeconfig --name bench)" $(BENCH) || code=$$?; \
	  $(RUN) trainyard_cluster down --name bench; exit $${code:-0}

bench-supervisor: setup ## Measure what the supervisor costs a program, beside the bare one (2 min)
	@PYTHONPATH=tests/support $(VENV)/bin/python bench/supervisor $(BENCH)

bench-outage: setup ## One hour of a program that logs by MLflow's client without a gateway; writes bench/results/outage.json (65 min, BENCH=)
	@$(VENV)/bin/python bench/outage $(BENCH)

RAY := build/ray
bench-edit: setup $(RAY)/.ready ## Measure the time from a saved edit to the new code's first line, beside Ray (10 min on a quiet machine)
	@$(RUN) trainyard_images build
	@$(RUN) trainyard_cluster up --name bench --gpus 4
	@$(VENV)/bin/python bench/edit --ray $(CURDIR)/$(RAY)/bin --kubeconfig "$$($(RUN) trainyard_cluster kubeconfig --name bench)" $(BENCH) || code=$$?; \
	  $(RUN) trainyard_cluster down --name bench; exit $${code:-0}

$(RAY)/.ready: requirements/ray.lock | setup
	@test -x $(RAY)/bin/python || $(VENV)/bin/uv venv --quiet --python $(VENV)/bin/python $(RAY)
	@$(VENV)/bin/uv pip sync --quiet --require-hashes --python $(RAY)/bin/python requirements/ray.lock
	@touch $@

bench-operator: setup ## Measure the operator beside plain Jobs and beside Kueue, on a separate control plane with simulated nodes (1 h; BENCH=)
	@$(RUN) trainyard_cluster up --name bench --gpus 0 --kwok-nodes 1
	@$(VENV)/bin/python bench/operator --kubeconfig "$$($(RUN) trainyard_cluster kubeconfig --name bench)" $(BENCH) || code=$$?; \
	  $(RUN) trainyard_cluster down --name bench; exit $${code:-0}

bench-scale: setup ## Measure decisions of the operator in clusters of 10, 100 and 1,000 nodes; writes bench/results/scale.json (3 min)
	@$(VENV)/bin/python bench/scale $(BENCH)

bench-watching: setup ## Measure the operator's watches beside kopf's, and what each misses, on a separate control plane (30 min; BENCH=)
	@$(RUN) trainyard_cluster up --name bench --gpus 0
	@$(VENV)/bin/python bench/watching --kubeconfig "$$($(RUN) trainyard_cluster kubeconfig --name bench)" $(BENCH) || code=$$?; \
	  $(RUN) trainyard_cluster down --name bench; exit $${code:-0}

bench-trace: setup ## Replay weeks of a real lab in simulated time under several policies; writes docs/replayed-weeks.md (15 min)
	@$(VENV)/bin/python bench/replay $(BENCH)

fuzz: setup ## Schemathesis over the whole API on both databases, 20,000 cases or more on each (7 min)
	@TRAINYARD_FUZZ_EXAMPLES=440 $(RUN) pytest -q -s tests/property/gateway/test_gateway_fuzz.py

fuzz-mlflow: setup ## MLflow's protocol with 20,000 requests of any kind (TRAINYARD_MLFLOW_EXAMPLES= of each of four kinds; 15 min)
	@TRAINYARD_MLFLOW_EXAMPLES=$${TRAINYARD_MLFLOW_EXAMPLES:-5000} $(RUN) pytest -q -s -n 0 tests/property/gateway/test_mlflow_fuzz.py

HOSTILE_SECONDS ?= 10
hostile: setup ## 20,000 hostile reports and objects, and callers, against real programs; writes bench/results/hostile.{svg,json} (12 min, TRAINYARD_HOSTILE_SEED=)
	@rm -rf build/hostile
	@TRAINYARD_HOSTILE_REPORTS=$${TRAINYARD_HOSTILE_REPORTS:-20000} TRAINYARD_HOSTILE_ATTACK_SECONDS=$(HOSTILE_SECONDS) \
	  TRAINYARD_HOSTILE_OBJECTS=$${TRAINYARD_HOSTILE_OBJECTS:-6000} \
	  $(RUN) pytest -q -s -n 0 tests/property/hostile tests/property/operator/test_poison.py || code=$$?; \
	  $(VENV)/bin/python tests/support/hostile_picture.py build/hostile bench/results/hostile; exit $${code:-0}

bench-gateway: setup ## Measure the gateway beside an MLflow server and nginx (30 min)
	@PATH="$$PATH:/usr/sbin"; command -v nginx >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends nginx-light >/dev/null; } || \
	  { echo "nginx is not installed (apt-get install nginx-light)" >&2; exit 1; }
	@test -x build/mlflow/bin/python || $(VENV)/bin/uv venv --quiet --python $(VENV)/bin/python build/mlflow
	@$(VENV)/bin/uv pip sync --quiet --require-hashes --python build/mlflow/bin/python requirements/mlflow.lock
	@$(RUN) trainyard_cluster up --name bench --gpus 0 --kwok-nodes 1
	@$(VENV)/bin/python bench/gateway --kubeconfig "$$($(RUN) trainyard_cluster kubeconfig --name bench)" $(BENCH) || code=$$?; \
	  $(RUN) trainyard_cluster down --name bench; exit $${code:-0}

mlflow-parity: setup ## Compare what MLflow's client gets from its server and from the gateway; writes docs/mlflow-parity.md (5 min)
	@test -x build/mlflow/bin/python || $(VENV)/bin/uv venv --quiet --python $(VENV)/bin/python build/mlflow
	@$(VENV)/bin/uv pip sync --quiet --require-hashes --python build/mlflow/bin/python requirements/mlflow.lock
	@$(RUN) trainyard_cluster up --name bench --gpus 0 --kwok-nodes 1
	@$(VENV)/bin/python bench/parity --kubeconfig "$$($(RUN) trainyard_cluster kubeconfig --name bench)" || code=$$?; \
	  $(RUN) trainyard_cluster down --name bench; exit $${code:-0}

bench-web: setup web-packages ## Measure the web page beside those of MLflow and Trackio in one browser; writes bench/results/web.{md,json} (15 min on a quiet machine)
	@test -x build/mlflow/bin/python || $(VENV)/bin/uv venv --quiet --python $(VENV)/bin/python build/mlflow
	@$(VENV)/bin/uv pip sync --quiet --require-hashes --python build/mlflow/bin/python requirements/mlflow.lock
	@test -x build/trackio/bin/python || $(VENV)/bin/uv venv --quiet --python $(VENV)/bin/python build/trackio
	@$(VENV)/bin/uv pip sync --quiet --require-hashes --python build/trackio/bin/python requirements/trackio.lock
	@$(RUN) trainyard_cluster up --name bench --gpus 0 --kwok-nodes 1
	@$(VENV)/bin/python bench/web --kubeconfig "$$($(RUN) trainyard_cluster kubeconfig --name bench)" $(BENCH) || code=$$?; \
	  $(RUN) trainyard_cluster down --name bench; exit $${code:-0}

LOCK = uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links $(foreach package,$(PACKAGES),--no-emit-package $(package))

lock: ## Resolve the pins again (requirements/*.lock); the dev lock constrains those of demo and images
	@export PATH="$(CURDIR)/$(VENV)/bin:$$PATH" && \
	  $(LOCK) --group dev pyproject.toml -o requirements/dev.lock && \
	  $(LOCK) -c requirements/dev.lock --group demo -o requirements/demo.lock && \
	  $(LOCK) -c requirements/dev.lock $$(sed -n 's/^\([a-z0-9._-]*\)==.*/--no-emit-package \1/p' requirements/dev.lock) \
	    requirements/bench.in -o requirements/bench.lock && \
	  $(LOCK) --no-deps --only-binary :all: requirements/corpus.in -o requirements/corpus.lock && \
	  $(LOCK) requirements/mlflow.in -o requirements/mlflow.lock && \
	  $(LOCK) requirements/trackio.in -o requirements/trackio.lock && \
	  for client in requirements/mlflow-client-*.in requirements/event-writer.in; do \
	    $(LOCK) "$$client" -o "$${client%.in}.lock" || exit 1; \
	  done && \
	  $(LOCK) requirements/scan.in -o requirements/scan.lock && \
	  $(LOCK) requirements/ray.in -o requirements/ray.lock && \
	  uv pip compile --quiet --generate-hashes --python-version 3.14 --python-platform x86_64-manylinux_2_40 --only-binary :all: \
	    --no-header --no-annotate --no-emit-index-url --no-emit-find-links requirements/programs.in -o requirements/programs.lock && \
	  for project in operator gateway telegram_bot trainer-image; do \
	    $(LOCK) -c requirements/dev.lock $$project/pyproject.toml -o requirements/$$project.lock; \
	  done && \
	  $(LOCK) -c requirements/dev.lock $$(sed -n 's/^\([a-z0-9._-]*\)==.*/--no-emit-package \1/p' requirements/trainer-image.lock) \
	    requirements/trainer-torch.in -o requirements/trainer-torch.lock

clean: ## Remove what builds and tests left in this folder
	@rm -rf build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
