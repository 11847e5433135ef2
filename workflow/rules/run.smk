"""Say what a run was, and what it costs.

Reads:     the configuration; items; what servers count
Writes:    results/run_config.yaml, results/cost.csv (on demand), results/usage.csv, .md
"""


rule run_config:
    output:
        yaml=report(
            "results/run_config.yaml",
            caption="../report/run_config.rst",
            category="Run",
        ),
    log:
        "results/logs/run_config.log",
    conda:
        "../../envs/core.yaml"
    params:
        config=settings(),
        code=code("run-config"),
    shell:
        "python -m umui.cli run-config --settings {params.config:q} --yaml {output.yaml} 2> {log}"


rule cost:
    input:
        item_tables=ITEMS,
    output:
        csv="results/cost.csv",
    log:
        "results/logs/cost.log",
    conda:
        "../../envs/core.yaml"
    params:
        config=settings(),
        code=code(
            "cost",
            templates=dispatch.prompts(
                *(student.prompt for student in CONFIG.students.values())
            ),
        ),
    shell:
        """
        python -m umui.cli cost --settings {params.config:q} --items {input.item_tables} --csv {output.csv} 2>{log}
        """


rule usage:
    input:
        paths.files_of(paths.usage(CONFIG)),
    output:
        csv=report(
            "results/usage.csv",
            caption="../report/usage.rst",
            category="Run",
        ),
        markdown="results/usage.md",
    log:
        "results/logs/usage.log",
    conda:
        "../../envs/core.yaml"
    params:
        usage=named_files("--usage", paths.usage(CONFIG)),
        code=code("usage"),
    shell:
        """
        python -m umui.cli usage {params.usage} --csv {output.csv} --markdown {output.markdown} 2>{log}
        """
