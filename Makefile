# Each target is a line or two that a person could type; README.md says what to type where there is no make.
#   make lab PYTHON=python3.12         uses that Python to make .venv
#   make lab ARGS="--no-browser"       hands options to JupyterLab
PYTHON ?= python3
python := .venv/bin/python
all_notebooks := notebooks/*.ipynb notebooks/solutions/*.ipynb

# The networks here are small: with more than one thread for a matrix product, threads only wait for each other.
export OMP_NUM_THREADS ?= 1

.PHONY: lab test notebooks figures slides site bench clean

# Open JupyterLab at the first notebook.
lab: .venv/lab-ready
	$(python) -m jupyterlab --LabApp.default_url=/lab/tree/notebooks/00_why_lstm.ipynb $(ARGS)

# Run every test and every notebook.
test: .venv/test-ready
	$(python) -m ruff check .
	$(python) -m ruff format --check .
	$(python) -m pytest

# Run all notebooks in fresh kernels and store what they show.
notebooks: .venv/test-ready
	$(python) tests/notebook_runs.py $(all_notebooks)

# Draw the pictures of figures/ again; the scrubber's is a screenshot, taken in Chromium.
figures: .venv/test-ready
	$(python) -c "from lstm_helpers.figures import write_svgs; write_svgs('figures')"
	$(python) tests/scrubber_picture.py figures/scrubber.png

# Slides of every notebook, in _slides (they load reveal.js from the net).
slides: .venv/test-ready
	$(python) tests/notebook_pages.py slides _slides

# Every notebook as a page to read, in _site.
site: .venv/test-ready
	$(python) tests/notebook_pages.py site _site

# Measure the speed against torch and others, in about seven minutes, into benchmarks/RESULTS.md.
bench: .venv/test-ready
	$(python) benchmarks/run.py

# Remove everything that make has made, .venv too.
clean:
	rm -rf .venv _site _slides build *.egg-info

# The two stamps say that an install went through. They are made again only when pyproject.toml changes, so that all of
# the above works without a network once it has worked with one. What goes wrong is said in one line.
.venv/lab-ready: pyproject.toml
	@found=$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2]); sys.exit(sys.version_info < (3, 11))' 2>&1) \
		|| { echo "This needs Python 3.11 or newer; $(PYTHON) gives: $$found. Name another: make lab PYTHON=python3.12" >&2; exit 1; }
	@$(python) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv .venv \
		|| { echo "Could not make .venv. On Debian and Ubuntu: sudo apt install python3-venv; else: make clean, and try again" >&2; exit 1; }
	@$(call install,.)
	@touch $@

.venv/test-ready: .venv/lab-ready
	@$(call install,'.[dev]')
	@touch $@

install = $(python) -m pip install --log .venv/pip.log -e $(1) \
	|| { echo "The install failed (no network?): $$(grep -o 'ERROR: [A-Z].*' .venv/pip.log | tail -n 1)" >&2; exit 1; }
