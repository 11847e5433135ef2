"""Lay a run beside the paper: its table of hyperparameters, and its figures beside the run's.

Reads:     results/run_config.yaml, results/metrics/, data/paper_results.csv
Writes:    results/table6.csv, .md; results/paper_comparison.csv, .md
"""


rule hyperparameters:
    input:
        run_config="results/run_config.yaml",
    output:
        csv=report(
            "results/table6.csv", caption="../report/table6.rst", category="Tables"
        ),
        markdown="results/table6.md",
    log:
        "results/logs/hyperparameters.log",
    conda:
        "../../envs/core.yaml"
    params:
        code=code("hyperparameters"),
    shell:
        """
        python -m umui.cli hyperparameters --run-config {input.run_config} --csv {output.csv} \
            --markdown {output.markdown} 2>{log}
        """


rule paper_comparison:
    input:
        published=f"{REPOSITORY}data/paper_results.csv",
        metrics=tables.metrics_of(CONFIG, "table7"),
    output:
        csv=report(
            "results/paper_comparison.csv",
            caption="../report/paper_comparison.rst",
            category="Tables",
        ),
        markdown="results/paper_comparison.md",
    log:
        "results/logs/paper_comparison.log",
    conda:
        "../../envs/core.yaml"
    params:
        code=code("paper-comparison", templates=("papers.clue:comparison",)),
    shell:
        """
        python -m umui.cli paper-comparison --published {input.published:q} --metrics {input.metrics} \
            --csv {output.csv} --markdown {output.markdown} 2>{log}
        """
