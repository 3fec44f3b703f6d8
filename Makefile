# Needs GNU make 3.81 or newer and one of Python 3.11 to 3.14 with venv. PYTHON=/path/to/python overrides the first one found.
.PHONY: help demo test test-long test-trino lint bench bench-size lock upgrade dashboards pictures rules docs clean runtime development

help: ## List what can be made
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' Makefile | expand -t 20

demo: runtime ## Run the exporter on a synthetic organisation, without AWS
	@.venv/bin/aws-user-exporter demo

test: development ## Run all tests but those that take minutes each, as many files at a time as there are cores, up to 4
	@.venv/bin/pytest -m "not long" --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test-long: development ## Run the tests that take minutes each
	@.venv/bin/pytest -m long

test-trino: development ## Run every statement of sql/ on a real Trino, which is fetched first (0.8 GB, Maven, Java 24)
	@TRINO_HOME=$$(sh .ci/trino) && export TRINO_HOME && .venv/bin/pytest tests/test_trino*.py

lint: development ## Check style, types and the direction of imports
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy --strict exporter
	.venv/bin/lint-imports --no-logo

bench: development ## Measure speed and size beside their rivals
	@.venv/bin/python -m benchmarks.run

bench-size: development ## Measure organisations of up to 100,000 people (20 minutes, 7 GB)
	@.venv/bin/python -m benchmarks.size

lock: development ## Write both locks again from pyproject.toml, keeping what is pinned
	$(COMPILE) --group build --output-file requirements.txt
	$(COMPILE) --group build --group dev --constraint requirements.txt --output-file requirements-dev.txt

upgrade: UPGRADE = --upgrade
upgrade: lock ## Write both locks with the newest versions

dashboards: development ## Generate grafana/dashboards from grafana/source
	@.venv/bin/python grafana/source/build.py

pictures: development ## Draw every dashboard from a running Prometheus: make pictures PROMETHEUS=127.0.0.1:9090
	@npm ci --silent --prefix grafana/check
	@.venv/bin/python grafana/check/pictures.py --prometheus $(or $(PROMETHEUS),127.0.0.1:9090)

rules: development ## Generate prometheus/rules/recording.yml from the families
	@.venv/bin/python prometheus/source/recording.py

docs: development ## Generate the reference pages in docs
	.venv/bin/python -m exporter.config.reference >docs/config.md
	.venv/bin/python -m exporter.families.reference >docs/metrics.md
	.venv/bin/python -m exporter.command_reference

clean: ## Remove .venv, demo-data and everything else that can be made again
	rm -rf .venv .cache demo-data build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --universal: one lock for every Python and system, with markers where they differ. No URL gets in: pip uses whatever index is configured.
COMPILE = .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	--strip-extras --annotation-style line --custom-compile-command 'make lock' $(UPGRADE) pyproject.toml

runtime:
	@sh .ci/venv requirements.txt

development:
	@sh .ci/venv requirements-dev.txt
