# `make fig3` and `make test` do whatever they need first. `make help` lists what there is.

WEIGHTS ?= $(or $(FMI_WEIGHTS),model/vgg19.params)
IMAGES  ?= $(or $(FMI_IMAGES),experiments/images)
PANELS  ?= experiments/panels
DEVICE  ?= $(or $(FMI_DEVICE),auto)
JOBS    ?= $(or $(FMI_JOBS),auto)
OUT     ?= figures
SET     ?=
EXTRA   ?=

# The first Python that MXNet 1.9.1 can be installed for; `make setup PYTHON=...` takes another.
PYTHON ?= $(shell for p in python3 python3.12 python3.11 python3.10 python3.9 python3.8; do \
	$$p -c 'import sys; sys.exit(not (3, 8) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && echo $$p && break; done)

VENV      := .venv
INSTALLED := $(VENV)/.installed
FMI       := $(VENV)/bin/fmi
OPTIONS    = --weights "$(WEIGHTS)" --images "$(IMAGES)" --device "$(DEVICE)"

FIGURES := fig1 fig2 fig3 fig4 fig5
RUNS    := $(FIGURES) atlas

# What a panel is compared with: its file, our run's folder and the settings that it needs beside the experiment's own. Fig. 3's
# panel comes from the authors' loop over filters; the draws of Fig. 4 cannot be repeated, so many show where they lie.
COMPARISONS   := compare-fig3 compare-fig4 compare-fig5
PANEL_fig3    := fig3_golden_gate.png
PANEL_fig4    := fig4.png
PANEL_fig5    := fig5.png
RUN_fig3      := fig3_authors
RUN_fig4      := fig4_draws
RUN_fig5      := fig5
SETTINGS_fig3 := images=golden_gate target=authors
SETTINGS_fig4 := images=golden_gate draws=12

# Which settings made a panel? What the paper says of the figure's own key or what the authors' code does, both poolings, Oxford's
# weights and normalised ones. Fig. 3 with the fast preset, which changes the looks of the others (docs/faithful.md, "The
# strokes of PMCI"). SET changes what these leave open. What came out: docs/panels.md.
TRIALS        := settings-fig3 settings-fig4 settings-fig5
KEY_fig3      := target
KEY_fig4      := draw
KEY_fig5      := normalise
TRIED_fig3    := preset=fast images=golden_gate
TRIED_fig4    := images=golden_gate draws=4
TRIED_fig5    := images=golden_gate
NORMALISED    := $(OUT)/settings/vgg19_normalised.params

.NOTPARALLEL:  # each rule takes all cores, and `make clean setup` is an order

.PHONY: help setup model images panels $(RUNS) figures demo claims compare $(COMPARISONS) settings $(TRIALS) normalised test lint bench doctor clean

help:
	@echo "make demo      Figs. 3, 4 and 5 from the small network in this repository: no weights or images to fetch, a minute of computing"
	@echo "make fig3      install, get weights and images, compute and draw Fig. 3; a second run resumes (likewise fig1, fig2, fig4, fig5)"
	@echo "make figures   all five figures"
	@echo "make atlas     every filter of VGG-19, from two images: hours; fmi gallery and fmi claims --atlas show it"
	@echo "make claims    the paper's claims, tested with intervals and controls: writes claims.md, claims.json and claims.png"
	@echo "make compare   our Figs. 3, 4 and 5 beside the authors' panels; make compare-fig3 (fig4, fig5) one of them"
	@echo "make settings  which settings made the authors' panels; make settings-fig3 (fig4, fig5) of one of them"
	@echo "make test      install and test; make lint checks style, types and the order of imports"
	@echo "make doctor    what this machine has, and what is missing"
	@echo "make bench     what a pass costs, and how long each optimiser takes to the authors' loss: half an hour"
	@echo "make setup | model | images | panels | clean"
	@echo "Variables: WEIGHTS=FILE IMAGES=DIR PANELS=DIR DEVICE=auto|cpu|gpu|gpu:N JOBS=auto|N OUT=DIR SET=\"KEY=VALUE ...\" EXTRA=cpu|cu112 PYTHON=..."

setup: $(INSTALLED)

$(INSTALLED): setup.py
	@test -n "$(PYTHON)" || { echo "no Python 3.8 to 3.12 found; install one, or make setup PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	extra=$(EXTRA); test -n "$$extra" || extra=$$($(PYTHON) fmi_mx/machine/gpu.py); \
	$(VENV)/bin/pip install --quiet --editable ".[$$extra,dev]"
	touch $@

model: setup
	@test "$(WEIGHTS)" != model/vgg19.params || $(FMI) weights fetch

images: setup
	@test "$(IMAGES)" != experiments/images || $(FMI) images fetch

$(filter-out fig2,$(RUNS)): model

$(RUNS): images
	$(FMI) run experiments/$@.yaml --out "$(OUT)/$@" $(OPTIONS) --jobs "$(JOBS)" $(foreach s,$(SET),--set "$(s)")

figures: $(FIGURES)

demo: setup
	for figure in fig3 fig4 fig5; do \
		$(FMI) run experiments/$$figure.yaml --set preset=demo --out "$(OUT)/demo/$$figure" \
			--weights model/small.params --images "$(IMAGES)" --device "$(DEVICE)" --jobs "$(JOBS)" $(foreach s,$(SET),--set "$(s)") || exit; \
	done

claims: model images
	$(FMI) claims experiments/claims.yaml --out "$(OUT)" $(OPTIONS) --jobs "$(JOBS)" $(foreach s,$(SET),--set "$(s)")

# Before hours of computing what is to be laid beside it.
PANEL_THERE = @test -f "$(PANELS)/$(PANEL_$*)" || { echo "$(PANELS) has no $(PANEL_$*); give another with PANELS=DIR" >&2; exit 2; }

panels: setup
	@test "$(PANELS)" != experiments/panels || $(FMI) panels fetch

compare: $(COMPARISONS)

$(COMPARISONS): compare-%: panels model images
	$(PANEL_THERE)
	$(FMI) run experiments/$*.yaml --out "$(OUT)/$(RUN_$*)" $(OPTIONS) --jobs "$(JOBS)" $(foreach s,$(SETTINGS_$*) $(SET),--set "$(s)")
	$(FMI) compare "$(OUT)/$(RUN_$*)" "$(PANELS)/$(PANEL_$*)" --weights "$(WEIGHTS)" --device "$(DEVICE)"

settings: $(TRIALS)

normalised: model images
	mkdir -p "$(OUT)/settings"
	$(FMI) weights normalise --weights "$(WEIGHTS)" --images "$(IMAGES)" --to "$(NORMALISED)"

$(TRIALS): settings-%: panels normalised
	$(PANEL_THERE)
	for network in oxford normalised; do \
		test $$network = oxford && weights="$(WEIGHTS)" || weights="$(NORMALISED)"; \
		$(FMI) run experiments/$*.yaml --out "$(OUT)/settings/$*/$$network" --weights "$$weights" --images "$(IMAGES)" \
			--device "$(DEVICE)" --jobs "$(JOBS)" $(foreach s,$(TRIED_$*) $(SET),--set "$(s)") \
			--sweep "$(KEY_$*)=[paper,authors]" --sweep "pool=[avg,max]" || exit; \
	done
	$(FMI) compare "$(OUT)/settings/$*"/*/*/ "$(PANELS)/$(PANEL_$*)" --weights "$(WEIGHTS)" --device "$(DEVICE)"

test: setup
	$(VENV)/bin/pytest -n auto

lint: setup
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports
	$(VENV)/bin/mypy

bench: model images
	$(FMI) bench --out "$(OUT)/bench" $(OPTIONS)

doctor: setup
	$(FMI) doctor $(OPTIONS)

clean:
	rm -rf $(VENV) *.egg-info build .pytest_cache .ruff_cache
