# Everything runs from .venv, which these targets make. `make help` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := runs/demo

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint types unit notebooks notebook-tests cluster-tests docs pictures screenshots lab bench clean

help: ## Show these lines
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

$(VENV)/pip: constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade --constraint constraints.txt pip
	@touch $@

# What the demo and the lab need: the systems and notebooks, no test tools.
$(VENV)/lab: $(VENV)/pip pyproject.toml
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[lab,openeo]"
	@touch $@

$(VENV)/all: $(VENV)/pip pyproject.toml
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[all]"
	@touch $@ $(VENV)/lab

setup: $(VENV)/all ## Make .venv with everything

demo: $(VENV)/lab ## Run the EGMS notebook on the sample and say where the results are
	$(BIN)/workbench run notebooks/egms_ortho.ipynb -o $(DEMO)/egms_ortho.ipynb \
	    -p output $(DEMO)/egms -p overwrite true
	@echo
	@echo "Written to $(DEMO):"
	@cd $(DEMO) && find . -type f -not -path '*/.work/*' | sort | sed 's,^\./,  ,'
	@echo
	@echo "Look at $(DEMO)/egms/velocity.png, or open $(DEMO)/egms_ortho.ipynb in JupyterLab (make lab)."

test: lint types unit notebook-tests cluster-tests ## Lint, types, tests, notebooks, Slurm, browser

lint: $(VENV)/all ## Check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/all ## Check types
	$(BIN)/mypy

unit: $(VENV)/all ## Tests of the packages, two at a time
	$(BIN)/pytest -n 2 --dist loadfile -m "not notebook and not slurm and not browser"

notebook-tests: $(VENV)/all ## Run every notebook on small parameters, two at a time
	$(BIN)/pytest -n 2 -m notebook

# They wait more than they compute; each of the three processes has a Slurm of its own.
cluster-tests: $(VENV)/all ## Jobs on a Slurm started here, JupyterLab in Chromium (needs both installed)
	$(BIN)/pytest -n 3 --dist worksteal -m "slurm or browser" tests/cluster

notebooks: $(VENV)/all ## Bring each .py and .ipynb in step and strip outputs
	$(BIN)/jupytext --sync notebooks/*.py
	$(BIN)/nbstripout --extra-keys "metadata.papermill cell.metadata.papermill metadata.language_info.version" notebooks/*.ipynb

docs: $(VENV)/all ## Build the site: guides, notebooks as they ran, reference of the public names
	$(BIN)/python docs/build.py $(if $(EXECUTED),--executed $(EXECUTED))

pictures: $(VENV)/all ## Make the pictures of README and guides
	$(BIN)/python docs/pictures.py

screenshots: $(VENV)/all ## Store the picture of JupyterLab at work (needs Chromium)
	$(BIN)/python docs/screenshots.py

lab: $(VENV)/lab ## Open JupyterLab with the Dask panel
	$(BIN)/workbench lab

bench: $(VENV)/all ## Measure against the plain references (minutes)
	$(BIN)/python benchmarks/egms.py
	$(BIN)/python benchmarks/clusters.py
	$(BIN)/python benchmarks/efast_fusion.py
	$(BIN)/python benchmarks/spaceeye_chain.py
	$(BIN)/python benchmarks/spaceeye_quality.py

clean: ## Remove .venv, the site and what runs wrote
	rm -rf $(VENV) runs docs/_build
